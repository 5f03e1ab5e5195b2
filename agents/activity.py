"""What an agent did lately, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.utils import timezone

from agents.models import Agent, Session, Trace

DAYS = 7
FAILED_FROM = 400
"""The lowest HTTP status of a call that failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """Of the last DAYS days, but for `sessions`, which are all there ever were."""

    calls: int
    failed: int
    tokens: int
    injected: int
    sessions: int


def activity_of(agent: Agent) -> Activity:
    """Two queries, inside the tenant's scope."""
    since = timezone.now() - timedelta(days=DAYS)
    traces = Trace.objects.of(agent.org_id).filter(agent=agent, started_at__gte=since)
    sums = traces.aggregate(
        calls=Count("pk"),
        failed=Count("pk", filter=Q(status__gte=FAILED_FROM)),
        prompt=Sum("prompt_tokens"),
        completion=Sum("completion_tokens"),
        injected=Sum("memories_injected"),
    )
    return Activity(
        calls=sums["calls"],
        failed=sums["failed"],
        tokens=(sums["prompt"] or 0) + (sums["completion"] or 0),
        injected=sums["injected"] or 0,
        sessions=Session.objects.of(agent.org_id).filter(agent=agent).count(),
    )
