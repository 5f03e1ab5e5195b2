"""What this process knows of each agent's rows, so that a search needs to count nothing: bounded, renewed every minute.

A stale count costs a little order at most; no row is hidden by it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from memories.embedding.cache import LruCache
from memories.retrieval.words import Vocabulary

TTL_S = 60.0
ENTRIES_MAX = 512
COUNTED_MAX = 10_001
"""Counting stops here: from EXACT_ROWS on it only matters that there are more."""

Place = tuple[UUID, UUID | None, str | None, str]
"""Organization, agent, end user, and which table."""


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

    def get(self, place: Place) -> Profile | None:
        """The profile, unless it is too old."""
        kept = self._kept.get(place)
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None

    def put(self, place: Place, profile: Profile) -> None:
        """Keep a profile for a minute."""
        self._kept.put(place, (time.monotonic() + TTL_S, profile))

    def clear(self) -> None:
        """Forget everything."""
        self._kept = LruCache(ENTRIES_MAX)


profiles = Profiles()
