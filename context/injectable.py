"""What may be put into a prompt: a memory of the desk's, or a memory or an excerpt that search found. Both have what
scoring and rendering read under the same names, so that neither is copied into the other's form.
"""

from __future__ import annotations

from context.desk_read import HotMemory
from memories.retrieval.query import Found

Injectable = HotMemory | Found


def is_instruction(memory: Injectable) -> bool:
    """A standing instruction of the operator's own, and not merely one that was learned or sent in."""
    return memory.is_pinned and memory.by_operator and memory.category == "procedural"
