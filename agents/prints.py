"""Prints of what was said: by them a turn is found in the vault when a client or a file tells a conversation again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from ibex.core.crypto import derived_key

PRINT_BYTES = 16


def answer_print(text: str, tool_calls: Sequence[Any] = ()) -> str:
    """Of an answer's words and the names of the calls in it, as hexadecimal; empty for no answer.

    Ids of calls differ from client to client, so they are no part of it.
    """
    functions = [call.get("function") for call in tool_calls if isinstance(call, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    if not text.strip() and not names:
        return ""
    return hashlib.blake2b(orjson.dumps([text.strip(), names], default=str), digest_size=PRINT_BYTES).hexdigest()


LINE_PRINT_BYTES = 8
LINES_MAX = 1_000
"""Of one text. A longer one, told again whole, is taken for another: what is told twice is stored twice then."""


def line_prints(text: str) -> list[int]:
    """Of each different line of what a user said, a keyed digest as PostgreSQL's bigint.

    What a text contains, by whole lines, can be told from them when the text itself is in an archive; without the
    installation's key nobody can guess what it was.
    """
    lines = dict.fromkeys(line for part in text.splitlines() if (line := part.strip()))
    key = derived_key("line-prints")
    return [_number(line.encode("utf-8", "replace"), key) for line in list(lines)[:LINES_MAX]]


def _number(line: bytes, key: bytes) -> int:
    digest = hashlib.blake2b(line, key=key, digest_size=LINE_PRINT_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)
