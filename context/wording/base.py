from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
