"""The hot memories of the desks that this process has read: while an edition stands, Redis need not send them again.

The memories of one desk are 15 to 20 KB, and a connection takes in some 64 KB in one turn of the event loop, so that 50
callers of one instant would wait for each other's answers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

DESKS_KNOWN = 512
"""Of agents and of their end users; a desk of 50 memories takes about 50 KiB."""


class KnownDesk(NamedTuple):
    """What one desk held. Its edition changes with everything that is written to it."""

    edition: bytes
    values: tuple[bytes, ...]


NEVER_READ = KnownDesk(b"", ())


class KnownDesks:
    """By the desk's key; those that were not asked for longest are forgotten."""

    def __init__(self, most: int = DESKS_KNOWN) -> None:
        self._most = most
        self._desks: OrderedDict[str, KnownDesk] = OrderedDict()

    def get(self, key: str) -> KnownDesk:
        """What was read last; Redis is told its edition."""
        return self._desks.get(key, NEVER_READ)

    def read(self, key: str, known: KnownDesk, answer: Sequence[Any]) -> tuple[bytes, ...]:
        """The values at `key`. Redis was told of `known`, and answers: the edition, and the values unless it is
        that of `known`. A cold desk has neither.
        """
        edition, *sent = answer
        desk = KnownDesk(edition, tuple(sent[0])) if sent else known
        if desk.edition:
            self._desks[key] = desk
            self._desks.move_to_end(key)
        if len(self._desks) > self._most:
            self._desks.popitem(last=False)
        return desk.values
