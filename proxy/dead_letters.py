"""Turns that could not be written: kept under their organization's key, bounded, until somebody sends them back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ibex.core.redis import org_key, redis
from proxy.journal import FIELD

LENGTH_MAX = 10_000
"""Dead letters of one organization: the oldest go first. As many mean a defect, and each may hold a megabyte."""
CHUNK = 200
_NAME = "journal:dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry of the journal, as it was read, and the kind of error that it meets."""

    org_id: UUID
    raw: bytes
    why: str


def dead_letters_key(org_id: UUID) -> str:
    """The organization's stream of dead letters: its content is this tenant's, and goes when the tenant goes."""
    return org_key(org_id, _NAME)


def bury(pipe: Any, letters: Iterable[DeadLetter]) -> None:
    """Add the letters to a pipeline."""
    for letter in letters:
        fields = {FIELD: letter.raw, b"why": letter.why}
        pipe.xadd(dead_letters_key(letter.org_id), fields, maxlen=LENGTH_MAX, approximate=True)


def replay_dead(stream: str, org_id: UUID | None = None) -> int:
    """Put the dead letters of one organization, or of all, back into the journal, and return how many there were.

    Those that still cannot be written come back here. Raises RedisError.
    """
    keys: Any = [dead_letters_key(org_id)] if org_id else redis().scan_iter(match=f"*:{_NAME}")
    return sum(_replay(key, stream) for key in keys)


def _replay(key: bytes | str, stream: str) -> int:
    newest: Any = redis().xrevrange(key, count=1)
    replayed = 0
    while rows := _chunk(key, newest):
        with redis().pipeline(transaction=True) as pipe:
            for row_id, fields in rows:
                pipe.xadd(stream, {FIELD: fields[FIELD]})
                pipe.xdel(key, row_id)
            pipe.execute()
        replayed += len(rows)
    return replayed


def _chunk(key: bytes | str, newest: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The oldest letters, up to the one that was the newest when the replay began."""
    rows: Any = redis().xrange(key, max=newest[0][0], count=CHUNK) if newest else []
    return [(row[0], row[1]) for row in rows]
