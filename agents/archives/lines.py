"""A turn as one line of an archive, and back. JSON, UTF-8, the same bytes for the same turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from agents.choices import ContentPlace
from agents.models import Checkpoint

FORMAT = 1
"""Of a line; a reader refuses those that it does not know."""
SAID = ("messages", "user_text", "assistant_text", "tool_calls")
"""What was said: it leaves the vault. `user_text` is what of the messages was taken for the user's own words."""
_KNOWN = (
    "number", "turn_id", "request_id", "end_user", "model", "finish_reason", "is_complete", "is_imported", "may_learn",
    "prompt_tokens", "completion_tokens", "answer_print",
)  # fmt: skip


class LineDamaged(Exception):
    """A line of an archive is not what was written."""


def line_of(checkpoint: Checkpoint, told: Mapping[str, Any]) -> bytes:
    """The turn with what was said. `told`: what else is known of its call, such as what was injected."""
    said = {name: getattr(checkpoint, name) for name in SAID}
    return _encoded(_head(checkpoint) | dict(told) | {"content_hash": hash_of(said), **said})


def line_without_words(checkpoint: Checkpoint, told: Mapping[str, Any]) -> bytes:
    """The turn, where what was said is not kept any more."""
    return _encoded(_head(checkpoint) | dict(told) | {"content_hash": checkpoint.content_hash})


def read_line(line: bytes) -> dict[str, Any]:
    """A line as a mapping, whose words are those that its hash speaks of. Raises LineDamaged."""
    try:
        told = json.loads(line)
        is_right = told["format"] == FORMAT and (not has_words(told) or hash_of(told) == told["content_hash"])
    except (ValueError, KeyError, TypeError):
        raise LineDamaged from None
    if not is_right:
        raise LineDamaged
    return dict(told)


def has_words(told: Mapping[str, Any]) -> bool:
    """Whether a line holds what was said."""
    return "messages" in told


def number_of(line: bytes) -> int:
    """The number of a line's turn, without reading all of it. Raises LineDamaged."""
    _, _, rest = line.partition(b'"number":')
    number, _, _ = rest.partition(b",")
    if not number.strip().isdigit():
        raise LineDamaged
    return int(number)


def give_back(checkpoint: Checkpoint, told: Mapping[str, Any]) -> bool:
    """Put what was said back into the turn, not saved; False where the line is not about it, or holds no words."""
    if not has_words(told) or told["content_hash"] != checkpoint.content_hash:
        return False
    for name in SAID:
        setattr(checkpoint, name, told[name])
    checkpoint.content_place = ContentPlace.ARCHIVE
    return True


def hash_of(said: Mapping[str, Any]) -> str:
    """SHA-256 of what was said, as hexadecimal; `said` may hold other things beside it."""
    canonical = json.dumps([said[name] for name in SAID], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


def content_hash(checkpoint: Checkpoint) -> str:
    """The same, of a turn whose words are in the vault."""
    return hash_of({name: getattr(checkpoint, name) for name in SAID})


def _head(checkpoint: Checkpoint) -> dict[str, Any]:
    ids = {"session_id": checkpoint.session_id, "agent_id": checkpoint.agent_id, "org_id": checkpoint.org_id}
    times = {"said_at": checkpoint.said_at.isoformat(), "finished_at": checkpoint.finished_at.isoformat()}
    known = {name: getattr(checkpoint, name) for name in _KNOWN}
    return {"format": FORMAT, **known, "checkpoint_id": checkpoint.pk, **ids, **times}


def _encoded(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"
