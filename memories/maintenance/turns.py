"""Turns go when their time is over, and memories forget the way back to them.

That writes rows of memories, whose other writers hold their agent's lock and take rows in whatever order they find
them: without these locks, the two would sooner or later wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from agents.maintenance import every_organization, forget_turns
from agents.models import Agent
from ibex.core.jobs import Batch, Place, Progress, sweep
from memories import store


def forget(place: Place | None) -> Iterator[Progress]:
    """Remove turns, excerpts and empty sessions once the organization's retention is over."""
    return sweep("forget_turns", every_organization, _forget, place)


def _forget(org_id: UUID, _after: UUID | None) -> Batch:
    store.one_writer_each(Agent.objects.of(org_id).values_list("org_id", "pk"))
    return forget_turns(org_id)
