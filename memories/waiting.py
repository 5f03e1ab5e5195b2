"""Memories that wait for a person's decision: why each of them does, how many there are. Inside `scope(org)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, OuterRef, Q, QuerySet, Subquery, TextChoices, Value, When

from memories.choices import Status
from memories.models import Memory, MemoryVersion, Relationship
from memories.models.memory import WAITING
from memories.selectors import memories_of
from memories.store.review import CLASHES

COUNTED_MAX = 999
"""Waiting memories that are counted; whoever has more knows enough."""
SHOWN_MAX = 99
"""On every page they are counted up to here only."""


class Why(TextChoices):
    """What a person is asked about a waiting memory."""

    QUARANTINED = "quarantined", "Quarantined"
    CONFLICTING = "conflicting", "Conflicting"
    UNSURE = "unsure", "Unsure"


class Order(TextChoices):
    """What the inbox begins with."""

    NEWEST = "", "Newest first"
    OLDEST = "oldest", "Oldest first"
    LEAST_SURE = "least_sure", "Least sure first"
    SUREST = "surest", "Surest first"
    BY_AGENT = "agent", "By agent"


_FIELDS: Mapping[str, Sequence[str]] = {
    Order.NEWEST: ("-created_at", "-pk"),
    Order.OLDEST: ("created_at", "pk"),
    Order.LEAST_SURE: ("confidence", "-created_at", "-pk"),
    Order.SUREST: ("-confidence", "-created_at", "-pk"),
    Order.BY_AGENT: ("agent__name", "-created_at", "-pk"),
}
"""By what each order sorts; the last field tells any two apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """The waiting memories just before and after one, in the order of the inbox; None where it ends."""

    previous: UUID | None
    next: UUID | None


def waiting_of(
    org_id: UUID, *, agent_id: UUID | None = None, why: str = "", order: str = Order.NEWEST
) -> QuerySet[Memory]:
    """Waiting memories with their `why`, in an Order; of one agent, or for one reason, when that is given."""
    rows = memories_of(org_id).filter(WAITING).order_by(*_FIELDS[order])
    if agent_id is not None:
        rows = rows.filter(agent_id=agent_id)
    explained: QuerySet[Any] = rows.annotate(clash=_clash()).annotate(
        why=Case(
            When(status=Status.QUARANTINED, then=Value(Why.QUARANTINED)),
            When(Q(("clash__isnull", False)), then=Value(Why.CONFLICTING)),
            default=Value(Why.UNSURE),
            output_field=CharField(),
        )
    )
    return explained.filter(why=why) if why else explained


def waiting_by_reason(org_id: UUID, *, agent_id: UUID | None = None) -> Mapping[str, int]:
    """How many wait for each reason, together at most COUNTED_MAX + 1. One query."""
    rows: QuerySet[Any] = waiting_of(org_id, agent_id=agent_id)
    return Counter(rows.values_list("why", flat=True)[: COUNTED_MAX + 1])


def waiting_words(org_id: UUID) -> str:
    """How many wait at all, as the navigation says it: empty for none, `99+` for more. One query."""
    rows = Memory.objects.of(org_id).filter(WAITING).order_by("-created_at")
    count = rows[: SHOWN_MAX + 1].count()
    return f"{SHOWN_MAX}+" if count > SHOWN_MAX else str(count or "")


def neighbours_of(rows: QuerySet[Memory], memory: Memory, order: str = Order.NEWEST) -> Neighbours:
    """Who stands beside `memory` in `rows`, which are in that order; also when it has left them. Two queries."""
    fields = _FIELDS[order]
    return Neighbours(
        previous=_first(rows.filter(_beyond(memory, _reversed(fields))).order_by(*_reversed(fields))),
        next=_first(rows.filter(_beyond(memory, fields))),
    )


def last_change_of(memory: Memory) -> MemoryVersion | None:
    """Its newest version: what was decided about it last, and by whom."""
    return MemoryVersion.objects.of(memory.org_id).filter(memory=memory).order_by("-number").first()


def _clash() -> Subquery:
    """An edge to a memory in use, looked up row by row: for EXISTS the planner would read every memory in use first."""
    edges = Relationship.objects.filter(
        org_id=OuterRef("org_id"),
        source_id=OuterRef("pk"),
        kind__in=CLASHES,
        target__status=Status.ACTIVE,
        target__deleted_at=None,
    )
    return Subquery(edges.order_by().values("pk")[:1])


def _first(rows: QuerySet[Memory]) -> UUID | None:
    return rows.values_list("pk", flat=True).first()


def _reversed(fields: Sequence[str]) -> list[str]:
    return [field[1:] if field.startswith("-") else f"-{field}" for field in fields]


def _beyond(memory: Memory, fields: Sequence[str]) -> Q:
    """What comes after `memory` in the order of `fields`."""
    beyond, same = Q(), Q()
    for field in fields:
        name = field.removeprefix("-")
        value = attrgetter(name.replace("__", "."))(memory)
        beyond |= same & Q((f"{name}__{'lt' if field.startswith('-') else 'gt'}", value))
        same &= Q((name, value))
    return beyond
