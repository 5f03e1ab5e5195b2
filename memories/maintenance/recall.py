"""Approximate search, watched: what it misses is measured for every agent that uses it, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

import structlog

from agents.models import Agent
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from memories import slots
from memories.models import RecallCheck
from memories.retrieval import recall
from memories.retrieval.statements import TABLES

_log = structlog.get_logger(__name__)


def measure(place: Place | None) -> Iterator[Progress]:
    """Agent by agent; those that are searched exactly have nothing to measure."""

    def organizations(system: str) -> Iterable[UUID]:
        return owners(Agent.objects.using(system))

    return sweep("measure_recall", organizations, _measure_next, place)


def _measure_next(org_id: UUID, after: UUID | None) -> Batch:
    agents = Agent.objects.of(org_id).order_by("pk")
    agent_id = (agents.filter(pk__gt=after) if after else agents).values_list("pk", flat=True).first()
    if agent_id is None:
        return Batch(last=after)
    measured = [_keep(org_id, agent_id, kind) for kind in TABLES]
    return Batch(counts={"searches_measured": sum(measured)}, last=agent_id, has_more=True)


def _keep(org_id: UUID, agent_id: UUID, kind: str) -> bool:
    found = recall.measure(org_id, agent_id, kind, slots.serving_slot())
    if found is None:
        return False
    RecallCheck.objects.create(
        org_id=org_id,
        agent_id=agent_id,
        kind=kind,
        rows=found.rows,
        questions=found.questions,
        recall=found.recall,
        fewest=found.fewest,
        approximate_ms=found.approximate_ms,
        exact_ms=found.exact_ms,
    )
    if found.recall < recall.ENOUGH:
        _log.warning("search_misses_memories", org_id=str(org_id), agent_id=str(agent_id), recall=found.recall)
    return True
