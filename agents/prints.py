"""The print of an answer: by it a turn is found in the vault when a client or a file tells a conversation again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

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
