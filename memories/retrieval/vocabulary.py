"""What this process knows of each agent's rows, so that a search needs to count nothing: bounded, and made anew every
minute.

A stale count costs a little order at most; no row is hidden by it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from memories.embedding.cache import LruCache
from memories.retrieval.words import Vocabulary

FRESH_S = 60.0
KEPT_S = 600.0
"""A profile that is due serves until there is a new one, but no longer than this."""
ENTRIES_MAX = 512
COUNTED_MAX = 200_000
"""Counting stops here, after about 50 ms."""

Place = tuple[UUID, UUID | None, str | None, str, str]
"""Organization, agent, end user, which table, and which slot of its vectors is searched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One table's rows for one agent and end user. `has_index`: the agent has an approximate index of its own."""

    vocabulary: Vocabulary
    speakers: tuple[str, ...] = ()
    has_index: bool = False


class Profiles:
    """A bounded cache of profiles; not shared between processes."""

    def __init__(self) -> None:
        self._kept: LruCache[Place, tuple[float, Profile]] = LruCache(ENTRIES_MAX)

    def get(self, place: Place, *, younger_than_s: float = FRESH_S) -> Profile | None:
        """The profile, unless it is too old."""
        kept = self._kept.get(place)
        return kept[1] if kept is not None and time.monotonic() - kept[0] < younger_than_s else None

    def put(self, place: Place, profile: Profile) -> None:
        """Keep a profile that was just made."""
        self._kept.put(place, (time.monotonic(), profile))

    def clear(self) -> None:
        """Forget everything."""
        self._kept = LruCache(ENTRIES_MAX)


profiles = Profiles()
