"""What kind of statement a clause is: a fact about oneself, a taste, a habit, something that happened, a mere remark.

The kind gives the category, how sure the extractor is, and what the statement is worth (see salience). The first
pattern that fits decides, so the order matters: a goal is told from a fact about oneself before "my … is" can claim it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memories.choices import Category
from memories.extraction.lexicon import IRREGULAR_PAST, has_verb, is_past, words_of


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of statement. No category: the nearest prototype decides."""

    name: str
    category: Category | None
    worth: float  # of keeping it, in [0, 1]
    confidence: float  # in [0, 1]


ORDER = Kind("order", Category.PROCEDURAL, 1.00, 0.90)
IDENTITY = Kind("identity", Category.FACTUAL, 0.95, 0.95)
CONFIRMED = Kind("confirmed", Category.FACTUAL, 0.90, 0.75)
DEED = Kind("deed", Category.EPISODIC, 0.90, 0.80)
PREFERENCE = Kind("preference", Category.PREFERENCE, 0.85, 0.85)
CHANGE = Kind("change", Category.FACTUAL, 0.85, 0.85)
FACT = Kind("fact", Category.FACTUAL, 0.80, 0.85)
EVENT = Kind("event", Category.EPISODIC, 0.80, 0.85)
PROCEDURE = Kind("procedure", Category.PROCEDURAL, 0.80, 0.80)
ONGOING = Kind("ongoing", Category.EPISODIC, 0.75, 0.80)
HABIT = Kind("habit", Category.BEHAVIORAL, 0.55, 0.75)
GOAL = Kind("goal", Category.FACTUAL, 0.60, 0.75)
PLAN = Kind("plan", Category.EPISODIC, 0.45, 0.70)
FEELING = Kind("feeling", Category.EPISODIC, 0.45, 0.65)
STATEMENT = Kind("statement", None, 0.45, 0.60)
HAPPENED = Kind("happened", Category.EPISODIC, 0.45, 0.60)  # as a statement, but of a day or a time gone by
OPINION = Kind("opinion", Category.PREFERENCE, 0.35, 0.60)
ABOUT_OTHERS = Kind("about others", None, 0.05, 0.50)
REMARK = Kind("remark", None, 0.05, 0.50)

_I = r"^(?:(?:as|since|because|although|while|when|after|before|in|on|for|with|during|at|due)\b[^,]*, "
_I += r"|(?:in|on)\b[^,]{1,30}? \d{4} )?(?:I|we)"
_AM = rf"{_I}(?:'m|'re| am| are)"
_HAVE = rf"{_I}(?:'ve| have)"
_ADVERBS = (
    r"(?:\s+(?:\w+ly|also|still|just|always|never|often|usually|sometimes|now|no longer|do|don't|do not|even|already))*"
)
_MY_GOAL = r"\b(?:my|our) (?:\w+[ -]){0,2}(?:goal|aim|dream|ambition|objective|mission|motivation|vision|plan)s?"
_SO = r"(?:so |super |very |really |quite |truly |incredibly |a bit |a little |kinda |kind of |pretty |also )*"

# What is felt for the listener, wished to them or promised: about the talk, and not about the user. How to answer is
# another matter ("I like your short answers").
_YOU = r"\b(?:you|your|yours|yourself)(?:'\w+)?\b"
_SECOND_PERSON = re.compile(_YOU, re.IGNORECASE)
_STYLE = re.compile(
    r"\b(?:answer|repl|respon|explain|explanation|example|style|tone|format|emoji|summar|remind)", re.IGNORECASE
)
_SOON = r"(?: (?!and\b|but\b|because\b|that (?:I|my)\b)[\w']+){0,4}?"
_TO_THE_LISTENER = re.compile(
    rf"^(?:\w+, )?(?:I|we)(?:'m|'re|'d|'ll|'ve| am| are| was| will| would| have| can| could)?{_ADVERBS}"
    r" (?:love|like|enjoy|adore|admire|respect|appreciate|value|hope|wish|bet|believe|think|know|knew|remember|imagine"
    r"|picture|see|understand|hear|noticed|figured|miss|missed|owe|promise|support|help|cheer|watch|wait|want|need|let"
    rf"|send|show|tell|keep|get|got|be|won't){_SOON} {_YOU}"
    r"|\b(?:glad|happy|proud|sure|impressed|inspired|in awe|lucky|excited|pleased|grateful|sorry|curious"
    rf"|keen|amazed|jealous|blessed|thrilled){_SOON} {_YOU}"
    r"|^(?:\w+, )?(?:so )?(?:your|yours)\b"
    rf"|^(?:(?:really|so|much) )*(?:appreciate|glad|good luck|congrats|enjoy|take|knowing){_SOON} {_YOU}"
    r"|\b(?:got|have|has|had|having) your back\b|\b(?:let|keep|kept|keeping) you (?:down|posted|updated|in the loop)\b"
    r"|\byou(?:'ve| have)? got this\b|\byou (?:in|on) (?:my|our) (?:corner|side)\b",
    re.IGNORECASE,
)

_PATTERNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (REMARK, (
        r"^thank|\b(?:thanks?|thank you|appreciate (?:your|the|it))\b",
        r"\byour (?:help|support(?! (?:team|staff|agent|told|said|\w+ed))|advice|insights?|encouragement|guidance)\b",
        r"\byou \w+(?: me)? (?:that|this|it)\b",
        r"\b(?:with|to|for|of|tell|help|so|if|remember) you\b",
        r"\btrying to (?:understand|figure out|verify|decide|debug|handle|solve|see|find out|determine|fix|learn)\b",
        r"\b(?:to|will|'ll) make sure\b|\bthinking (?:about|of) how\b",
    )),
    (GOAL, (
        rf"{_MY_GOAL} (?:is|are|was)\b",
    )),
    (PREFERENCE, (
        r"\b(?:my|our) (?:\w+ )?favou?rite\b|\b(?:I|we) (?:really |much |strongly |always )?prefer\b",
    )),
    (IDENTITY, (
        r"\b(?:my|our) (?:full |first |last )?name is\b|\bI(?:'m| am) called\b|^I(?:'m| am) (?-i:[A-Z][a-z]+)\b",
        r"\bI (?:was born|am \d+)|^I'm \d+|\b(?:I|he|she) grew up\b",
        r"^(?:my|our) [\w' -]+: \w",
        r"\b(?:is|are|was) (?:called|named)\b|\b(?:my|our) [\w' -]+ (?:is|are) (?:an? |the )?[\w$€£]",
        r"\b(?:is|are) (?:one of )?my\b|\bis an? (?:\w+ )?(?:friend|colleague|classmate|neighbou?r|mentor|cousin)\b",
        rf"{_HAVE} (?:always )?been (?:an? )?(?!\w+ing\b)[\w -]+ since\b",
        r"\ballerg(?:ic|y|ies)\b|\bintolerant\b|\bdiagnosed\b",
        rf"{_I}(?!\s+(?:usually|often|never|always|rarely|sometimes)\b){_ADVERBS}"
        r" (?:live|work|study|reside|own|teach|manage|run an?|speak|suffer from"
        r"|have (?:an?|one|two|three|four|\d+|no) )\b",
    )),
    (PROCEDURE, (
        r"^to \w+ .*\b(?:run|use|call|press|execute|click|open|type|need|must)\b",
        r"^(?:when|before|after|while) (?:\w+ing\b|each\b|every\b|an?\b).*,? (?:we|I) (?:\w+ )?(?!was|had|were)\w+",
        rf"{_I}{_ADVERBS} (?:deploy|release|ship|publish|merge|test|review|version|tag|use \w+ (?:for|to)"
        r"|run (?:the|our|all|an?))\b",
    )),
    (CHANGE, (
        rf"{_I}(?:'ve| have)?{_ADVERBS} (?:moved|switched|changed|quit|left|started|stopped|became|joined|adopted"
        r"|retired|transitioned|gave up|bought|sold|decided|accepted|graduated|signed"
        r"|got (?:married|divorced|promoted|hired|a ))\b",
        rf"(?:{_AM}|{_I}) ?(?:no longer|not .*any ?more)\b|\bany ?more\b|\bused to\b",
    )),
    (PREFERENCE, (
        rf"{_I}{_ADVERBS} (?:like|love|enjoy|prefer|hate|dislike|adore|loathe|detest|despise|can't stand|cannot stand"
        r"|favou?r|don't (?:really )?(?:like|enjoy|care for|want)|would rather)\b",
        r"\bfavou?rite\b|^I'd (?:much )?rather\b",
        r"\bI(?:'m| am) (?:a (?:big |huge )?fan of|into|fond of|keen on|drawn to|not (?:a fan of|into|fond of))\b",
    )),
    (ONGOING, (
        rf"(?:{_HAVE}|{_AM}) (?:\w+ )?(?:been|always been|had|found|noticed|learned|learnt|become|started)\b",
        rf"{_AM}{_ADVERBS} (?:working|building|studying|learning|training|developing|dealing|managing|exploring)\b",
    )),
    (PLAN, (
        rf"{_AM}{_ADVERBS} (?:trying|planning|going|considering|thinking (?:of|about)|aiming|looking (?:for|to)|hoping"
        r"|interested|curious|eager|intending|preparing)\b",
        rf"{_I}(?:'ll|'d (?:like|love)| will| would (?:like|love))\b|{_I}{_ADVERBS} (?:plan|intend|want|wish|need)\b",
        rf"{_I}{_ADVERBS} (?:might|may|won't)\b",
    )),
    (GOAL, (
        rf"{_MY_GOAL}\b",
        rf"{_I}{_ADVERBS} (?:aim|strive|seek|dream)\b",
    )),
    (FEELING, (
        rf"{_I} can't wait\b",
        rf"(?:{_AM}(?: feeling)?|{_I}{_ADVERBS} (?:was|were|felt|feel)){_ADVERBS} {_SO}"
        r"(?:excited|happy|glad|grateful|thankful|sad|anxious|worried|proud|nervous"
        r"|optimistic|confident|thrilled|ready|looking forward|hopeful|open|sure|afraid|relieved|motivated|inspired"
        r"|lucky|blessed|stressed|curious|torn|overwhelmed|concerned|frustrated|bored|tired|devastated|hungry|upset"
        r"|annoyed|angry|disappointed|surprised|shocked|exhausted|busy|committed|determined|intrigued|fascinated)\b",
    )),
    (OPINION, (
        rf"{_I} (?:could|should)\b",
        rf"{_I}{_ADVERBS} (?:hope|believe|think|guess|feel|see|envision|imagine|suppose|find|appreciate|agree"
        r"|understand|know|hear|expect|view|wonder|recogni[sz]e|value)\b",
    )),
    (HABIT, (
        r"\b(?:usually|often|always|never|regularly|typically|generally|rarely|seldom|daily|weekly|tend to|routine)\b",
        r"\b(?:every|each) (?:day|morning|evening|night|week|month|year|\w+day)\b|\b(?:once|twice|times) an?\b",
        r"^when(?:ever)? (?:I|we)\b.*\b(?:I|we) (?!(?:was|were|had|did|went|got|\w+ed)\b)\w+",
        r"\bmost (?:mornings|afternoons|evenings|nights|days|weeks|weekends)\b",
        r"\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days\b|\bon weekends\b",
    )),
    (PLAN, (rf"{_I}{_ADVERBS} (?:have to|must|'ve got to)\b",)),
    (ONGOING, (rf"{_AM}{_ADVERBS} (?!(?:amaz|interest|convinc|satisfy|bor|charm)ing)\w+ing\b",)),
    (FACT, (rf"(?:{_AM}|{_I} (?:was|were))\b",)),
    (REMARK, (
        r"\b(?:is|are|will be|could be|would be|can be|'s) (?:\w+ )?(?:key|crucial|essential|vital|important|necessary"
        r"|invaluable|inevitable|rewarding|reassuring|comforting|amazing|great|exciting)\b",
    )),
)  # fmt: skip
_COMPILED = tuple((re.compile("|".join(patterns), re.IGNORECASE), kind) for kind, patterns in _PATTERNS)
_STARTS_WITH_I = re.compile(rf"{_I}\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(?:I|my|me|we|our|mine|us)\b", re.IGNORECASE)
_DATED = re.compile(r"\b(?:19|20)\d\d\b")
_PAST = IRREGULAR_PAST | {"was", "were", "had", "didn't", "wasn't", "weren't", "hadn't", "couldn't"}
_VERB_WITHIN = 6  # words from its subject, or from the start of a clause, in which its verb is looked for


def kind_of(clause: str) -> Kind:
    """The kind of a clause as the user said it: in the first person, dates and pronouns resolved."""
    if _is_to_the_listener(clause):
        return REMARK
    for pattern, kind in _COMPILED:
        if pattern.search(clause):
            return kind
    if not _FIRST_PERSON.search(clause):
        return ABOUT_OTHERS
    starts_with_i = _STARTS_WITH_I.match(clause)
    said = clause[starts_with_i.end() :] if starts_with_i else clause
    words = words_of(said)[:_VERB_WITHIN]
    is_plainly_past = any(word in _PAST for word in words)  # "balanced" in "my balanced diet" is no verb
    is_past_tense = is_plainly_past or any(is_past(word) for word in words)
    if not starts_with_i:
        return HAPPENED if is_plainly_past or (is_past_tense and _DATED.search(clause)) else STATEMENT
    if is_past_tense:
        return EVENT
    return HABIT if has_verb(clause) else STATEMENT


def _is_to_the_listener(clause: str) -> bool:
    is_about_them = _SECOND_PERSON.search(clause) and not _STYLE.search(clause)
    return bool(is_about_them and _TO_THE_LISTENER.search(clause))
