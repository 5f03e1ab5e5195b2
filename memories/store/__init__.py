"""The only writer of memories: every change leaves a version behind, and the desk hears of it on commit.

All of it runs inside the caller's `scope(org_id)`. What changes a memory that is there takes the agent's lock and the
row as it is by then; `create`, `bump`, `bump_through`, `absorb`, `absorb_richer` and `supersede` are refinement's,
which holds the lock already.
"""

from __future__ import annotations

from memories.store.edges import connect
from memories.store.life import delete, delete_many, edit, restore, supersede
from memories.store.lock import one_writer, one_writer_each
from memories.store.merging import absorb, absorb_richer, bump_through, merge, unmerge
from memories.store.record import hold, record
from memories.store.review import approve, reject
from memories.store.usage import count_answers, count_injections, count_retrievals, hold_many, set_usefulness
from memories.store.write import Standing, bump, create, set_tags

__all__ = [
    "Standing",
    "absorb",
    "absorb_richer",
    "approve",
    "bump",
    "bump_through",
    "connect",
    "count_answers",
    "count_injections",
    "count_retrievals",
    "create",
    "delete",
    "delete_many",
    "edit",
    "hold",
    "hold_many",
    "merge",
    "one_writer",
    "one_writer_each",
    "record",
    "reject",
    "restore",
    "set_tags",
    "set_usefulness",
    "supersede",
    "unmerge",
]
