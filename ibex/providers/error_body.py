"""What a provider's error answer says of itself; `ibex.providers.errors` decides what that means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import orjson

MAX_MESSAGE_CHARS = 500

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_PARAM = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The parts of an error body, each empty when it is missing or odd."""

    message: str = ""
    code: str = ""
    kind: str = ""
    param: str = ""

    @classmethod
    def read(cls, body: bytes) -> Self:
        """From OpenAI's shape, Google's (the same in a list), FastAPI's `detail`, or a bare `message`. Never raises."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return cls()
        if isinstance(parsed, list) and parsed:
            parsed = parsed[0]
        if not isinstance(parsed, dict):
            return cls()
        error = parsed.get("error") or parsed.get("detail") or parsed
        error = {"message": error} if isinstance(error, str) else error
        if not isinstance(error, dict):
            return cls()
        message = error.get("message")
        return cls(
            message=message[:MAX_MESSAGE_CHARS] if isinstance(message, str) else "",
            code=_matching(_IDENTIFIER, error.get("code")),
            kind=_matching(_IDENTIFIER, error.get("type")),
            param=_matching(_PARAM, error.get("param")),
        )


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""
