"""A guard against retiring much at once, whatever a classifier says: one change took 49 % of a partition with it in
another system (getzep/graphiti#1728). Beyond it the new memory waits for a person, and nothing is retired.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from memories.choices import Operation, Status
from memories.models import Memory, MemoryVersion
from memories.refinement.draft import Draft
from memories.refinement.thresholds import RETIRED_AT_ONCE, RETIRED_FREELY, RETIRED_SHARE, RETIRED_WINDOW_S
from memories.refinement.verdicts import OUTDATED, Decision

_PERSON = "operator:"


def bounded(draft: Draft, decision: Decision) -> Decision:
    """The decision, or one that leaves it to a person when it would retire more than is plausible."""
    wanted = len(decision.supersedes)
    if wanted > RETIRED_AT_ONCE:
        return _held(decision, f"it would retire {wanted} memories at once")
    if wanted and not draft.actor.startswith(_PERSON) and _is_much(draft, wanted):
        return _held(decision, "much was retired here within the hour")
    return decision


def _held(decision: Decision, why: str) -> Decision:
    return replace(decision, supersedes=(), unsure=(*decision.supersedes, *decision.unsure), held=why)


def _is_much(draft: Draft, wanted: int) -> bool:
    """Whether this and what was retired within the window is more than is free, and than the share that may go."""
    total = _retired_lately(draft) + wanted
    plenty = math.ceil(total / RETIRED_SHARE - total)
    return total > RETIRED_FREELY and _known(draft, most=plenty) < plenty


def _retired_lately(draft: Draft) -> int:
    """Of this agent and end user, in this transaction too; what people retired was their decision."""
    since = timezone.now() - timedelta(seconds=RETIRED_WINDOW_S)
    retired = MemoryVersion.objects.of(draft.org_id).filter(
        operation=Operation.SUPERSEDED,
        created_at__gte=since,
        memory__agent_id=draft.agent_id,
        memory__end_user=draft.end_user,
    )
    return retired.exclude(actor__startswith=_PERSON).exclude(reason__startswith=OUTDATED).count()


def _known(draft: Draft, *, most: int) -> int:
    """How many are known, counted no further than to `most`: all of a large agent would take as long as the write."""
    known = Memory.objects.of(draft.org_id).filter(
        agent_id=draft.agent_id, end_user=draft.end_user, status=Status.ACTIVE, deleted_at__isnull=True
    )
    return known[:most].count()
