"""One finished call, as it travels from the web process to the drain."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

import orjson


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnEntry:
    """JSON values only: ids are text, times are seconds since 1970."""

    turn_id: str
    org_id: str
    agent_id: str
    session_id: str
    external_id: str
    end_user: str
    trace: dict[str, Any]
    """Columns of the trace, `started_at` in seconds since 1970."""
    checkpoint: dict[str, Any] | None
    """Columns of the checkpoint, or None when nothing was answered."""
    considered: list[dict[str, Any]] = field(default_factory=list)
    """`context.values.Considered.as_json` of each line, from web processes of before there were `lines`."""
    lines: list[Any] = field(default_factory=list)
    """`context.values.Considered.as_row` of each line: a third as long."""
    assembly: dict[str, Any] | None = None
    """`context.told.told`; None when nothing was assembled."""

    def to_bytes(self) -> bytes:
        """What is written to the stream or the spool: one line of JSON."""
        return orjson.dumps(self)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The inverse, without what only a later version knows. Raises ValueError or TypeError on what is no entry."""
        said = orjson.loads(raw)
        if not isinstance(said, dict):
            raise TypeError("An entry is a JSON object.")
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known})
