"""Public sets of long conversations as turns and questions, in one form: LoCoMo, BEAM and LongMemEval-mini.

Nothing of a set's own making is used but what a proxy sees: who spoke, when, in which session, in which order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FILES = ("locomo.json", "beam100k.json", "longmemeval_mini.json")
ABILITIES_ASKED = frozenset(
    {
        "contradiction_resolution",
        "information_extraction",
        "instruction_following",
        "knowledge_update",
        "multi_session_reasoning",
        "preference_following",
        "temporal_reasoning",
    }
)
"""BEAM's abilities whose evidence can be searched for, as QUALITY.md counts them; the others ask for the whole talk."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """One side of one turn. `key` is what questions name as evidence."""

    key: str
    session: int
    at: datetime
    role: str
    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question and the keys that answer it. `counts`: whether it belongs to the set's overall figure."""

    text: str
    kind: str
    evidence: tuple[str, ...]
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class Talk:
    """One conversation over many sessions with one agent. `by_session`: evidence names sessions, not turns."""

    name: str
    said: tuple[Said, ...]
    asked: tuple[Asked, ...]
    roles: tuple[str, ...] = ()
    by_session: bool = False


@dataclass(frozen=True, kw_only=True)
class Set:
    """One public set."""

    name: str
    talks: tuple[Talk, ...] = field(repr=False)


def load(folder: Path) -> list[Set]:
    """All three sets. Raises FileNotFoundError naming the first file that is not there."""
    for name in FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(folder / name)
    locomo, beam, longmemeval = (json.loads((folder / name).read_text()) for name in FILES)
    return [
        Set(name="LoCoMo", talks=tuple(map(_locomo, locomo))),
        Set(name="BEAM, user side", talks=tuple(map(_beam, beam))),
        Set(name="LongMemEval-mini, sessions", talks=tuple(map(_longmemeval, longmemeval))),
    ]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What LoCoMo's annotators noted of some turns: a memory as a person would write it."""

    text: str
    sources: tuple[str, ...]


def locomo(folder: Path) -> list[tuple[Talk, tuple[Observation, ...]]]:
    """LoCoMo alone, each conversation with its annotated observations. Raises FileNotFoundError."""
    talks = json.loads((folder / "locomo.json").read_text())
    return [
        (_locomo(talk), tuple(Observation(text=o["text"], sources=tuple(o["src"])) for o in talk["observations"]))
        for talk in talks
    ]


def _locomo(talk: dict[str, Any]) -> Talk:
    """Two people tell each other: every utterance is a user's turn that carries its speaker's name."""
    said = []
    for session in talk["sessions"]:
        began = datetime.strptime(session["date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for place, turn in enumerate(session["turns"]):
            at = began + timedelta(minutes=place)
            said.append(
                Said(
                    key=turn["id"],
                    session=session["session"],
                    at=at,
                    role="user",
                    speaker=turn["speaker"],
                    text=turn["text"],
                )
            )
    asked = tuple(
        Asked(
            text=q["question"], kind=q["category"], evidence=tuple(q["evidence"]), counts=q["category"] != "adversarial"
        )
        for q in talk["questions"]
    )
    return Talk(name=talk["conv_id"], said=tuple(said), asked=asked)


def _beam(talk: dict[str, Any]) -> Talk:
    """A user and an assistant; what the user said is searched. A new time anchor begins a session."""
    said: list[Said] = []
    session, anchor, at = 0, None, datetime(2024, 1, 1, tzinfo=UTC)
    for turn in talk["turns"]:
        if turn["role"] == "user" and turn["time_anchor"] not in (None, anchor):
            anchor = turn["time_anchor"]
            session += 1
            at = datetime.strptime(anchor, "%B-%d-%Y").replace(tzinfo=UTC)
        at += timedelta(minutes=1)
        said.append(Said(key=str(turn["id"]), session=session, at=at, role=turn["role"], speaker="", text=turn["text"]))
    users = {one.key for one in said if one.role == "user"}
    asked = []
    for question in talk["questions"]:
        evidence = tuple(str(key) for key in question["source_ids"] if str(key) in users)
        if evidence:
            counts = question["ability"] in ABILITIES_ASKED
            asked.append(Asked(text=question["question"], kind=question["ability"], evidence=evidence, counts=counts))
    return Talk(name=f"beam-{talk['chat']}", said=tuple(said), asked=tuple(asked), roles=("user",))


def _longmemeval(talk: dict[str, Any]) -> Talk:
    sessions = zip(talk["haystack_session_ids"], talk["haystack_dates"], talk["haystack_sessions"], strict=True)
    said = [one for number, session in enumerate(sessions) for one in _longmemeval_session(number, *session)]
    asked = tuple(
        Asked(text=question, kind="session", evidence=tuple(evidence if isinstance(evidence, list) else [evidence]))
        for question, evidence in zip(talk["questions"], talk["answer_session_ids"], strict=True)
    )
    return Talk(name=talk["question_id"], said=tuple(said), asked=asked, by_session=True)


def _longmemeval_session(number: int, key: str, date: str, turns: list[dict[str, str]]) -> Iterator[Said]:
    began = datetime.strptime(re.sub(r" \(\w+\)", "", date), "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
    for place, turn in enumerate(turns):
        at = began + timedelta(minutes=place)
        yield Said(key=key, session=number, at=at, role=turn["role"], speaker="", text=turn["content"])
