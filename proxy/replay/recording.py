"""Recorded conversations: one turn a line (`memories.transfer.recorded`), or the JSON of the LoCoMo benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from memories.transfer.recorded import RecordedTurn, recorded_turn

SECONDS_BETWEEN_TURNS = 20
"""LoCoMo dates its sessions, not its turns."""


class UnreadableRecording(Exception):
    """The file is no recording; the message names the line and what is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question that a recording should let the agent answer."""

    text: str
    answer: str
    end_user: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """Turns in the order they were said, and questions about them."""

    turns: tuple[RecordedTurn, ...]
    questions: tuple[Question, ...] = ()


def read_recording(path: Path) -> Recording:
    """The recording in `path`. Raises UnreadableRecording, or OSError when the file cannot be read."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return _locomo(json.loads(text))
    return Recording(turns=tuple(_lines(text)))


def _lines(text: str) -> Iterator[RecordedTurn]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield recorded_turn(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableRecording(f"Line {number} is no recorded turn: it needs `at` and `user`.") from error


def _locomo(conversations: list[dict[str, Any]]) -> Recording:
    try:
        turns = [turn for conversation in conversations for turn in _locomo_turns(conversation)]
        questions = [
            Question(text=q["question"], answer=str(q["answer"] or ""), end_user=conversation["conv_id"])
            for conversation in conversations
            for q in conversation["questions"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRecording("The file is a JSON list, but not of LoCoMo's conversations.") from error
    return Recording(turns=tuple(turns), questions=tuple(questions))


def _locomo_turns(conversation: dict[str, Any]) -> Iterator[RecordedTurn]:
    name = conversation["conv_id"]
    for session in conversation["sessions"]:
        began = _locomo_time(session["date_time"])
        for place, turn in enumerate(session["turns"]):
            yield RecordedTurn(
                session=f"{name}-{session['session']}",
                at=began + timedelta(seconds=place * SECONDS_BETWEEN_TURNS),
                user=turn["text"],
                speaker=turn["speaker"],
                end_user=name,
            )


def _locomo_time(text: str) -> datetime:
    """Such as `1:56 pm on 8 May, 2023`; taken as UTC."""
    clock, _, day = text.partition(" on ")
    return datetime.strptime(f"{clock.upper()} on {day} +0000", "%I:%M %p on %d %B, %Y %z")
