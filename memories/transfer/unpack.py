"""The file inside a ZIP archive, read without trusting what the archive says about itself."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO, Protocol

from memories.transfer.errors import UnreadableFile

ENTRIES_MAX = 10_000
"""Files in an archive: a ChatGPT export holds its pictures too."""
DIRECTORY_MAX_BYTES = 4 * 1024 * 1024
"""Of the archive's own list of contents, which is read whole."""
CONVERSATIONS = "conversations.json"
"""What a ChatGPT export keeps its conversations in."""

_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_END = struct.Struct("<4s4H2LH")
"""How an archive ends: signature, disks, entries here and in all, size and place of the list, length of a comment."""
_COMMENT_MAX = 65_535
_ENCRYPTED = 0x1
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError,
)  # fmt: skip
_DAMAGED = "The ZIP archive is damaged, or packed in a way that is not read."


class Readable(Protocol):
    """What is used of a file."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at its end."""


@contextmanager
def unpacked(file: IO[bytes]) -> Iterator[Readable]:
    """`file` itself, or the one file inside it that counts. Raises UnreadableFile, also while it is read."""
    file.seek(0)
    start = file.read(len(_SIGNATURES[0]))
    file.seek(0)
    if start not in _SIGNATURES:
        yield file
        return
    _check_directory(file)
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(file))
            inside = opened.enter_context(archive.open(_entry(archive)))
        except _BROKEN as error:
            raise UnreadableFile(_DAMAGED) from error
        yield _Inside(inside)


class _Inside:
    """An entry; what breaks while it is unpacked is the archive's fault, and not the server's."""

    def __init__(self, entry: IO[bytes]) -> None:
        self._entry = entry

    def read(self, size: int) -> bytes:
        try:
            return self._entry.read(size)
        except _BROKEN as error:
            raise UnreadableFile(_DAMAGED) from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuse an archive whose list of contents would fill the memory, before anything reads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMMENT_MAX - _END.size))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise UnreadableFile("The ZIP archive is cut off.")
    _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, place)
    if entries > ENTRIES_MAX or directory_bytes > DIRECTORY_MAX_BYTES:
        raise UnreadableFile(f"The ZIP archive holds more than {ENTRIES_MAX:,} files.")


def _entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    named = [entry for entry in files if PurePosixPath(entry.filename).name == CONVERSATIONS]
    chosen = named or files
    if len(chosen) != 1:
        raise UnreadableFile(f"The ZIP archive must hold one file, or one that is called {CONVERSATIONS}.")
    [entry] = chosen
    if entry.flag_bits & _ENCRYPTED:
        raise UnreadableFile("The ZIP archive is locked with a password.")
    # Others may ask for as much memory as they like to be unpacked.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableFile("The ZIP archive is packed in a way that is not read: use plain deflate.")
    return entry
