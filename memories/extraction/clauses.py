"""From a clause as it was typed to the statement in it: without openers, without the question that follows it."""

from __future__ import annotations

import re

from memories.extraction.lexicon import AUXILIARIES, COMMON_VERBS, has_verb, is_past, is_verb_form, word_set, words_of


def _any(*alternatives: str) -> str:
    return f"(?:{'|'.join(alternatives)})"


_I_AM = r"I(?:'m| am)"
_I_WOULD = r"I(?:'d| would)"
_I_HAVE = r"I(?:'ve got| have got| have|'ve)"

# Before a statement
_MARKUP = re.compile(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
_SPELLED_OUT = {"wanna": "want to", "gonna": "going to", "cuz": "because", "lemme": "let me"}
_SLURRED = re.compile(rf"\b(?:{'|'.join(_SPELLED_OUT)})\b", re.IGNORECASE)
_NAME_IS = re.compile(r"(?<=\bname)'s\b", re.IGNORECASE)
_OPENERS_WITH_A_MARK = (
    "yes|yeah|yep|yup|no|nope|sure|of course|ok|okay|right|true|correct|exactly|indeed|absolutely|definitely|certainly",
    "well|actually|honestly|to be honest|in fact|basically|specifically|overall|anyways?|personally|for context",
    "also|so|plus|additionally|moreover|furthermore|however|though|although|still|then|first|second|finally|lately",
    "oh|ah|hmm|hi|hello|hey|hi there|thanks|thank you|thanks a lot|great|good|nice|cool|lol|haha|interesting",
    "by the way|btw|fyi|for your information|just so you know|for the record|good question|great question|sounds good",
    "not really|not yet|between (?:you and me|us)|(?:quick )?q(?:uestion)?|long story short",
    r"(?:I'm )?sorry|my (?:bad|mistake)|I (?:misspoke|was wrong|made a (?:mistake|typo))|(?:small |quick )?correction"
    r"|let me correct (?:myself|that)|I meant(?: to (?:say|write))?|what I meant is|I changed my mind"
    r"|not (?:my|the|our|his|her) [\w'-]+(?: [\w'-]+)?",
)
_OPENERS_BARE = (
    "and|but|so|also|plus|oh|btw|actually|honestly|basically|anyway|ok|okay|yeah|yes|no(?= no\\b)|sure|hey|then",
    "on (?:a different|another) note,?",
)
_OPENER = re.compile(
    rf"^(?:{_any(*_OPENERS_WITH_A_MARK)}(?:[,!.:…]+| [—-])\s+|{_any(*_OPENERS_BARE)}\s+)+", re.IGNORECASE
)
_TELLING = re.compile(
    "^"
    + _any(
        r"(?:please |pls )?(?:remember|note|know|keep in mind|be aware|bear in mind|don't forget)(?: that|:|,)",
        r"(?:just )?(?:so you know|to let you know|(?:quick )?update)[,:]?(?: that)?",
        r"as (?:I|you) (?:said|mentioned|told you|know)"
        r"(?: (?:yesterday|before|earlier|above|already|last (?:week|time|month|night)))*,?(?: that)?",
        rf"(?:I want(?:ed)?|I forgot|{_I_WOULD} like) (?:you to know|to (?:mention|say|tell you|add))(?: that)?",
        "I should (?:mention|add) that",
        r"(?:I )?(?:just )?want(?:ed)? to (?:let you know|fill you in(?: on)?)(?: that|[-:,])?",
        r"(?:I )?(?:just )?want(?:ed)? to give you (?:the|a) heads[ -]up(?: (?:about|on)(?: what's been happening"
        r"(?: lately)?)?)?(?: that|[-:,])?",
    )
    + r"\s+",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"(?:[,\s]+(?:lol|lmao|ha(?:ha)+|hehe|tbh|imo|imho|btw|though|tho)"
    r"|,\s+(?:anyways?|obviously|of course|you know|right|please|thanks|thank you)|\s*[:;]-?[()DP])+(?=\W*$)",
    re.IGNORECASE,
)
_BELIEF = re.compile(r"^I (?:think|guess|suppose|believe)(?: that)? (?=(?:I|my|we|our)\b)", re.IGNORECASE)

# After a statement: the question or request that it leads up to
_ASKS = _any(
    "what|how|why|whether|please|tell me|help me|let me know|I wonder|is that|right\\?|ok\\?",
    r"(?:which|who|where|when) (?:should|would|can|could|do|does|ones?)",
    r"(?:can|could|would|should|do|does|did|is|are|will|have|am|may)"
    r" (?:you|I|we|there|it|this|that|these|my|the|someone|anyone|anything)",
    r"any (?:advice|tips?|ideas?|suggestions?|thoughts|recommendations?)",
    rf"(?:{_I_AM}|I was)(?: just| also)? (?:wondering|hoping you)",
    rf"{_I_WOULD} (?:like|love|appreciate) (?:your|some|to (?:know|hear|get))",
    r"considering (?:that )?(?:I|we)",
)
_ASKED_TAIL = re.compile(
    rf"(?:,|\s[—-]|:|;|\s(?=so |and ))\s*(?:so |and |but |plus |then |maybe )*{_ASKS}\b.*$", re.IGNORECASE | re.DOTALL
)
_QUESTION = re.compile(
    r"^(?:how|what|why)\b|^(?:(?:which|who|where|when) )?(?:can|could|would|should|do|does|did|is|are|will|have|am)"
    r" (?:you|I|we|there|it|this|that|the|my)\b",
    re.IGNORECASE,
)
_REASON_FIRST = re.compile(
    r"^(?:since|because|given that|seeing as|as)\s+(?P<fact>(?:I|my|we|our)\b[^,]*),", re.IGNORECASE
)
_AS_A = re.compile(r"^as (?P<what>an? [\w' -]+?)(?: myself)?, .*\b(?:I|me|my)\b", re.IGNORECASE)
_DOES = re.compile(r"^(?:I|we) (?:[a-z]+ly |also |always |never |often )?[a-z]{2,} (?!and\b)\w", re.IGNORECASE)
_STATES = re.compile(r"^(?:I|my|we|our)\b", re.IGNORECASE)

# What is said of oneself without saying "I" or "my"
_FAMILY_FIRST = re.compile(
    r"^(?P<both>both )?(?P<who>parents|mom|mum|mother|dad|father|grandma|grandpa|grandmother|grandfather)"
    r"(?= (?P<verb>[a-z]+)\b)",
    re.IGNORECASE,
)
_IS_SHORT = "'s"
_IT_IS_MINE = re.compile(
    r"^(?P<day>it|today|tomorrow|yesterday)(?P<verb>'s| is| was| will be) (?P<what>(?:my|our) (?:[\w'-]+ ){0,2}"
    r"(?:birthday|anniversary|wedding|day off|(?:first|last) day)(?: (?:at|of|in) [\w' -]+?)?)"
    r"(?P<when> (?:today|tomorrow|tonight|(?:on|next|this|in)\b.*))?(?=\W*$)",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(
    r"^(?:(?:just|recently|finally|also|already|only|still|really|absolutely|even) )*(?P<verb>[a-z]+) (?!by\b|of\b)\w",
    re.IGNORECASE,
)
_SAID_OF_ONESELF = word_set("love hate prefer enjoy adore dislike")
_NO_VERB = word_set(
    """
    agreed asked based born called compared concerned cut delighted excited given honored hundred indeed inspired
    interested left let located meant named needed pleased provided put read red related required said set supposed
    thrilled tired understood used written
    """
)

# What is no statement about anybody
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|possibly|probably|not sure|kind of|sort of|could be|considering|if I"
    r"|I (?:guess|suppose|think I))\b",
    re.IGNORECASE,
)
_NOTHING_SAID = re.compile(
    "^"
    + _any(
        rf"(?:{_I_AM}|I was) (?:still |really |also |just |kinda |a bit |kind of )*"
        r"(?:not sure|unsure|uncertain|confused|stuck|lost|wondering|asking|curious (?:if|whether|about how))\b",
        rf"{_I_AM} (?:good|fine|ok|okay|sorry|done|back|here)\b(?! (?:at|with|in|about|from|on)\b)",
        r"I (?:don't|do not) (?:know|understand|get it|think so|mind)\b",
        r"(?:I|we) (?:(?:\w+ly|so|do) )?(?:see|understand|agree|guess so|think so|hear you|mean|got (?:it|this)|know"
        r"|will)(?:,? [A-Z]\w+)?\W*$",
        r"I (?:hope|wish|imagine|suppose) (?:so|not)(?:,? too)?\W*$",
        r"(?:I|we)(?:'ve| have|'m| am| do| did| had| was| will| would| can| could| should)(?:n't| not)?"
        r"(?:,? (?:actually|indeed|definitely|really|too|either|though|before|already|not))*\W*$",
        r"(?:I|we)(?:'d| had| have|'ve|)(?:n't| not| never)(?: \w+ly| even)?"
        r" (?:considered|thought|noticed|heard|realized)\b",
        r"(?:I'm|I am|I feel|we're|we are|I was|I'm feeling)(?: (?:\w+ly|so|also|just|very|quite|too|all|not|still))* "
        r"(?:sure|glad|happy|good|great|excited|curious|bored|tired|exhausted|hungry|sick|sad|upset|angry|annoyed|busy"
        r"|late|proud|grateful|nervous|relieved|ready|worried|devastated|lost|free|here|there|done|out|in)"
        r"(?: (?:right )?now| again| today)?\W*$",
        r"I (?:really )?hate to (?:bother|ask|say|admit|nag)\b",
        r"I (?:have|'ve got|had) no (?:idea|clue)\b|I meant\b|I (?:changed my mind|misspoke|swear|promise)\b",
        rf"{_I_WOULD} (?:love|like) (?:that|it|to (?:know|hear|see|share|ask|understand))\b",
        rf"{_I_HAVE} (?:a|another|one more|some) questions?\b",
        r"I(?:'ll| will) (?:do that|try (?:that|it)|keep (?:that|it) in mind|definitely (?:keep|do)|let you know"
        r"|keep (?:you|ya) (?:posted|updated))\b",
        rf"{_I_AM} off to (?:go|do|get|try|bed|sleep|work)\b",
        r"I (?:tried|ran|followed) (?:that|it|this|your)\b",
        r"I (?:need|want|would like|'d like) (?:help|some help|advice|to (?:know|ask|understand|hear|see|share))\b",
        r"you(?:'\w+)?\b",
        r"here(?:'s| is| are)\b|(?:maybe|perhaps) (?:I|we|you) (?:can|could|should)\b",
    ),
    re.IGNORECASE,
)
_TRANSIENT = re.compile(
    _any(
        r"\b(?:gets?|getting|got|sees?|seeing|throws?|raises?|have|having) (?:an?|this|the|some) (?:[\w.-]+ )?"
        r"(?:error|exception|traceback|issue|problem|trouble)s?\b",
        r"\bhaving (?:trouble|issues|problems)\b|\bkeeps? getting\b|\bwhen I run\b|\bthe following\b",
        r"\b(?:like|with|at|do|on|about) (?:this|these|that)\W*$",
        r"\b(?:doesn't|not) work(?:ing)?\b(?! (?:at|for|in|on)\b)",
    ),
    re.IGNORECASE,
)
# What would be, if: told as it stands it would be a fact.
_MADE_UP = re.compile(
    r"\bif (?:only )?(?:I|we|my|our|he|she|they|it)\b.{1,60}?\b(?:had|were|was|could|won|got|\w+ed)\b.{1,120}?"
    r"(?:\b(?:would|could|might)|'d)\b"
    r"|^(?:I|we|my|our)\b.{0,60}(?:\b(?:would|could|might)|'d)\b.{1,120}\bif (?:I|we|my|our)\b.{1,60}?"
    r"\b(?:had|were|was|could|won|got|\w+ed)\b",
    re.IGNORECASE,
)
# The header of a list, which says something only with an item.
_ANNOUNCES = re.compile(r"\b(?:is|are|was|were|include|includes|following|these|this)\W*:\W*$", re.IGNORECASE)
_MIN_WORDS = 3


def without_opener(clause: str) -> str:
    """The clause without "Yes,", "Sorry, I misspoke:" and "lol" around it, and without Markdown's marks."""
    plain = _NAME_IS.sub(" is", _SLURRED.sub(_spelled_out, _MARKUP.sub("", clause.strip())))
    return _TRAILING.sub("", _OPENER.sub("", plain)).strip()


def _spelled_out(slurred: re.Match[str]) -> str:
    return _SPELLED_OUT[slurred.group().lower()]


def fact_of(clause: str, lead: str = "") -> str:
    """The statement a clause makes, in the user's words; empty for questions, pleasantries and what says nothing.

    `lead` is the header of the list that the clause is an item of.
    """
    text = _IT_IS_MINE.sub(_mine_is, _FAMILY_FIRST.sub(_my, _TELLING.sub("", clause)))
    is_item = bool(lead) and (not has_verb(text) or _has_no_subject(text))
    text = _BELIEF.sub("", f"{lead}: {text}" if is_item else _with_subject(_before_question(text)))
    if len(text.split()) < _MIN_WORDS and not _STATES.match(text):
        return ""
    says_nothing = (
        _NOTHING_SAID.match(text)
        or _TRANSIENT.search(text)
        or _MADE_UP.search(text)
        or _ANNOUNCES.search(text)
        or not (is_item or has_verb(text) or _DOES.match(text))
    )
    return "" if says_nothing else text


def hedges(clause: str) -> bool:
    """Whether the user is not sure of it."""
    return bool(_HEDGE.search(clause))


def _my(found: re.Match[str]) -> str:
    return f"{found['both'] or ''}my {found['who'].lower()}" if is_verb_form(found["verb"]) else found.group()


def _mine_is(found: re.Match[str]) -> str:
    """ "It's my birthday next Tuesday" says that my birthday is then; without a day it says when it is said."""
    day = found["day"].lower()
    when = found["when"] or (" today" if day == "it" else f" {day}")
    return f"{found['what']}{found['verb'].replace(_IS_SHORT, ' is')}{when}"


def _has_no_subject(item: str) -> bool:
    """Whether an item of a list begins with a bare verb: "run a marathon", under "My goals:"."""
    first = next(iter(words_of(item)), "")
    return first in COMMON_VERBS and first not in AUXILIARIES


def _with_subject(text: str) -> str:
    """ "Just got a new job" and "Love hiking" are said of oneself."""
    started = _ELLIPSIS.match(text)
    if not started or text.rstrip().endswith("?"):
        return text
    verb = started["verb"].lower()
    is_verb = verb in _SAID_OF_ONESELF or (is_past(verb) and verb not in _NO_VERB)
    return f"I {text[:1].lower()}{text[1:]}" if is_verb else text


def _before_question(text: str) -> str:
    """What is stated before the question or request of one sentence: "I have a dog, what should it eat?"."""
    if as_a := _AS_A.match(text):
        return f"I am {as_a['what']}."
    asks = text.rstrip().endswith("?") or bool(_QUESTION.match(text))
    if asks and (reason := _REASON_FIRST.match(text)):
        return reason["fact"]
    stated = _ASKED_TAIL.sub("", text)
    if stated == text or _QUESTION.match(stated):
        return "" if asks else text
    return stated if has_verb(stated) and (_STATES.match(stated) or not asks) else ""
