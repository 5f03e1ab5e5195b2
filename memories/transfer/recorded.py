"""A turn of a recorded conversation: `at` (ISO 8601), `user` (what was said), and optionally `session` (a name; one
when absent), `speaker` (the name of who said it), `end_user`, `assistant` (what was answered).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DEFAULT_SESSION = "recording"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTurn:
    """What was said, and when; `assistant` is None where nobody wrote down the answer."""

    session: str
    at: datetime
    user: str
    speaker: str = ""
    end_user: str = ""
    assistant: str | None = None


def recorded_turn(row: Mapping[str, Any]) -> RecordedTurn:
    """The turn in one line's object. Raises KeyError, TypeError or ValueError for what is none."""
    at = datetime.fromisoformat(row["at"])
    return RecordedTurn(
        session=str(row.get("session") or DEFAULT_SESSION),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        user=_text(row["user"]),
        speaker=_text(row.get("speaker") or ""),
        end_user=_text(row.get("end_user") or ""),
        assistant=None if row.get("assistant") is None else _text(row["assistant"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text was expected")
    return value
