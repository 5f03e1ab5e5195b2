"""The objects of one large JSON list, one at a time, however large the list is."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from memories.transfer.errors import UnreadableFile

OBJECT_MAX_CHARACTERS = 16 * 1024 * 1024
"""Of one object: a conversation."""

_BETWEEN = re.compile(r"[\s,\ufeff]*")


def objects_of(pieces: Iterator[bytes], *, position: int, number: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Each object with the byte behind it. `position`: 0, or a place that this has given before; `number`: that of the
    object which comes next, for the sentence of an UnreadableFile.
    """
    text = _Text(pieces, position)
    text.skip()
    if position == 0 and not text.take("["):
        raise UnreadableFile("The file is no JSON list.")
    while True:
        text.skip()
        if text.take("]"):
            return
        yield _object(text, number), text.position
        number += 1


class _Text:
    """The text that was read and not used yet. `position`: the byte at which it begins."""

    def __init__(self, pieces: Iterator[bytes], position: int) -> None:
        self.position = position
        self.held = ""
        self.is_whole = False
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def more(self) -> None:
        """Read as much again as there is: an object is parsed a few times at most."""
        wanted = 2 * len(self.held)
        parts = [self.held]
        size = len(self.held)
        while not self.is_whole and size <= wanted:
            piece = next(self._pieces, None)
            self.is_whole = piece is None
            parts.append(self._decoder.decode(piece or b"", self.is_whole))
            size += len(parts[-1])
        self.held = "".join(parts)

    def skip(self) -> None:
        """Pass over what stands between objects."""
        self.use(_end_of_gap(self.held))
        while not self.held and not self.is_whole:
            self.more()
            self.use(_end_of_gap(self.held))

    def take(self, character: str) -> bool:
        """Use the next character if it is this one."""
        if not self.held.startswith(character):
            return False
        self.use(1)
        return True

    def use(self, length: int) -> None:
        """Forget so many characters."""
        self.position += len(self.held[:length].encode())
        self.held = self.held[length:]


def _end_of_gap(text: str) -> int:
    found = _BETWEEN.match(text)
    return found.end() if found else 0


def _object(text: _Text, number: int) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    while True:
        if text.held and not text.held.startswith("{"):
            raise UnreadableFile(f"Conversation {number} of the list is no JSON object.")
        try:
            value, end = decoder.raw_decode(text.held)
        except RecursionError:
            raise UnreadableFile(f"Conversation {number} is nested too deeply.") from None
        except ValueError:
            if text.is_whole:
                raise UnreadableFile(f"Conversation {number} is not JSON, or the file is cut off in it.") from None
            if len(text.held) > OBJECT_MAX_CHARACTERS:
                raise UnreadableFile(
                    f"Conversation {number} is not JSON, or longer than {OBJECT_MAX_CHARACTERS // 1024**2} million "
                    "characters."
                ) from None
            text.more()
        else:
            text.use(end)
            return dict(value)
