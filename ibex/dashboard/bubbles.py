"""What was said in a turn, message by message, as a page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.models import Checkpoint

SHOWN_CHARACTERS = 20_000
"""Of one message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bubble:
    """One message: `kind` is user, assistant, tool or system; `role` is what the reader is told."""

    kind: str
    role: str
    text: str
    is_partial: bool = False


def asked_in(checkpoint: Checkpoint) -> Iterator[Bubble]:
    """What the caller sent and had not sent before."""
    messages = checkpoint.messages if isinstance(checkpoint.messages, list) else []
    said = [bubble for message in messages if isinstance(message, dict) for bubble in _message(message)]
    if not said and checkpoint.user_text:
        said = [Bubble(kind="user", role="User", text=_cut(checkpoint.user_text))]
    yield from said


def answered_in(checkpoint: Checkpoint) -> Iterator[Bubble]:
    """What the model said, and which tools it called."""
    if checkpoint.assistant_text or not (checkpoint.tool_calls or checkpoint.is_complete):
        text = _cut(checkpoint.assistant_text)
        yield Bubble(kind="assistant", role="Assistant", text=text, is_partial=not checkpoint.is_complete)
    yield from _calls(checkpoint.tool_calls)


def _message(message: Mapping[str, Any]) -> Iterator[Bubble]:
    role = str(message.get("role") or "user")
    kind = {"user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}.get(role, "system")
    text = _text(message.get("content"))
    if text:
        yield Bubble(kind=kind, role="Tool result" if kind == "tool" else role.capitalize(), text=_cut(text))
    yield from _calls(message.get("tool_calls"))


def _calls(calls: object) -> Iterator[Bubble]:
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            text = f"{function.get('name', '')}({function.get('arguments', '')})"
            yield Bubble(kind="tool", role="Tool call", text=_cut(text))


def _text(content: object) -> str:
    """A message's text; parts of other kinds are named in brackets."""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or f"[{part.get('type', 'part')}]") for part in parts)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}\n… {len(text):,} characters in all"
