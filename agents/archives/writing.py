"""Writing a session's archive: a line for each turn that the vault has, whole and anew.

What was said in earlier turns may be in the archive only, when a session went on after it was archived: their lines are
taken over as they are. An archive that is not as it was left is never written over: its session stays as it is, with
the reason beside it, until somebody puts the file back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from agents.archives import claim
from agents.archives.claim import Work, Written
from agents.archives.lines import LineDamaged, line_of, line_without_words, read_line
from agents.archives.reading import fetched, numbered, scratch
from agents.models import Checkpoint
from ibex.core import storage
from ibex.core.errors import IbexError, StorageUnavailable
from ibex.core.queue import BrokenOff
from ibex.core.tenancy import scope

TURNS_AT_ONCE = 20
"""Read together; a turn may hold two megabytes."""
TOO_LATE = "TaskTimeout"
"""Instead of an error, where the queue's time was up."""
MISSING, DAMAGED = "ArchiveMissing", "ArchiveDamaged"
"""Instead of an error, where the file that holds earlier turns is not there, or not what was written."""

Tell = Callable[[UUID, Sequence[Checkpoint]], Mapping[UUID, Mapping[str, Any]]]
"""Given an organization, in its scope, and turns of it: what else is known of each call, by turn id."""


class ArchiveLost(Exception):
    """The archive that holds what was said earlier is not there, or damaged. Its text says which."""


def write(org_id: UUID, session_id: UUID, tell: Tell) -> bool:
    """Archive a session, if it is to be; whether it was. A failure is counted, and tried again by the sweep.

    Raises StorageUnavailable where the storage is away, ArchiveLost, or whatever went wrong.
    """
    work = claim.take(org_id, session_id)
    if work is None:
        return False
    try:
        with scratch() as earlier, scratch() as file:
            lines = _Lines(file)
            _draft(work, lines, _earlier(work, earlier), tell)
            if lines.turns:
                storage.put(work.archive.key, file)
                claim.wrote(work, lines.written())
            else:
                storage.remove(work.archive.key)
                claim.nothing_to_write(work)
    except BrokenOff:
        claim.failed(work, TOO_LATE)
        raise
    except Exception as error:
        claim.failed(work, _named(error))
        raise
    return True


@dataclass(slots=True)
class _Lines:
    """A draft as it grows."""

    file: BinaryIO
    turns: int = 0
    size: int = 0
    last_turn: int = 0
    oldest: Checkpoint | None = None
    _digest: Any = field(default_factory=sha256)

    def add(self, checkpoint: Checkpoint, line: bytes) -> None:
        self.file.write(line)
        self._digest.update(line)
        self.turns += 1
        self.size += len(line)
        self.last_turn = checkpoint.number
        if self.oldest is None or checkpoint.created_at < self.oldest.created_at:
            self.oldest = checkpoint

    def written(self) -> Written:
        return Written(
            turns=self.turns,
            last_turn=self.last_turn,
            oldest_turn=self.oldest.pk if self.oldest else None,
            oldest_at=self.oldest.created_at if self.oldest else None,
            bytes=self.size,
            digest=self._digest.hexdigest(),
        )


def _earlier(work: Work, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of the archive as it is, where it holds what the vault does not."""
    if work.session.stripped_turn == 0 or not work.archive.is_there:
        return iter(())
    try:
        fetched(work.archive.key, file)
    except FileNotFoundError:
        raise ArchiveLost(MISSING) from None
    return numbered(file)


def _draft(work: Work, lines: _Lines, earlier: Iterator[tuple[int, bytes]], tell: Tell) -> None:
    """The slow store is not asked in here: a transaction is open."""
    org_id = work.session.org_id
    with scope(org_id):
        turns = Checkpoint.objects.of(org_id).filter(session_id=work.session.pk, number__lte=work.upto)
        rows = turns.order_by("number").iterator(chunk_size=TURNS_AT_ONCE)
        while chunk := list(islice(rows, TURNS_AT_ONCE)):
            told = tell(org_id, chunk)
            for checkpoint in chunk:
                lines.add(checkpoint, _line(work, checkpoint, told.get(checkpoint.turn_id, {}), earlier))


def _line(work: Work, checkpoint: Checkpoint, told: Mapping[str, Any], earlier: Iterator[tuple[int, bytes]]) -> bytes:
    if checkpoint.stripped_at is None:
        return line_of(checkpoint, told)
    if not work.archive.is_there:
        return line_without_words(checkpoint, told)
    try:
        line = next((line for number, line in earlier if number == checkpoint.number), b"")
        said = read_line(line)
    except LineDamaged:
        raise ArchiveLost(DAMAGED) from None
    if said["content_hash"] != checkpoint.content_hash:
        raise ArchiveLost(DAMAGED)
    return line


def _named(error: Exception) -> str:
    if isinstance(error, StorageUnavailable):
        return f"{error.code} {error.cause}".strip()
    if isinstance(error, ArchiveLost):
        return str(error)
    return error.code if isinstance(error, IbexError) else type(error).__name__
