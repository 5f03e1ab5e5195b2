"""The only module that knows where files are kept: Django's storage named `archives`, on the local disk or in an
S3-compatible store (settings `IBEX_S3_…`).

A file is there whole or not at all, and one that is put again replaces the one before. Whatever goes wrong is
StorageUnavailable, but for a file that is not there, which is FileNotFoundError.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from ibex.core.errors import StorageUnavailable
from ibex.core.secrets import PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE

NAME = "archives"
"""In Django's STORAGES."""
CHUNK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 8 << 20
"""Of a file that is fetched or written; what is larger goes to a temporary file."""
DRAFTS = ".drafts"
DRAFT_S = 3_600
"""After so long nobody is writing a draft any more: a task ends after minutes."""
CONNECT_S, READ_S, ATTEMPTS = 3, 20, 2
"""How long a store may take to answer, and how often it is asked, before it is away."""


class DiskStorage(FileSystemStorage):
    """Files for this user only, each replaced in one step: who is killed while writing leaves a draft."""

    def __init__(self, location: str | Path) -> None:
        super().__init__(
            location,
            file_permissions_mode=PRIVATE_FILE_MODE,
            directory_permissions_mode=PRIVATE_FOLDER_MODE,
            allow_overwrite=True,
        )

    def _save(self, name: str, content: File) -> str:
        path, drafts = Path(self.path(name)), self._drafts
        for folder in (drafts, path.parent):
            _private(folder, Path(self.location))
        draft = drafts / secrets.token_hex(16)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks(CHUNK_BYTES):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync(path.parent)
        return name

    def clear_drafts(self, older_than_s: float = DRAFT_S) -> int:
        """Remove what killed writers left; how many."""
        before = time.time() - older_than_s
        old = [draft for draft in self._drafts.glob("*") if draft.stat().st_mtime < before]
        for draft in old:
            draft.unlink(missing_ok=True)
        return len(old)

    @property
    def _drafts(self) -> Path:
        return Path(self.location) / DRAFTS


def put(key: str, file: BinaryIO) -> None:
    """Write the whole of `file` under `key`."""
    file.seek(0)
    with _told():
        storage = _storage()
        saved = storage.save(key, File(file, name=key))
        if saved != key:
            storage.delete(saved)
            raise StorageUnavailable("The storage would not replace a file. Let it overwrite files of the same name.")


@contextmanager
def opened(key: str) -> Iterator[BinaryIO]:
    """The file under `key`, to be read. Raises FileNotFoundError."""
    with _told(), closing(_storage().open(key, "rb")) as file:
        yield cast("BinaryIO", file)


def remove(key: str) -> None:
    """Remove the file under `key`; harmless where there is none."""
    with _told():
        _storage().delete(key)


def link(key: str, seconds: int, name: str) -> str:
    """An address of the store's own under which anybody can fetch the file for so long, as `name`; empty on the local
    disk, which has none.
    """
    storage: Any = _storage()
    if isinstance(storage, FileSystemStorage):
        return ""
    asked = {
        "ResponseContentDisposition": f'attachment; filename="{name}"',
        "ResponseContentType": "application/x-ndjson",
    }
    with _told():
        return str(storage.url(key, parameters=asked, expire=seconds))


def clear_drafts() -> int:
    """Remove what killed writers left on this machine's disk; how many files."""
    storage = _storage()
    with _told():
        return storage.clear_drafts() if isinstance(storage, DiskStorage) else 0


def _storage() -> Storage:
    return storages[NAME]


@contextmanager
def _told() -> Iterator[None]:
    """One kind of error for all that a disk or a store may raise, whose own words may hold keys and addresses."""
    try:
        yield
    except (FileNotFoundError, StorageUnavailable):
        raise
    except _errors() as error:
        raise StorageUnavailable(cause=_code(error)) from error


def _errors() -> tuple[type[Exception], ...]:
    """What goes wrong with a disk, or with a store."""
    return (OSError, *getattr(_storage(), "errors", ()))


def _code(error: Exception) -> str:
    answer = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)


def _private(folder: Path, top: Path) -> None:
    """Make a folder and those above it, up to `top`, for this user only."""
    missing = [each for each in (folder, *folder.parents) if top in (each, *each.parents) and not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)


def _sync(folder: Path) -> None:
    """A name is only there for good once its folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
