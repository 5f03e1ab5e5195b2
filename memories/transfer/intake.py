"""Taking a file in: checked as it streams by, and kept in the vault in pieces until a worker has read it.

Pieces are rows, so that any worker on any machine finds them, under the same Row-Level Security as everything else.
Nothing here parses records: it runs in a web process, beside callers' requests.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import IO
from uuid import UUID

from django.utils import timezone

from agents.choices import AgentStatus
from agents.models import Agent
from agents.services import audit
from ibex.core.errors import BodyTooLarge, FieldCode, FieldError, InvalidRequest
from ibex.core.tenancy import scope
from memories.models.imports import NAME_MAX, ImportFormat, ImportKind, ImportPart, ImportRun
from memories.models.memory import END_USER_MAX
from memories.transfer.columns import header_of
from memories.transfer.errors import UnreadableFile
from memories.transfer.queueing import queue_import
from memories.transfer.unpack import Readable, unpacked

FILE_MAX_BYTES = 128 * 1024 * 1024
"""Of a file, packed and unpacked."""
LINE_MAX_BYTES = 1024 * 1024
LINES_MAX = 200_000
PART_BYTES = 256 * 1024
PARTS_AT_ONCE = 8
LEFT_FILES_KEPT = timedelta(days=7)
"""After that the file of an import that failed, or of a dry run that nothing followed, is removed."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class FileTooLarge(BodyTooLarge):
    default_message = f"The file is over {FILE_MAX_BYTES // 1024**2} MiB, as it is or unpacked. Split it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What somebody wants done with a file. `actor` is as in the audit log."""

    org_id: UUID
    agent_id: UUID
    kind: ImportKind
    end_user: str = ""
    file_name: str = ""
    is_dry_run: bool = False
    actor: str


def receive(wanted: Wanted, file: IO[bytes], *, queued: bool = True) -> ImportRun:
    """Keep the file and queue its import. Opens its own transaction; everything or nothing.

    Raises InvalidRequest (UnreadableFile) and FileTooLarge.
    """
    with unpacked(file) as plain, scope(wanted.org_id):
        _check(wanted)
        _forget_left_files(wanted.org_id)
        first = plain.read(PART_BYTES)
        run = ImportRun.objects.create(
            org_id=wanted.org_id,
            agent_id=wanted.agent_id,
            kind=wanted.kind,
            format=format_of(first, wanted.kind),
            is_dry_run=wanted.is_dry_run,
            end_user=_clean(wanted.end_user),
            file_name=_clean(wanted.file_name)[-NAME_MAX:],
            file_bytes=0,
            actor=wanted.actor,
        )
        run.file_bytes = _keep(run, first, plain)
        run.save(update_fields=["file_bytes"])
        audit.record(
            org_id=run.org_id, actor=run.actor, action="import.created", obj=run, kind=run.kind, dry_run=run.is_dry_run
        )
        if queued:
            queue_import(run)
    return run


def format_of(first: bytes, kind: ImportKind | str) -> ImportFormat:
    """How a file of that kind is written, by its beginning. Raises UnreadableFile."""
    if first.startswith(_UTF16) or b"\x00" in first[:4]:
        raise UnreadableFile("The file is UTF-16, or no text. Save it as UTF-8.")
    start = first.removeprefix(codecs.BOM_UTF8).lstrip()
    if not start:
        raise UnreadableFile("The file is empty.", code=FieldCode.REQUIRED)
    if kind == ImportKind.CONVERSATIONS:
        if start[:1] not in (b"{", b"["):
            raise UnreadableFile("Conversations are recorded turns, one JSON object a line, or a ChatGPT export.")
        return ImportFormat.REPLAY if start[:1] == b"{" else ImportFormat.CHATGPT
    if start[:1] == b"[":
        raise UnreadableFile("The file is one JSON list. Write one JSON object a line (NDJSON).")
    if start[:1] == b"{":
        return ImportFormat.NDJSON
    header_of(first.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].decode("utf-8", "replace"))
    return ImportFormat.CSV


