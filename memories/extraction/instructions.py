"""Orders to the assistant that hold beyond this turn, worded as what the user wants: memories are data, not orders.

"Please always answer in German" becomes "The user wants the assistant to always answer in German." A request for one
answer ("Write me a poem") is no order of this kind and yields nothing.
"""

from __future__ import annotations

import re

from memories.extraction.lexicon import COMMON_VERBS, words_of
from memories.extraction.persons import Party

_OPENER = re.compile(
    r"^(?:(?:please|pls|kindly|also|and|but|so|ok|okay|oh|hey|remember to|make sure (?:that )?(?:you|to)|be sure to|just"
    r"|i(?:['’]d| would) (?:like|prefer|appreciate)(?: it)? if you (?:could |would )?|can you(?: please)?|could you(?: please)?|you (?:should|must|need to|have to|can)"
    r"|i (?:want|need|expect|ask|would like|['’]d like) you to|i['’]d like you to|from now on|going forward|in (?:the )?future|by default|moving forward),?\s+)+",
    re.I,
)
_LASTING = re.compile(
    r"\b(?:always|never|from now on|going forward|moving forward|in (?:the )?future(?! (?:of|I|we))|by default|every time|each time|whenever"
    r"|at all times|at all|any ?more|don['’]t ever|no longer|stop|until I say otherwise|henceforth|as a rule)\b",
    re.I,
)
_ABOUT_ANSWERS = re.compile(
    r"\b(?:answers?|repl(?:y|ies)|respon(?:d|ses?)|speak|talk to me|write to me|format(?:ting)?|tone|style|emojis?|bullet points?|markdown|bullets|metric"
    r"|imperial|celsius|fahrenheit|units|concise|brief|short(?:er)?|formal|informal|jargon|explanations?|type hints|tabs|spaces|first name"
    r"|british|american|examples?|sources?|disclaimers?|apologi[sz]e|apologi[sz]ing)\b",
    re.I,
)
_CALL_ME = re.compile(
    r"^(?:call|address) me (?:as )?(?P<name>[A-Z][\w'-]*(?: [A-Z][\w'-]*)?|by my [\w ]+)"
    r"|^(?:refer to me as) (?P<refer>.+)|^(?:you can call me|i go by|i prefer to be called|my friends call me) (?P<goes>[A-Z][\w'-]*)",
    re.I,
)
_NOT_A_NAME = frozenset("back later when if at tomorrow today tonight on in a an the crazy".split())
_NEGATED = re.compile(r"^(?:don['’]t|do not|stop|avoid|no more)\s+(?:ever\s+)?", re.I)
_IMPERATIVE = frozenset(
    """add address answer apologise apologize ask assume avoid be call check cite confirm consider convert cut do document don't end
    ensure explain follow format give greet ignore include keep let list mention name never note only organise
    organize offer output phrase prefer provide put quote recommend refer remind reply respond return round run say send show
    sign skip speak spell start stick stop suggest summarise summarize talk tell treat try use wait warn write always address""".split()
)
_ONE_OFF = re.compile(
    r"\b(?:this|the following|above|below|that one|for now|just once|this time|the (?:attached|file|text|email|document)|tomorrow|today)\b", re.I
)
_CONDITIONAL = re.compile(r"^(?P<when>(?:when|whenever|if|every time|each time)\b[^,]+),\s*(?:then |please )?(?P<order>[\w'’]+ .+)$", re.I)
_LEADING_ADVERB = re.compile(r"^(?P<adverb>always|never|only)\s+", re.I)


def standing_instruction(clause: str, teller: Party) -> str | None:
    """What the user wants of every later turn, as a declarative sentence; None when the clause is no such order."""
    if naming := _CALL_ME.match(_stripped(clause)):
        return _called(naming, teller)
    lasting = bool(_LASTING.search(clause))
    order = _stripped(clause).rstrip(".!? ")
    if conditional := _CONDITIONAL.match(order):
        order, lasting = f"{conditional.group('order')} {conditional.group('when')}", True
    words = words_of(order)
    if len(words) < 2 or not (words[0] in _IMPERATIVE or (lasting and words[0] in COMMON_VERBS | _TASKS)):
        return None
    if clause.rstrip().endswith("?") and not lasting:
        return None
    if not lasting and (not _ABOUT_ANSWERS.search(order) or _ONE_OFF.search(order) or len(words) > _MAX_STYLE_WORDS):
        return None
    return f"{teller.subject} wants the assistant {_as_wish(order, teller)}."


_MAX_STYLE_WORDS = 14  # a longer order without "always" or "never" is nearly always about the answer at hand


def is_request(clause: str) -> bool:
    """Whether a clause asks the assistant for something, lasting or not: never a fact about the user."""
    words = words_of(_stripped(clause))
    return bool(_OPENER_REQUEST.match(clause)) or bool(words and words[0] in _IMPERATIVE | _TASKS)


_OPENER_REQUEST = re.compile(
    r"^(?:please|pls|can you|could you|would you|will you|kindly|let['’]s|let me|help me|tell me|give me|show me|i (?:need|want|would like|['’]d like) you to"
    r"|i['’]d like you to|i['’]d (?:appreciate|love) (?:your|some|any)|i(?:['’]d| would) (?:appreciate|like) it if you)\b",
    re.I,
)
_TASKS = frozenset(
    """analyse analyze brainstorm build calculate compare compose compute count create debug define describe design draft edit fetch find fix
    generate help implement improve invent look make plan proofread refactor rephrase review rewrite schedule search solve
    translate thank thanks hello hi hey imagine pretend act book order cancel set remember""".split()
)


def _stripped(clause: str) -> str:
    return _OPENER.sub("", clause.strip()).strip()


def _called(naming: re.Match[str], teller: Party) -> str | None:
    name = (naming.group("name") or naming.group("refer") or naming.group("goes") or "").strip(" .!")
    if not name or words_of(name)[:1] and words_of(name)[0] in _NOT_A_NAME:
        return None
    return f"{teller.subject} wants to be called {name}."


def _as_wish(order: str, teller: Party) -> str:
    """The infinitive of an order: "never use tables" → "to never use tables", "don't say sorry" → "not to say sorry"."""
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
