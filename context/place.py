"""Where everything goes among the caller's messages, which themselves pass through as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from context.wording import DEFAULT, Wording

Message = Mapping[str, Any]
SYSTEM_FIRST = "system_first"
SYSTEM_APPEND = "system_append"
USER_PREPEND = "user_prepend"
_INSTRUCTING = ("system", "developer")


def place(
    messages: list[Any],
    *,
    directive: str,
    mode: str,
    blocks: Sequence[tuple[int, str]],
    joins: bool = False,
    wording: Wording = DEFAULT,
) -> list[Any]:
    """The messages to send: `blocks` are (index of the caller's message each stands before, text), in order.

    `joins`: the provider allows one system message, so blocks join the message they stand before. In user_prepend mode
    they always do. Without directive and blocks the caller's own list is returned; every message that nothing joins is
    the caller's own object.
    """
    if not directive and not blocks:
        return messages
    joins = joins or mode == USER_PREPEND
    role = _instructing_role(messages)
    home = _home_of_directive(messages, mode) if directive else None
    placed: list[Any] = [{"role": role, "content": directive}] if directive and home is None else []
    for index, message in enumerate(messages):
        texts = [text for at, text in blocks if at == index]
        if not joins:
            placed.extend({"role": role, "content": text} for text in texts)
            texts = []
        if index == home and mode == USER_PREPEND:
            texts = [wording.directive_in_user_message.replace("{directive}", directive), *texts]
        said = _joined(texts, message) if texts else message
        placed.append(_appended(said, directive) if index == home and mode == SYSTEM_APPEND else said)
    return placed


def _home_of_directive(messages: Sequence[Any], mode: str) -> int | None:
    """The caller's message that the directive becomes part of; None: it is a system message of its own, the first."""
    if mode == SYSTEM_APPEND:
        return _first_of(messages, _INSTRUCTING)
    return _first_of(messages, ("user",)) if mode == USER_PREPEND else None


def _instructing_role(messages: Sequence[Any]) -> str:
    """As the caller instructs: newer models take `developer`, and refuse both in one request."""
    return "developer" if _first_of(messages, ("developer",)) is not None else "system"


def _first_of(messages: Sequence[Any], roles: Sequence[str]) -> int | None:
    return next((i for i, m in enumerate(messages) if isinstance(m, dict) and m.get("role") in roles), None)


def _joined(texts: Sequence[str], message: Message) -> dict[str, Any]:
    """A copy of `message` that begins with `texts`; its other fields stay."""
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*({"type": "text", "text": text} for text in texts), *content]}
    return {**message, "content": "\n\n".join([*texts, *([content] if content else [])])}


def _appended(message: Message, text: str) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": text}]}
    return {**message, "content": f"{content}\n\n{text}" if content else text}
