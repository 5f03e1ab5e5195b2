from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameTokens:
    """What stands around memories, counted once and for all: in no encoding has it more tokens, a test says so."""

    block: int
    """The introduction, and the block's name in its two tags."""
    block_with_procedures: int
    element: int
    """One memory's element without its content, and the line's end."""
    since: int
    """What the attribute of this name adds to an element."""
    source: int
    """The same, for the longest of the sources."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What is said around memories and the directive; declarative, as models refuse what reads like injected orders."""

    introduction: str
    """The one sentence before a block; short, as every turn with news has a block."""
    introduction_with_procedures: str
    """The same for a block that holds procedural memories."""
    sources: Mapping[str, str]
    """Where a memory came from, for those sources that the introduction does not speak of."""
    directive_in_user_message: str
    """How the directive stands in a user message. `{directive}` is its text."""
    tokens: FrameTokens
    """Of the words above."""
