"""What is known."""

from __future__ import annotations

from memories.models.excerpt import Excerpt
from memories.models.extraction import Extraction
from memories.models.imports import ImportItem, ImportPart, ImportRun
from memories.models.memory import Memory
from memories.models.recall import RecallCheck
from memories.models.relationship import Relationship
from memories.models.slot import VectorSlot
from memories.models.version import MemoryVersion

__all__ = [
    "Excerpt",
    "Extraction",
    "ImportItem",
    "ImportPart",
    "ImportRun",
    "Memory",
    "MemoryVersion",
    "RecallCheck",
    "Relationship",
    "VectorSlot",
]
