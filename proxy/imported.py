"""Turns that a conversation had before IBEX was asked: read out of the history that its first call brings.

The web process only cuts the history to a size that the journal can bear; the drain makes turns of it, and leaves out
those that are in the vault already: a history is never told twice, whatever Redis has forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db.models import Q

from agents.models import Checkpoint
from agents.prints import answer_print, line_prints
from proxy.conversation import SessionRef, answer_text, brought, text_of, user_text

MAX_IMPORTED_MESSAGES = 200
"""Of one history, the last ones."""
MAX_IMPORTED_BYTES = 256 * 1024
"""Of one history, as JSON: a quarter of the largest body."""
_NOTHING_KNOWN = SessionRef(id=UUID(int=0), known_messages=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastTurn:
    """What was asked, and the answer to it."""

    messages: list[dict[str, Any]]
    user_text: str
    assistant_text: str
    tool_calls: list[dict[str, Any]]
    answer_print: str

    def turn_id(self, agent_id: UUID, end_user: str) -> UUID:
        """The same for the same words of the same end user: what is imported twice at once is stored once."""
        asked = [[message.get("role"), text_of(message)] for message in self.messages]
        return uuid5(agent_id, orjson.dumps([end_user, asked, self.answer_print]).decode())


def within_limits(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The end of a history that the journal keeps. Of pictures and files it keeps only that they were there."""
    kept: list[dict[str, Any]] = []
    room = MAX_IMPORTED_BYTES
    for message in reversed(messages[-MAX_IMPORTED_MESSAGES:]):
        slim = _slim(message)
        room -= len(orjson.dumps(slim))
        if room < 0:
            break
        kept.append(slim)
    return kept[::-1]


def past_turns(messages: Iterable[dict[str, Any]]) -> list[PastTurn]:
    """A history as turns, each ended by its answer as a live one is. Answers that nobody asked for are no turns."""
    turns: list[PastTurn] = []
    asked: list[dict[str, Any]] = []
    for message in messages:
        if message.get("role") != "assistant":
            asked.append(message)
        elif asked:
            turns.append(_turn(asked, message))
            asked = []
    return turns


def latest_turns(messages: Sequence[Any], most: int) -> tuple[tuple[str, str], ...]:
    """The latest turns of a history: (what was asked, print of the answer)."""
    past = brought(messages, _NOTHING_KNOWN).imported
    turns = past_turns(past[-MAX_IMPORTED_MESSAGES:])[-most:]
    return tuple((turn.user_text, turn.answer_print) for turn in turns if turn.answer_print)


class Known:
    """Which turns of an organization are in the vault, or about to be."""

    def __init__(self, org_id: UUID) -> None:
        self._org_id = org_id
        self._unsaved: dict[tuple[UUID, str, str], list[str]] = defaultdict(list)

    def note(self, checkpoint: Checkpoint) -> None:
        """It will be saved in the same transaction."""
        answered = (checkpoint.agent_id, checkpoint.end_user, checkpoint.answer_print)
        self._unsaved[answered].append(checkpoint.user_text)

    def has(self, turn: PastTurn, agent_id: UUID, end_user: str) -> bool:
        """Whether this was answered so before. What was asked may have been more: documents that were looked up."""
        asked = self._unsaved.get((agent_id, end_user, turn.answer_print), ())
        return any(turn.user_text in text for text in asked) or (
            Checkpoint.objects.of(self._org_id)
            .filter(
                Q(turn_id=turn.turn_id(agent_id, end_user))
                | Q(_asked(turn.user_text), agent_id=agent_id, end_user=end_user, answer_print=turn.answer_print)
            )
            .exists()
        )


def _asked(text: str) -> Q:
    """Turns in which that was said; where their words are in an archive, its lines."""
    return Q(user_text__contains=text) | Q(stripped_at__isnull=False, asked_prints__contains=line_prints(text))


def _turn(asked: list[dict[str, Any]], answer: dict[str, Any]) -> PastTurn:
    text, called = answer_text(answer), answer.get("tool_calls")
    calls = [call for call in called if isinstance(call, dict)] if isinstance(called, list) else []
    return PastTurn(
        messages=asked,
        user_text=user_text(asked),
        assistant_text=text,
        tool_calls=calls,
        answer_print=answer_print(text, calls),
    )


def _slim(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return message | {"content": [_slim_part(part) for part in content if isinstance(part, dict)]}


def _slim_part(part: dict[str, Any]) -> dict[str, Any]:
    return part if isinstance(part.get("text"), str) else {"type": str(part.get("type") or "part")}
