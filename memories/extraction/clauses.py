"""From a clause as it was typed to the statement in it: without openers, without the question that follows it."""

from __future__ import annotations

import re

from memories.extraction.lexicon import has_verb

_OPENER = re.compile(
    r"^(?:(?:yes|yeah|yep|yup|no|nope|well|actually|honestly|absolutely|definitely|exactly|certainly|sure|of course|also|so|oh|hi|hello|hey|hi there"
    r"|thanks|thank you|thanks a lot|great|okay|ok|right|by the way|btw|anyway|anyways|plus|fyi|for your information|just so you know|to be honest|in fact|basically"
    r"|additionally|moreover|furthermore|lol|haha|good question|not really|indeed|specifically|overall|first|second|finally|for context|for the record"
    r"|not yet|great question|sounds good|good|nice|cool|true|correct|hmm|ah|interesting)[,!.:…]+\s+|(?:and|but|so|also|plus|oh|btw|actually|honestly|basically|anyway)\s+)+",
    re.I,
)
_TELLING = re.compile(
    r"^(?:(?:please |pls )?(?:remember|note|know|keep in mind|be aware|bear in mind|take note|don['’]t forget)(?: that|:|,)\s+"
    r"|(?:just )?(?:so you know|to let you know|fyi|for context|for your information|as (?:I|you) (?:said|mentioned|know)|quick update|update)[,:]?\s+(?:that )?"
    r"|I (?:want|wanted|should|would like|['’]d like|forgot) (?:you to know|to (?:mention|say|tell you|let you know|add))(?: that)?\s+|I should mention that\s+)",
    re.I,
)
_QUESTION_TAIL = re.compile(
    r"(?:,|\s[–—-]|:|;|\bso\b|\band\b)\s*(?:so |and |but )?(?:what|how|which|who|where|when|why|can|could|would|should|do|does|did|is|are|will|any|have)\b.*\?$", re.I | re.S
)
_REASON_FIRST = re.compile(r"^(?:since|because|given that|seeing as|as)\s+(?P<fact>(?:I|my|we|our)\b[^,]*),.*$", re.I | re.S)
_AS_A = re.compile(r"^as (?P<what>an? [\w' -]+?)(?: myself)?, .*\b(?:I|me|my)\b", re.I)
_STATES = re.compile(r"^(?:I|my|we|our|I['’]\w+|we['’]\w+)\b", re.I)
_HEDGE = re.compile(r"\b(?:maybe|perhaps|might|possibly|probably|not sure|I guess|I think I|I suppose|kind of|sort of|could be|considering|if I)\b", re.I)
_NOTHING_SAID = re.compile(
    r"^(?:I(?:['’]m| am) (?:not sure|good|fine|ok|okay|sorry|done|back|here|confused|asking|wondering|just asking)\b(?! (?:at|with|in|about)\b)|I (?:don['’]t|do not) (?:know|understand|get it|think so|mind)\b"
    r"|I (?:see|understand|agree|guess so|think so|hear you|mean|got it|know)\W*$|I(?:['’]d| would) (?:love|like) (?:that|it|to (?:know|hear|see|share|ask|understand))\b"
    r"|I (?:have|['’]ve got) (?:a|another|one more|some) questions?\b|I will\W*$|I(?:['’]ll| will) (?:do that|try (?:that|it)|keep (?:that|it) in mind|definitely (?:keep|do)|let you know)\b"
    r"|I (?:tried|ran|followed) (?:that|it|this|your)\b|I (?:need|want|would like|['’]d like) (?:help|some help|advice|to (?:know|ask|understand|hear|see|share))\b)",
    re.I,
)
_BELIEF = re.compile(r"^I (?:think|guess|suppose|believe)(?: that)? (?=(?:I|my|we|our)\b)", re.I)
_TRANSIENT = re.compile(r"\b(?:error|exception|traceback|stack trace)s?\b|\bwhen I run\b|\b(?:doesn['’]t|not) work(?:ing)?\b(?! (?:at|for|in|on)\b)", re.I)
_MIN_WORDS = 3


def without_opener(clause: str) -> str:
    """The clause without "Yes,", "By the way," and the like."""
    return _OPENER.sub("", clause.strip()).strip()


def fact_of(clause: str, lead: str = "") -> str:
    """The statement a clause makes, in the user's words; empty for questions, pleasantries and what says nothing."""
    text = _TELLING.sub("", clause)
    if lead and not has_verb(text):
        text = f"{lead}: {text}"
    elif text.rstrip().endswith("?"):
        text = _before_question(text)
    if as_a := _AS_A.match(text):
        return f"I am {as_a.group('what')}."
    if len(text.split()) < _MIN_WORDS and not _STATES.match(text):
        return ""
    text = _BELIEF.sub("", text)
    if _NOTHING_SAID.match(text) or _TRANSIENT.search(text) or not (has_verb(text) or lead):
        return ""
    return text


def hedges(clause: str) -> bool:
    """Whether the user is not sure of it."""
    return bool(_HEDGE.search(clause))


def _before_question(text: str) -> str:
    """What is stated before the question of one sentence: "I have a dog, what should it eat?"."""
    if reason := _REASON_FIRST.match(text):
        return reason.group("fact")
    if as_a := _AS_A.match(text):
        return as_a.group()
    stated = _QUESTION_TAIL.sub("", text)
    return stated if stated != text and _STATES.match(stated) and has_verb(stated) else ""
