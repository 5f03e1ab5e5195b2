"""Which statements are worth remembering.

Worth comes from the kind of statement and from how much it names. The longer a session has been listened to, the more
a statement must be worth: people open with what happened and then turn to generalities, so the bar rises with every
memory already kept. Facts, preferences, changes and orders stay above it always.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memories.extraction.grounding import content_stems
from memories.extraction.kinds import Kind
from memories.extraction.references import leans_on_context

BAR_AT_START = 0.20
BAR_FREE = 7  # memories kept from earlier turns before the bar begins to rise
BAR_STEP = 0.10  # per memory already kept from earlier turns of the session
BAR_AT_MOST = 0.80
PLAIN_WORTH = 0.80  # facts, preferences, changes, events, orders: above the bar always
SAME_CLAIM = 0.80  # share of a statement's content words found in one kept memory, from which it says nothing new

_NAMES_SOMETHING = 0.10  # added for a proper name inside the clause
_LEANS = -0.25  # added when it points at something said elsewhere
_TOO_SHORT = -0.15  # added below _SHORT_STEMS content words
_SHORT_STEMS = 2
_REPEATS = -0.50  # times the share of content words already kept, where that exceeds _REPEATS_FROM
_REPEATS_FROM = 0.40

_PROPER_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")


def worth(kind: Kind, clause: str, content: str, kept: Iterable[frozenset[str]]) -> float:
    """How much a statement is worth keeping beside what is kept already; about [0, 1]."""
    stems = content_stems(content)
    repeated = max((overlap(stems, known) for known in kept), default=0.0)
    value = kind.worth
    value += _NAMES_SOMETHING if _PROPER_NAME.search(clause) else 0.0
    value += _LEANS if leans_on_context(clause) else 0.0
    value += _TOO_SHORT if len(stems) < _SHORT_STEMS else 0.0
    value += _REPEATS * repeated if repeated > _REPEATS_FROM else 0.0
    return 0.0 if repeated >= SAME_CLAIM else value


def is_plain(kind: Kind) -> bool:
    """Whether a kind of statement is worth keeping however long the session: it need only be new."""
    return kind.worth >= PLAIN_WORTH


def bar(kept_before: int) -> float:
    """The worth that a statement must reach after so many memories were kept from earlier turns of the session."""
    return min(BAR_AT_MOST, BAR_AT_START + BAR_STEP * max(0, kept_before - BAR_FREE))


def overlap(stems: frozenset[str], known: frozenset[str]) -> float:
    """Share of `stems` that are in `known`; 0 for an empty set."""
    return len(stems & known) / len(stems) if stems else 0.0
