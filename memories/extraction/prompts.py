"""What a model is asked for memories: the task in words, the form of the answer, and the turns as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memories.choices import Category
from memories.extraction.contract import MAX_MEMORIES_PER_TURN, STANDING_INSTRUCTION, Act, Candidate, Known, Turn
from memories.extraction.windows import Window

INSTRUCTIONS = f"""You read a conversation between a user and an assistant, and write down what is worth remembering.
The data holds `turns`, which you read; `earlier`, which only helps to understand them; and `known`, what is remembered
already, each with a short number.

What to write down: lasting facts about the user, their people, their work and their plans; preferences; habits; dated
events; and orders for how the assistant should behave from now on. At most {MAX_MEMORIES_PER_TURN} of each turn, often
none. Leave out questions, requests for this moment, greetings, general knowledge, guesses, and documents that the user
only pasted.

For each memory:
- `content`: one claim that can be read alone, in the third person: "The user ...", or their name where `speaker` gives
  it. No pronoun without its noun, no "yesterday": write dates out as day, month and year, reckoned from `said_at`.
- `turn` and `role`: where it was said, and by whom. `evidence`: the words that say so, copied exactly and unchanged
  from that side of that turn, as few as suffice. Claim nothing that those words do not support.
- What the assistant says about the user counts only where the user's next message plainly agrees; then quote the
  assistant's words. Besides, the assistant counts only where it reports what it has done ("I have booked ...").
- `act`: "add" for what is new. Where one of `known` already tells of the same thing: "update" when it has changed or is
  more exact now, "refute" when it is not so or no longer so, "confirm" when it is merely said again. `known` is its
  number, else 0. Never add what is known.
- `category`: factual, preference, behavioral (habits), episodic (what happened, or will, at some time), procedural
  (how something is to be done). An order for every later answer is procedural, and its `attribute` is
  "{STANDING_INSTRUCTION}".
- `labels`: one to three topics of one word. `confidence`: 0 to 1, low for what was hedged.
- `valid_from`, `valid_until`: ISO dates between which it is true, where that was said; else "".
- `subject`: "user", "assistant" or a name; `attribute`: what it says of it, such as "job" or "dog.name"; else ""."""

_TEXT = {"type": "string"}
_MEMORY: Mapping[str, Any] = {
    "turn": {"type": "integer"},
    "role": {"type": "string", "enum": ["user", "assistant"]},
    "evidence": _TEXT,
    "content": _TEXT,
    "act": {"type": "string", "enum": [act.value for act in Act]},
    "known": {"type": "integer"},
    "category": {"type": "string", "enum": [category.value for category in Category]},
    "labels": {"type": "array", "items": _TEXT},
    "confidence": {"type": "number"},
    "valid_from": _TEXT,
    "valid_until": _TEXT,
    "subject": _TEXT,
    "attribute": _TEXT,
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "memories": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": _MEMORY,
                "required": list(_MEMORY),
                "additionalProperties": False,
            },
        }
    },
    "required": ["memories"],
    "additionalProperties": False,
}


def data_of(window: Window, known: Sequence[Known]) -> dict[str, Any]:
    """What the question is about, as JSON. A known memory's number is its place, from 1."""
    return {
        "known": [
            {"number": number, "content": one.content, "since": one.said_at.date().isoformat()}
            for number, one in enumerate(known, 1)
        ],
        "earlier": [_told(turn) for turn in window.before],
        "turns": [_told(turn) for turn in window.turns],
    }


def as_answer(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Candidates in the form that a model answers in: for twins of a model."""
    return {"memories": [_answered(candidate) for candidate in candidates]}


def _told(turn: Turn) -> dict[str, Any]:
    told = {
        "turn": turn.number,
        "said_at": f"{turn.said_at:%A} {turn.said_at.isoformat(timespec='minutes')}",
        "user": turn.user_text,
        "assistant": turn.assistant_text,
    }
    return told | ({"speaker": turn.speaker} if turn.speaker else {})


def _answered(candidate: Candidate) -> dict[str, Any]:
    return {
        "turn": candidate.turn,
        "role": candidate.role,
        "evidence": candidate.evidence,
        "content": candidate.content,
        "act": candidate.act.value,
        "known": 0,
        "category": candidate.category.value,
        "labels": [label.name for label in candidate.labels],
        "confidence": candidate.confidence,
        "valid_from": candidate.valid_from.isoformat() if candidate.valid_from else "",
        "valid_until": candidate.valid_until.isoformat() if candidate.valid_until else "",
        "subject": candidate.subject,
        "attribute": candidate.attribute,
    }