def _check(wanted: Wanted) -> None:
    problems = []
    agent = Agent.objects.of(wanted.org_id).filter(pk=wanted.agent_id).exclude(status=AgentStatus.ARCHIVED).first()
    if agent is None:
        problems.append(FieldError("agent_id", FieldCode.INVALID_FORMAT, "There is no such agent, or it is archived."))
    elif wanted.kind == ImportKind.CONVERSATIONS and not agent.learns:
        problems.append(
            FieldError("agent_id", FieldCode.INVALID_FORMAT, "This agent does not learn: its settings say so.")
        )
    if len(_clean(wanted.end_user)) > END_USER_MAX:
        problems.append(FieldError("end_user", FieldCode.TOO_LONG, f"At most {END_USER_MAX} characters."))
    if problems:
        raise InvalidRequest(field_errors=problems)


def _keep(run: ImportRun, first: bytes, rest: Readable) -> int:
    """Save the pieces; how many bytes they are."""
    checks = _Checks(has_lines=run.format != ImportFormat.CHATGPT)
    waiting: list[ImportPart] = []
    for number, piece in enumerate(_pieces(first, rest)):
        checks.see(piece)
        waiting.append(ImportPart(org_id=run.org_id, run=run, number=number, data=piece))
        if len(waiting) == PARTS_AT_ONCE:
            ImportPart.objects.bulk_create(waiting)
            waiting = []
    checks.see(b"", is_end=True)
    ImportPart.objects.bulk_create(waiting)
    return checks.bytes


def _pieces(first: bytes, rest: Readable) -> Iterator[bytes]:
    """All of one size but the last: a place in the file says which piece it is in."""
    held, ended = first, False
    while held or not ended:
        while len(held) < PART_BYTES and not ended:
            more = rest.read(PART_BYTES - len(held))
            held, ended = held + more, not more
        if held:
            yield held[:PART_BYTES]
        held = held[PART_BYTES:]


class _Checks:
    """What must hold of a whole file, seen piece by piece."""

    def __init__(self, *, has_lines: bool) -> None:
        self.bytes = 0
        self._has_lines = has_lines
        self._lines = 0
        self._since_line = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def see(self, piece: bytes, *, is_end: bool = False) -> None:
        """Raises UnreadableFile or FileTooLarge."""
        self.bytes += len(piece)
        if self.bytes > FILE_MAX_BYTES:
            raise FileTooLarge
        try:
            self._decoder.decode(piece, is_end)
        except UnicodeDecodeError as error:
            line = self._lines + piece[: error.start].count(b"\n") + 1
            raise UnreadableFile(f"Line {line} is not UTF-8. Save the file as UTF-8.") from None
        if self._has_lines:
            self._see_lines(piece)

    def _see_lines(self, piece: bytes) -> None:
        # A piece is shorter than the longest line: only the line that it continues can be too long.
        first_end = piece.find(b"\n")
        if self._since_line + (first_end if first_end >= 0 else len(piece)) > LINE_MAX_BYTES:
            raise UnreadableFile(
                f"Line {self._lines + 1} is over {LINE_MAX_BYTES // 1024**2} MiB.", code=FieldCode.TOO_LONG
            )
        self._since_line = self._since_line + len(piece) if first_end < 0 else len(piece) - piece.rfind(b"\n") - 1
        self._lines += piece.count(b"\n")
        if self._lines > LINES_MAX:
            raise UnreadableFile(f"The file has over {LINES_MAX:,} lines. Split it.", code=FieldCode.TOO_MANY)


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def _forget_left_files(org_id: UUID) -> None:
    before = timezone.now() - LEFT_FILES_KEPT
    ImportPart.objects.of(org_id).filter(run__seen_at__lt=before).delete()
