"""What the caller's headers ask for: memory switches, the end user, the session."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from agents.models.session import END_USER_MAX, EXTERNAL_ID_MAX
from ibex.core.errors import FieldCode, FieldError, InvalidHeader

MEMORY_HEADER = "x-ibex-memory"
USER_HEADER = "x-ibex-user-id"
SESSION_HEADER = "x-ibex-session-id"
AGENT_HEADER = "x-ibex-agent-id"
SAID_AT_HEADER = "x-ibex-said-at"
BODY_USER_FIELDS = ("safety_identifier", "user")

SAID_ONCE = (
    "authorization", "x-api-key", "content-type",
    AGENT_HEADER, USER_HEADER, SESSION_HEADER, MEMORY_HEADER, SAID_AT_HEADER,
)  # fmt: skip
"""Who calls, and for whom."""
EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
"""What is nearer to the year 1 falls out of Python's calendar in some zone."""

_MODES = {"on": (True, True), "read": (True, False), "write": (False, True), "off": (False, False)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Switches:
    """What this call wants of IBEX."""

    reads: bool
    """Memories may be put into the prompt."""
    writes: bool
    """The turn may be mined for memories."""
    end_user: str
    session: str
    """The caller's own id of the session, or empty."""
    said_at: datetime | None
    """When the turn was said, for a recorded conversation; None: now."""


def refuse_repeated(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raise InvalidHeader when one of SAID_ONCE comes twice: a gateway before IBEX may have looked at the other."""
    names = [name for name, _ in headers]
    for header in SAID_ONCE:
        if names.count(header.encode()) > 1:
            raise _refused(header, FieldCode.TOO_MANY, "Send this header once.")


def read_switches(headers: Mapping[str, str], payload: Mapping[str, Any], *, trusts_body_user: bool) -> Switches:
    """The switches of one call. Raises InvalidHeader with the header named."""
    mode = headers.get(MEMORY_HEADER, "on").strip().lower()
    if mode not in _MODES:
        raise _refused(MEMORY_HEADER, FieldCode.INVALID_ENUM, "X-IBEX-Memory is on, off, read or write.")
    reads, writes = _MODES[mode]
    return Switches(
        reads=reads,
        writes=writes,
        end_user=_end_user(headers, payload, trusts_body_user=trusts_body_user),
        session=_printable(headers, SESSION_HEADER, EXTERNAL_ID_MAX),
        said_at=_said_at(headers),
    )


def _end_user(headers: Mapping[str, str], payload: Mapping[str, Any], *, trusts_body_user: bool) -> str:
    named = _printable(headers, USER_HEADER, END_USER_MAX)
    if named or not trusts_body_user:
        return named
    for field in BODY_USER_FIELDS:
        value = payload.get(field)
        if value is not None and value != "":
            return _end_user_of(value)
    return ""


def _end_user_of(value: Any) -> str:
    """A name that does not fit is replaced by its digest: nobody who was named is ever taken for the whole agent."""
    if isinstance(value, str) and len(value) <= END_USER_MAX and value.isprintable():
        return value
    return "sha256:" + hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _said_at(headers: Mapping[str, str]) -> datetime | None:
    """A time in the past: what is recorded cannot have been said later than now."""
    value = headers.get(SAID_AT_HEADER, "").strip()
    if not value:
        return None
    try:
        said_at = datetime.fromisoformat(value)
    except ValueError:
        raise _refused(SAID_AT_HEADER, FieldCode.INVALID_FORMAT, "X-IBEX-Said-At is a time in ISO 8601.") from None
    said_at = said_at if said_at.tzinfo else said_at.replace(tzinfo=UTC)
    return max(EARLIEST, min(said_at, datetime.now(UTC)))


def _printable(headers: Mapping[str, str], name: str, limit: int) -> str:
    value = headers.get(name, "").strip()
    if len(value) > limit:
        raise _refused(name, FieldCode.TOO_LONG, f"This header holds at most {limit} characters.")
    if not value.isprintable():
        raise _refused(name, FieldCode.INVALID_FORMAT, "This header holds printable characters only.")
    return value


def _refused(header: str, code: FieldCode, message: str) -> InvalidHeader:
    return InvalidHeader(field_errors=[FieldError(header, code, message)])
