"""Whether a user corrects the answer before, as far as the words tell: an estimate, the same for everybody, in English.

Four kinds of words are looked for where a message begins (`Correction`), and questions that are asked again. It is for
comparing many sessions with many: of one message it may be wrong. Measured by `benchmarks/effect.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from context.words import content_words

READ_CHARACTERS = 160
"""Of a message: who corrects says so at once, and long messages speak of many things."""
REPEATED_SHARE = 0.8
"""Of the content words of two messages together, those that both have, from which on one asks the other again."""
REPEATED_WORDS = 2
"""Messages with fewer content words ("ok", "more") say nothing when they come again."""
LOOKED_BACK = 3
"""Earlier messages among which a repeated question is looked for."""


class Correction(StrEnum):
    """What in a message says that the answer before was not good."""

    WRONG = "says_it_is_wrong"
    MEANT = "says_what_was_meant"
    TOLD = "says_it_was_told"
    AGAIN = "asks_again"


_THAT = r"(?:that|this|it)(?:['\u2019]s|\sis|\swas)"
_NOT = r"(?:n['\u2019]t|\snot)"
_PATTERNS = {
    Correction.TOLD: r"""
        ^(?:no,?\s)?(?:but\s)?(?:as|like)\si\s(?:already\s)?(?:said|mentioned|told|wrote)\b
        | \bi\s(?:have\s|had\s|['\u2019]ve\s)?(?:already\s|just\s)?told\syou\b
        | \bi['\u2019]?(?:ve|\shave|)\s?(?:already|just)\s(?:said|mentioned|explained|gave\syou|answered)\b
        | \bi\s(?:said|mentioned)\s(?:that|it|so|this)\b.{0,20}\b(?:before|already|yesterday|earlier)\b
        | \bhow\s(?:many\stimes|often)\s(?:do|must|should)\si\b
        | \bdo(?:n['\u2019]t|\snot)?\syou\s(?:not\s)?remember\b(?=\?|\sthat\si)
        | \byou\s(?:should\s(?:already\s)?know|forgot|have\sforgotten|already\sasked)\b""",
    Correction.MEANT: rf"""
        \bi\s(?:meant|mean)\s(?!it\b|to\b|business\b)
        | \bi\s(?:did{_NOT}|never)\s(?:ask|say|mean|want)\b
        | \bi\s(?:asked|wanted|said|need|needed|want)\b[^.?!]{{0,60}},?\s(?:not|instead\sof)\s
        | \b(?:you|that)\b[^.?!]{{0,60}}[.!]\s+i\s(?:asked|said|wanted|need|needed)\b
        | \bthis\sis\b[^.?!]{{0,60}}[.!]\s+i\s(?:asked|said|wanted|need|needed)\b
        | \b(?:{_THAT}|is){_NOT}\swhat\si\b | \bnot\swhat\si\s(?:asked|meant|wanted|said)\b""",
    Correction.WRONG: rf"""
        ^(?:no|nope|nah)\b[\s,.!]+(?:no\b|not\b|that|this|it|my|you|i\smeant|he|she|they|we)
        | ^{_THAT}\s(?:just\s|still\s|simply\s)?(?:wrong|incorrect|false|the\s(?:old|wrong))\b
        | ^(?:that|this|it)\s?(?:is|was|['\u2019]s)?{_NOT}\s(?:right|correct|true|it|quite\sright|my|the)\b
        | ^(?:wrong|incorrect|not\strue|false)\s*[.!,]
        | \byou(?:['\u2019]re|\sare|\swere)\s(?:wrong|mistaken|confusing|mixing)\b
        | \byou\s(?:got|have|had)\s(?:that|it|this|the\s\w+)\swrong\b | \byou\s\w+\sthe\swrong\b
        | \byou\s(?:misunderstood|misread|did{_NOT}\s(?:answer|read|listen)|ignored|removed\smy|deleted\smy)\b
        | \bdoes{_NOT}\sanswer\smy\b | \bread\smy\s(?:message|question)\sagain\b
        | ^(?:it\s)?still\s(?:does{_NOT}|not|wrong|the\ssame|fails|broken)\b | \bcan(?:{_NOT}|not)\sbe\sright\b
        | ^are\syou\ssure\b
        | ^not\s(?:the|my|in|on|at)\s[^,.?!]{{1,30}},\s
        | ^(?:it|he|she|they|we|i|the|my|his|her|our)\b[^.?!,]{{1,60}},\snot\s(?:the\s|my\s|in\s)?[\w%]+[.!]*$
        | ^actually,?\s(?:it['\u2019]?s|it\sis|that['\u2019]?s|my|his|her|i['\u2019]m|i\sam|no)\b
        | ^that\swas\s[^.?!]{{1,40}}[.]\si\sneed\b""",
}
_WORDED = {kind: re.compile(pattern, re.IGNORECASE | re.VERBOSE) for kind, pattern in _PATTERNS.items()}


def correction_of(said: str, before: Sequence[str]) -> Correction | None:
    """How `said` corrects the answer before it; None when it does not. `before`: the user's earlier messages, the last
    first; a message with none before it answers to nothing.
    """
    if not before:
        return None
    begun = said.strip()[:READ_CHARACTERS]
    for kind, pattern in _WORDED.items():
        if pattern.search(begun):
            return kind
    return Correction.AGAIN if any(_asks_again(said, earlier) for earlier in before[:LOOKED_BACK]) else None


def _asks_again(said: str, earlier: str) -> bool:
    now, then = content_words(said), content_words(earlier)
    either = now | then
    return len(now) >= REPEATED_WORDS and len(now & then) >= REPEATED_SHARE * len(either)
