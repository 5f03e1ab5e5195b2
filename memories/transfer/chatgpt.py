"""One conversation of a ChatGPT export as turns.

The export is a tree: an answer that was asked for again, or a question that was edited, is another branch. What the
person saw last is the way from `current_node` up to the root; other branches were given up, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memories.transfer.recorded import RecordedTurn
from memories.transfer.rows import YEARS

_TEXTS = frozenset({"text", "multimodal_text"})
_HIDDEN = "is_visually_hidden_from_conversation"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """One message that a person saw."""

    is_user: bool
    text: str
    at: datetime | None


def turns_of(conversation: Mapping[str, Any], *, number: int) -> list[RecordedTurn]:
    """What was asked and answered, in its order. `number`: its place in the export, where it has no id.

    Raises TypeError or ValueError for what is no conversation.
    """
    mapping = conversation.get("mapping")
    if not isinstance(mapping, Mapping):
        raise TypeError("no mapping")
    session = conversation.get("conversation_id") or conversation.get("id")
    name = session if isinstance(session, str) else f"conversation {number}"
    began = _moment(conversation.get("create_time"))
    return list(_turns([said for message in _path(conversation, mapping) if (said := _said(message))], name, began))


def _path(conversation: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Messages from the root to the current node; a ring in the tree ends it."""
    messages, seen = [], set()
    key = conversation.get("current_node")
    if not isinstance(key, str) or key not in mapping:
        key = _latest_leaf(mapping)
    while isinstance(key, str) and key not in seen:
        seen.add(key)
        node = mapping.get(key)
        if not isinstance(node, Mapping):
            break
        if isinstance(message := node.get("message"), Mapping):
            messages.append(message)
        key = node.get("parent")
    return messages[::-1]


def _latest_leaf(mapping: Mapping[str, Any]) -> str | None:
    """Old exports name no current node: the last message that nobody answered is it."""
    leaves = [key for key, node in mapping.items() if isinstance(node, Mapping) and not node.get("children")]
    return leaves[-1] if leaves else None


def _said(message: Mapping[str, Any]) -> _Said | None:
    """What counts of a message: not instructions, calls of tools, their results, nor what was never shown."""
    author, content, about = (_object(message.get(name)) for name in ("author", "content", "metadata"))
    role = author.get("role")
    if role not in ("user", "assistant") or content.get("content_type") not in _TEXTS or about.get(_HIDDEN):
        return None
    if message.get("recipient", "all") not in ("all", None):
        return None
    parts = content.get("parts")
    texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    text = "\n".join(part for part in texts if part.strip())
    return _Said(is_user=role == "user", text=text, at=_moment(message.get("create_time"))) if text else None


def _turns(said: list[_Said], session: str, began: datetime | None) -> Iterator[RecordedTurn]:
    """A turn is what the user said, and all that was answered before the user spoke again."""
    asked: list[_Said] = []
    answers: list[str] = []
    last = began
    for one in said:
        if one.is_user and answers:
            yield _turn(asked, answers, session, last)
            asked, answers = [], []
        if one.is_user:
            last = one.at or last
            asked.append(one)
        elif asked:
            answers.append(one.text)
    if asked:
        yield _turn(asked, answers, session, last)


def _turn(asked: list[_Said], answers: list[str], session: str, last: datetime | None) -> RecordedTurn:
    at = asked[0].at or last
    if at is None:
        raise ValueError("no time")
    return RecordedTurn(
        session=session,
        at=at,
        user="\n\n".join(one.text for one in asked),
        assistant="\n\n".join(answers) if answers else None,
    )


def _moment(value: Any) -> datetime | None:
    """Seconds since 1970, or None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year in YEARS else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
