"""What a call's own messages say about its context, before anything is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from context.query import build_query
from context.shown import anchor_index, anchors_of
from context.values import Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One reading of the caller's messages."""

    messages: list[Any] = field(repr=False)
    reads: bool
    """Memories have a place in this prompt."""
    adds: bool
    """New ones too; else only what this session was shown is put back."""
    at: int
    """Index of the message that a new block stands before; meaningless unless `reads`."""
    anchors: tuple[str, ...]
    """Of each message; empty unless this session has been shown something."""
    query: str = field(repr=False)
    """Empty: there is nothing to search for."""
    shown: frozenset[UUID] = frozenset()
    """Memories and excerpts in blocks that have a place in this history."""


def read_turn(question: Question) -> Turn:
    """A model that calls tools asks again within one turn: the same last user message, with calls and results after it.

    If a block stands before that message already, one more would change a prefix that the provider has just cached, for
    the same question; so nothing is added until the user speaks again.
    """
    messages = question.body.get("messages") or []
    at = anchor_index(messages)
    reads = question.reads and question.agent.remembers and question.agent.memory_tokens > 0 and at is not None
    if not reads or at is None:
        return Turn(messages=messages, reads=False, adds=False, at=0, anchors=(), query="")
    anchors = tuple(anchors_of(messages)) if question.desk.shown_blocks else ()
    found = [block for block in question.desk.shown_blocks if block.anchor in anchors]
    goes_on = at < len(messages) - 1
    adds = not (goes_on and any(block.anchor == anchors[at] for block in found))
    return Turn(
        messages=messages,
        reads=True,
        adds=adds,
        at=at,
        anchors=anchors,
        query=build_query(messages) if adds else "",
        shown=frozenset(shown_id for block in found for shown_id in block.ids),
    )
