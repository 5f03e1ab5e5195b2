"""What step 6 decides, as values."""

from __future__ import annotations

from dataclasses import dataclass

from memories.models import Memory
from memories.refinement.claims import Judgement

OUTDATED = "learned late"
"""How the reason begins of a memory that gave way as soon as it was learned: it is older than what is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """A stored memory that the draft does not leave as it is."""

    memory: Memory
    judgement: Judgement


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What step 6 found: memories that give way to the draft, those it gives way to, those a person must compare.

    `held`: why a person decides although the classifier was sure.
    """

    supersedes: tuple[Conflict, ...] = ()
    outdated_by: tuple[Conflict, ...] = ()
    unsure: tuple[Conflict, ...] = ()
    held: str = ""

    @property
    def effect(self) -> str:
        """What becomes of older memories when the draft stands, in words; empty when they stay."""
        if not self.supersedes:
            return ""
        older = f"{len(self.supersedes)} older {'memory' if len(self.supersedes) == 1 else 'memories'}"
        return f"takes the place of {older}: {self.supersedes[0].judgement.reason}"

    @property
    def doubt(self) -> str:
        """Why the draft waits for a person; empty when it does not."""
        if self.held:
            return self.held
        return self.unsure[0].judgement.reason if self.unsure else ""
