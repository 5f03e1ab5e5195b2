"""From turns to candidate memories: the contract, the extractor that needs no model, and the grounding check of all."""

from __future__ import annotations

from memories.extraction.contract import Candidate, Extractor, Label, Turn
from memories.extraction.grounding import is_grounded
from memories.extraction.local import LocalExtractor

__all__ = ["Candidate", "Extractor", "Label", "LocalExtractor", "Turn", "is_grounded"]
