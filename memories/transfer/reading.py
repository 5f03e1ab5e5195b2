"""A file as it is kept in the vault, read from any place, one piece in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ibex.core.tenancy import scope
from memories.models import ImportPart, ImportRun
from memories.transfer.errors import UnreadableFile
from memories.transfer.intake import PART_BYTES


def pieces_from(run: ImportRun, position: int) -> Iterator[bytes]:
    """The file's bytes from `position` on. Each piece is fetched in a transaction of its own."""
    number, skipped = divmod(position, PART_BYTES)
    while (piece := _piece(run.org_id, run.pk, number)) is not None:
        yield piece[skipped:]
        number, skipped = number + 1, 0


class Lines:
    """The file's lines as bytes, with their ends; `position` and `number` are those of the next one."""

    def __init__(self, run: ImportRun, *, position: int = 0, number: int = 1) -> None:
        self.position, self.number = position, number
        self._lines = _lines(pieces_from(run, position))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = next(self._lines)
        self.position += len(line)
        self.number += 1
        return line


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line, b"\n"])
            rest = []
        rest.append(last)
    if line := b"".join(rest):
        yield line


def _piece(org_id: UUID, run_id: UUID, number: int) -> bytes | None:
    with scope(org_id):
        data = ImportPart.objects.of(org_id).filter(run_id=run_id, number=number).values_list("data", flat=True).first()
        if data is None and number == 0:
            raise UnreadableFile("The file is not kept any more: it was removed after a week. Bring it again.")
        return bytes(data) if data is not None else None
