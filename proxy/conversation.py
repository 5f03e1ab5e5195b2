"""Which conversation a call belongs to, and what is new in it.

A rolling fingerprint runs over the caller's messages; system messages are left out, because applications put clocks and
retrieved documents there. After a turn the fingerprint of history + answer is remembered; a later call whose history
begins with it is the next turn of the same session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from agents.models.session import Session
from ibex.core.ids import uuid7

MAX_CANDIDATES = 6
"""How many of the latest answers in a history may be the known end of a conversation."""
_INSTRUCTIONS = frozenset({"system", "developer"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """Where a history may continue a known conversation."""

    candidates: tuple[tuple[str, int], ...]
    """(fingerprint of the messages up to an answer, index of the first message after it), latest first."""
    whole: bytes
    """State after the last message: the answer is added to it when the turn ends."""


NO_HISTORY = Fingerprint(candidates=(), whole=b"")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionRef:
    """The session of one call."""

    id: UUID
    external_id: str = ""
    known_messages: int = 0
    """How many of the caller's messages earlier turns have brought already."""


def fingerprint(messages: Sequence[Any]) -> Fingerprint:
    """Roll over `messages`; costs one hash a message."""
    state = b""
    ends: list[tuple[str, int]] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") in _INSTRUCTIONS:
            continue
        state = _roll(state, message)
        if message.get("role") == "assistant":
            ends.append((state.hex(), index + 1))
    return Fingerprint(candidates=tuple(reversed(ends[-MAX_CANDIDATES:])), whole=state)


def after_answer(whole: bytes, text: str, tool_calls: Sequence[Any]) -> str:
    """The fingerprint of a history once the model's answer has been appended to it."""
    return _roll(whole, {"role": "assistant", "content": text, "tool_calls": list(tool_calls)}).hex()


def session_of(external_id: str, agent_id: UUID) -> SessionRef:
    """The session that the application names: the same name always means the same session of that agent."""
    return SessionRef(id=Session.id_for(agent_id, external_id), external_id=external_id)


def new_session() -> SessionRef:
    """A conversation that nobody has seen before."""
    return SessionRef(id=uuid7())


def new_messages(messages: Sequence[Any], ref: SessionRef) -> list[dict[str, Any]]:
    """What this turn brings: everything after the history that earlier turns brought, instructions left out."""
    start = ref.known_messages or _after_last_answer(messages)
    return [m for m in messages[start:] if isinstance(m, dict) and m.get("role") not in _INSTRUCTIONS]


def text_of(message: dict[str, Any]) -> str:
    """The text of a message: its string, or its text parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(t for p in parts if isinstance(p, dict) and isinstance(t := p.get("text"), str))


def user_text(messages: Sequence[dict[str, Any]]) -> str:
    """What the user said among `messages`."""
    return "\n\n".join(text for m in messages if m.get("role") == "user" and (text := text_of(m)))


def _after_last_answer(messages: Sequence[Any]) -> int:
    answers = [i for i, m in enumerate(messages) if isinstance(m, dict) and m.get("role") == "assistant"]
    return answers[-1] + 1 if answers else 0


def _roll(state: bytes, message: dict[str, Any]) -> bytes:
    content = message.get("content")
    said = (
        text_of(message).strip() if isinstance(content, str) or not _has_media(content) else orjson.dumps(content).hex()
    )
    called = message.get("tool_calls")
    calls = [_call_name(call) for call in called if isinstance(call, dict)] if isinstance(called, list) else []
    seen = orjson.dumps([message.get("role"), said, calls, message.get("tool_call_id") or ""])
    return hashlib.blake2b(state + seen, digest_size=16).digest()


def _has_media(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(p, dict) and "text" not in p for p in content)


def _call_name(call: dict[str, Any]) -> list[Any]:
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return [call.get("id"), name]
