"""Conversations to learn from: HaluMem's users with their points, LoCoMo's pairs; and the naive way to learn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memories.extraction import Turn
from memories.extraction.grounding import shares_words
from memories.extraction.sentences import split_sentences

FIRST_PERSON = re.compile(r"\b(?:I|my|me|we|our)\b")
EVENT = "Event Memory"


@dataclass
class Session:
    """One session: what was said, what of it is true, and what was planted."""

    turns: list[Turn]
    true: list[str]
    planted: list[str]
    speaker: str


def halumem(path: Path, step: int) -> list[Session]:
    """Every `step`-th session of each user."""
    sessions = []
    for line in path.read_text().splitlines():
        user = json.loads(line)
        named = re.search(r"Name: ([^;]+);", user["persona_info"])
        speaker = named.group(1) if named else ""
        for raw in user["sessions"][::step]:
            points = raw["memory_points"]
            planted = [p["memory_content"] for p in points if p["memory_source"] == "interference"]
            true = [p["memory_content"] for p in points if p["memory_source"] != "interference"]
            sessions.append(Session(list(turns_of(raw["dialogue"], speaker)), true, planted, speaker))
    return sessions


def turns_of(dialogue: Sequence[dict[str, str]], speaker: str) -> Iterator[Turn]:
    """The turns of a dialogue, numbered from 1."""
    pairs = zip(dialogue[::2], dialogue[1::2], strict=False)
    for number, (asked, answered) in enumerate(pairs, 1):
        at = datetime.strptime(asked["timestamp"], "%b %d, %Y, %H:%M:%S").replace(tzinfo=UTC)
        yield Turn(
            number=number, said_at=at, user_text=asked["content"], assistant_text=answered["content"], speaker=speaker
        )


def locomo_time(session: dict[str, Any]) -> datetime:
    """When a LoCoMo session took place."""
    return datetime.strptime(session["date_time"].replace(" on ", " "), "%I:%M %p %d %B, %Y").replace(tzinfo=UTC)


def locomo_turns(session: dict[str, Any], speaker: str) -> list[Turn]:
    """A session as `speaker` has it with an assistant: what the other one says is the answer."""
    said: list[list[str]] = []
    for turn in session["turns"]:
        if turn["speaker"] == speaker:
            said.append([turn["text"], ""])
        elif said:
            said[-1][1] = f"{said[-1][1]} {turn['text']}".strip()
    at = locomo_time(session)
    return [
        Turn(number=number, said_at=at, user_text=user, assistant_text=other, speaker=speaker)
        for number, (user, other) in enumerate(said, 1)
    ]


def locomo(conversations: Sequence[dict[str, Any]]) -> list[Session]:
    """Each side of each session, with what was observed of its speaker as points."""
    sides = []
    for conversation in conversations:
        for session in conversation["sessions"]:
            for speaker in conversation["speakers"]:
                told = [one for one in conversation["observations"] if one["session"] == session["session"]]
                points = [one["text"] for one in told if one["speaker"] == speaker]
                if points and (turns := locomo_turns(session, speaker)):
                    sides.append(Session(turns, points, [], speaker))
    return sides


def naive(turns: Sequence[Turn], name: str) -> list[tuple[str, bool]]:
    """(text, supported) of every first-person sentence of the user, with the name put for "I" and "my"."""
    swaps = (
        (r"\b[Mm]y\b", f"{name}'s"), (r"\bI'm\b", f"{name} is"), (r"\bI've\b", f"{name} has"), (r"\b(?:I|me)\b", name),
    )  # fmt: skip
    found: dict[str, bool] = {}
    for turn in turns:
        for sentence in split_sentences(turn.user_text):
            if FIRST_PERSON.search(sentence.text) and not sentence.text.endswith("?"):
                text = sentence.text
                for pattern, put in swaps:
                    text = re.sub(pattern, put, text)
                found[text] = shares_words(text, f"{turn.user_text} {name}")
    return list(found.items())
