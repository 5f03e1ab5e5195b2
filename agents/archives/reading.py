"""What was said, wherever it is: in the vault, in the session's archive, or not kept any more.

Whoever needs the words of turns asks `with_words` for them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
from uuid import UUID

import structlog

from agents.archives.lines import LineDamaged, give_back, number_of, read_line
from agents.choices import ContentPlace
from agents.models import Archive, Checkpoint
from ibex.core import metrics, storage
from ibex.core.errors import StorageUnavailable
from ibex.core.tenancy import scope

_log = structlog.get_logger(__name__)


def with_words(checkpoints: Sequence[Checkpoint]) -> Sequence[Checkpoint]:
    """The same turns, with what was said where it can be had: `content` of each says where from. Nothing is saved.

    Turns whose words have left for an archive cost a read of it. Never raises StorageUnavailable: those are `away`.
    """
    for session_id, stripped in _by_session(checkpoints).items():
        _fill(session_id, stripped)
    return checkpoints


def words_needed(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Those of them whose words are kept, with their words. Raises StorageUnavailable where they cannot be read now."""
    with_words(checkpoints)
    if any(each.content == ContentPlace.AWAY for each in checkpoints):
        raise StorageUnavailable
    return [each for each in checkpoints if each.content != ContentPlace.GONE]


def fetched(key: str, file: BinaryIO) -> None:
    """Copy an archive into `file`. Raises StorageUnavailable and FileNotFoundError."""
    with storage.opened(key) as archive:
        shutil.copyfileobj(archive, file, storage.CHUNK_BYTES)
    file.seek(0)


def scratch() -> BinaryIO:
    """A file that nobody else sees, gone when it is closed."""
    return tempfile.SpooledTemporaryFile(max_size=storage.IN_MEMORY_BYTES)  # type: ignore[return-value]


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """An archive's lines, each with the number of its turn. Raises LineDamaged."""
    for line in file:
        yield number_of(line), line


def _by_session(checkpoints: Sequence[Checkpoint]) -> Mapping[UUID, list[Checkpoint]]:
    found: dict[UUID, list[Checkpoint]] = {}
    for each in checkpoints:
        if each.stripped_at is not None and each.content_place is None:
            found.setdefault(each.session_id, []).append(each)
    return found


def _fill(session_id: UUID, stripped: Sequence[Checkpoint]) -> None:
    org_id = stripped[0].org_id
    with scope(org_id):
        archive = Archive.objects.of(org_id).filter(session_id=session_id).first()
    if archive is not None and archive.is_there:
        try:
            _give_back(archive, {each.number: each for each in stripped})
        except StorageUnavailable as error:
            _note(archive, error.cause)
            _leave(stripped, ContentPlace.AWAY)
        except (FileNotFoundError, LineDamaged) as error:
            _note(archive, type(error).__name__)
    _leave(stripped, ContentPlace.GONE)


def _give_back(archive: Archive, wanted: dict[int, Checkpoint]) -> None:
    with storage.opened(archive.key) as file:
        for number, line in numbered(file):
            if (checkpoint := wanted.pop(number, None)) is not None:
                give_back(checkpoint, read_line(line))
            if not wanted:
                return


def _leave(stripped: Sequence[Checkpoint], place: ContentPlace) -> None:
    for each in stripped:
        each.content_place = each.content_place or place


def _note(archive: Archive, cause: str) -> None:
    metrics.ARCHIVES.labels(outcome="unreadable").inc()
    _log.warning("archive_unreadable", org_id=str(archive.org_id), session_id=str(archive.session_id), error=cause)
