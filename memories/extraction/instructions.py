"""Orders to the assistant that hold beyond this turn, worded as what the user wants: memories are data, not orders.

"Please always answer in German" becomes "The user wants the assistant to always answer in German." A request for one
answer ("Write me a poem") is no order of this kind and yields nothing.
"""

from __future__ import annotations

import re

from memories.extraction.lexicon import COMMON_VERBS, word_set, words_of
from memories.extraction.persons import Party

_OPENER = re.compile(
    r"^(?:(?:please|pls|kindly|also|and|but|so|ok|okay|oh|hey|remember to|make sure (?:that )?(?:you|to)"
    r"|be sure to|just"
    r"|i(?:'d| would) (?:like|prefer|appreciate)(?: it)? if you (?:could |would )?|can you(?: please)?"
    r"|could you(?: please)?|you (?:should|must|need to|have to)"
    r"|i (?:want|need|expect|ask|would like|'d like|prefer) (?:that )?you(?: to)?"
    r"|i'd (?:like|prefer) (?:that )?you(?: to)?|from now on|going forward"
    r"|in (?:the )?future|by default|moving forward),?\s+)+",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"\b(?:always|never|from now on|going forward|moving forward|in (?:the )?future(?! (?:of|I|we))|by default"
    r"|every time|each time|whenever"
    r"|at all times|at all|any ?more|don't ever|no longer|until I say otherwise|henceforth|as a rule)\b",
    re.IGNORECASE,
)
_ABOUT_ANSWERS = re.compile(
    r"\b(?:answers?|repl(?:y|ies)|respon(?:d|ses?)|speak|talk to me|write to me|format(?:ting)?|tone|style"
    r"|emojis?|bullet points?|markdown|bullets|metric"
    r"|imperial|celsius|fahrenheit|units|concise|brief|short(?:er)?|formal|informal|jargon|explanations?"
    r"|type hints|tabs|spaces|first name"
    r"|british|american|examples?|sources?|disclaimers?|apologi[sz]e|apologi[sz]ing)\b",
    re.IGNORECASE,
)
_CALL_ME = re.compile(
    r"^(?:call|address) me (?:as )?(?P<name>[A-Z][\w'-]*(?: [A-Z][\w'-]*)?|by my [\w ]+)"
    r"|^(?:refer to me as) (?P<refer>.+)|^(?:you can call me|i go by|i prefer to be called"
    r"|my friends call me) (?P<goes>[A-Z][\w'-]*)",
    re.IGNORECASE,
)
_NOT_A_NAME = word_set("back later when if at tomorrow today tonight on in a an the crazy")
_NEGATED = re.compile(r"^(?:don't|do not|stop|avoid|no more)\s+(?:ever\s+)?", re.IGNORECASE)
_IMPERATIVE = word_set(
    """
    add address answer apologise apologize ask assume avoid be call check cite confirm consider convert cut do
    document don't end ensure explain follow format give greet ignore include keep let list mention name never
    note only organise organize offer output phrase prefer provide put quote recommend refer remind reply respond
    return round run say send show sign skip speak spell start stick stop suggest summarise summarize talk tell
    treat try use wait warn write always address
    """
)
_ONE_OFF = re.compile(
    r"\b(?:this|the following|above|below|that one|for now|just once|this time|the (?:attached|file|text|email"
    r"|document)|tomorrow|today)\b",
    re.IGNORECASE,
)
# What people say to cheer each other up, to part, or to offer help: no order to an assistant.
_ENCOURAGING = re.compile(
    r"\b(?:give up|forget (?:that|how|who)|count on|stop believing|lose hope|look back|keep (?:it up|going)"
    r"|never say never|keep (?:persever|push|fight|believ|dream|smil|shin|chas|grow|striv|rock)ing"
    r"|let (?:\w+ )?(?:stop|stand in) you|stop you|quit on|take care of yourself"
    r"|(?:see|speak to|talk to|catch|meet) you\b"
    r"|your (?:own |true )?(?:values|dreams?|goals?|passions?|heart|gut|instincts?|future|success))\b"
    r"|^(?:just )?(?:let|tell|ask|call|text|ping|shoot) (?:me|us)\b(?=.*\b(?:if|when|whenever|any ?time)"
    r" you(?:'re| ever| just)* (?:need|want|know|hear|see|try|do|feel)\b)",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(
    r"^(?P<when>(?:when|whenever|if|every time|each time)\b[^,]+),\s*(?:then |please )?(?P<order>[\w']+ .+)$",
    re.IGNORECASE,
)
_ADVERBS = word_set("always never only")
_NO_ORDER = word_set("thank thanks hello hi hey love hate like enjoy adore hope wish know feel imagine")
_ASKING = frozenset(("i", "you", "we", "it", "they"))  # "do I need …" is a question, not an order
_LEADING_ADVERB = re.compile(r"^(?P<adverb>always|never|only)\s+", re.IGNORECASE)


def standing_instruction(clause: str, teller: Party) -> str | None:
    """What the user wants of every later turn, as a declarative sentence; None when the clause is no such order."""
    if naming := _CALL_ME.match(_stripped(clause)):
        return _called(naming, teller)
    order = re.sub(r",? (?:please|pls|thanks|thank you)$", "", _stripped(clause).rstrip(".!? "), flags=re.IGNORECASE)
    lasting = bool(_LASTING.search(clause)) or order.lower().startswith("stop ")
    if conditional := _CONDITIONAL.match(order):
        when = conditional.group("when")
        order, lasting = f"{conditional.group('order')} {when[:1].lower()}{when[1:]}", True
    words = words_of(order)
    if not _begins_as_order(words, lasting=lasting):
        return None
    if _ENCOURAGING.search(order) or (clause.rstrip().endswith("?") and not lasting):
        return None
    if not lasting and (not _ABOUT_ANSWERS.search(order) or _ONE_OFF.search(order) or len(words) > _MAX_STYLE_WORDS):
        return None
    return f"{teller.subject} wants the assistant {_as_wish(order, teller)}."


def _begins_as_order(words: list[str], *, lasting: bool) -> bool:
    """Whether these are an imperative and what it is about; "always here to help" has no verb to follow."""
    verb = words[1:] if words and words[0] in _ADVERBS else words
    if len(words) < 2 or not verb or words[1] in _ASKING or verb[0] in _NO_ORDER:
        return False
    return verb[0] in _IMPERATIVE - _ADVERBS or (lasting and verb[0] in COMMON_VERBS | _TASKS)


_MAX_STYLE_WORDS = 14  # a longer order without "always" or "never" is nearly always about the answer at hand


def is_request(clause: str) -> bool:
    """Whether a clause asks the assistant for something, lasting or not: never a fact about the user."""
    words = words_of(_stripped(clause))
    return bool(_OPENER_REQUEST.match(clause)) or bool(words and words[0] in _IMPERATIVE | _TASKS)


_OPENER_REQUEST = re.compile(
    r"^(?:please|pls|can you|could you|would you|will you|kindly|let's|let me|help me|tell me|give me|show me"
    r"|i (?:need|want|would like|'d like) you to"
    r"|i'd like you to|i'd (?:appreciate|love) (?:your|some|any)|i(?:'d| would) (?:appreciate|like) it if you)\b",
    re.IGNORECASE,
)
_TASKS = word_set(
    """
    analyse analyze brainstorm build calculate compare compose compute count create debug define describe design
    draft edit fetch find fix generate help implement improve invent look make plan proofread refactor rephrase
    review rewrite schedule search solve sort translate thank thanks hello hi hey imagine pretend act book order cancel
    set remember
    """
)


def _stripped(clause: str) -> str:
    return _OPENER.sub("", clause.strip()).strip()


def _called(naming: re.Match[str], teller: Party) -> str | None:
    name = (naming.group("name") or naming.group("refer") or naming.group("goes") or "").strip(" .!")
    if not name or (words_of(name)[:1] and words_of(name)[0] in _NOT_A_NAME):
        return None
    return f"{teller.subject} wants to be called {name}."


def _as_wish(order: str, teller: Party) -> str:
    """The infinitive of an order: "never use tables" → "to never use tables", "don't shout" → "not to shout"."""
    order = order[:1].lower() + order[1:]
    order = re.sub(r"\bmy\b", "their", re.sub(r"\bme\b", teller.inside, re.sub(r"\bI\b", teller.inside, order)))
    order = re.sub(r"\byour\b", "its", re.sub(r"\byou\b", "it", order))
    order = re.sub(rf"\b({re.escape(teller.inside)}) (ask|say|write|want|need|send|mention|tell)\b", r"\1 \2s", order)
    if _NEGATED.match(order):
        verb = "to stop " if order.startswith("stop") else "to avoid " if order.startswith("avoid") else "not to "
        return verb + _NEGATED.sub("", order)
    if adverb := _LEADING_ADVERB.match(order):
        return f"to {adverb.group('adverb').lower()} {order[adverb.end() :]}"
    return f"to {order}"
