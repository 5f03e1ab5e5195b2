from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What is said around memories and the directive; declarative, as models refuse what reads like injected orders."""

    introduction: str
    """The one sentence before a block; short, as every turn with news has a block."""
    introduction_with_procedures: str
    """The same for a block that holds procedural memories."""
    directive_in_user_message: str
    """How the directive stands in a user message. `{directive}` is its text."""
