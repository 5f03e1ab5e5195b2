"""What waits for a decision: one list, and one memory of it with its reason, its evidence and what it clashes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.models import Agent
from agents.selectors import agents_of
from ibex.core.htmx import SeeOther, page, wants_partial
from ibex.core.ids import parse_uuid
from memories.forms import ApproveForm
from memories.models import Memory, Relationship
from memories.selectors import Provenance, memories_of, provenance
from memories.store.review import clashes_of
from memories.views.differing import Pieces, compared
from memories.views.history import names_of
from memories.views.surroundings import phrase_of
from memories.waiting import (
    COUNTED_MAX,
    Neighbours,
    Order,
    Why,
    last_change_of,
    neighbours_of,
    waiting_by_reason,
    waiting_of,
    waiting_words,
)

PER_PAGE = 25
PAGE_DIGITS_MAX = 5
CLASHES_SHOWN = 5
"""Nobody compares more at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The part of the inbox that an address names. What makes no sense in it is passed over."""

    why: str = ""
    agent_id: UUID | None = None
    order: str = Order.NEWEST
    number: int = 1

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """From the address of a page, or of a form on it."""
        why, order, number = (request.GET.get(name, "") for name in ("why", "sort", "page"))
        is_number = number.isascii() and number.isdigit() and len(number) <= PAGE_DIGITS_MAX
        return cls(
            why=why if why in Why.values else "",
            agent_id=parse_uuid(request.GET.get("agent_id", "")),
            order=order if order in Order.values else Order.NEWEST,
            number=max(1, int(number)) if is_number else 1,
        )

    @property
    def query(self) -> str:
        """The address's own query, with its question mark, or nothing."""
        number = "" if self.number == 1 else self.number
        given = {"why": self.why, "agent_id": str(self.agent_id or ""), "sort": self.order, "page": number}
        filled = {name: value for name, value in given.items() if value}
        return f"?{urlencode(filled)}" if filled else ""

    def waiting(self, org_id: UUID) -> QuerySet[Memory]:
        """All that it names, in its order, on whichever page."""
        return waiting_of(org_id, agent_id=self.agent_id, why=self.why, order=self.order)

    def beside(self, memory: Memory) -> Neighbours:
        """Who stands beside a memory among them."""
        return neighbours_of(self.waiting(memory.org_id), memory, self.order)

    def url(self, memory_id: UUID | None = None) -> str:
        """The inbox, open at a memory where one is given."""
        path = reverse("memories:review_item", args=[memory_id]) if memory_id else reverse("memories:review")
        return path + self.query


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """One reason to wait, and how many do."""

    label: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """A memory in use, beside the one that waits: both texts in pieces."""

    phrase: str
    reason: str
    known: Memory
    new_text: Pieces
    known_text: Pieces


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """The memory that is decided about."""

    memory: Memory
    origin: Provenance | None
    clashes: Sequence[Clash]
    form: ApproveForm
    query: str
    previous_url: str
    next_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxPage:
    """What the page shows; `question` is None when nothing waits."""

    rows: Sequence[tuple[Memory, str]]
    """Each with its address."""
    tabs: Sequence[Tab]
    is_capped: bool
    """More wait than are counted."""
    agents: Sequence[Agent]
    orders: Sequence[tuple[str, str]]
    """All but the usual one."""
    asked: Asked
    question: Question | None
    previous_url: str
    next_url: str
    may_decide: bool
    is_partial: bool
    waiting: str
    """As the navigation says it: there it changes with each decision."""

    @property
    def is_filtered(self) -> bool:
        return bool(self.asked.why or self.asked.agent_id)


@require_safe
@operator_page()
def inbox(request: PlacedRequest, memory_id: UUID | None = None) -> HttpResponse:
    """The inbox, open at a memory, or at the first of the page."""
    asked = Asked.of(request)
    if memory_id is None:
        return inbox_page(request, asked)
    memory = memory_or_404(request, memory_id)
    if not waiting_of(memory.org_id).filter(pk=memory.pk).exists():
        messages.info(request, said_of_decided(memory))
        return SeeOther(asked.url())
    return inbox_page(request, asked, memory.pk)


def memory_or_404(request: PlacedRequest, memory_id: UUID) -> Memory:
    """A memory of the operator's organization, also one that does not wait any more."""
    memory = memories_of(request.place.organization.pk).filter(pk=memory_id).first()
    if memory is None:
        raise Http404
    return memory


def said_of_decided(memory: Memory) -> str:
    """Who has decided, in one sentence."""
    change = last_change_of(memory)
    if change is None:
        return "This memory does not wait for a decision any more."
    name = names_of(memory.org_id, {change.actor})[change.actor]
    return f"This memory does not wait any more: {change.get_operation_display().lower()} by {name}."


def inbox_page(
    request: PlacedRequest,
    asked: Asked,
    memory_id: UUID | None = None,
    *,
    form: ApproveForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The inbox, with `form` when it is to show its errors. Inside the tenant's scope."""
    org_id = request.place.organization.pk
    waiting = asked.waiting(org_id)
    start = (asked.number - 1) * PER_PAGE
    rows = list(waiting[start : start + PER_PAGE + 1])
    if not rows and asked.number > 1:
        return inbox_page(request, replace(asked, number=1), memory_id, form=form, status=status)
    shown, has_more = rows[:PER_PAGE], len(rows) > PER_PAGE
    current = waiting_of(org_id).filter(pk=memory_id).first() if memory_id else (shown[0] if shown else None)
    counts = waiting_by_reason(org_id, agent_id=asked.agent_id)
    context = InboxPage(
        rows=[(row, asked.url(row.pk)) for row in shown],
        tabs=_tabs(asked, counts),
        is_capped=sum(counts.values()) > COUNTED_MAX,
        agents=list(agents_of(org_id)),
        orders=Order.choices[1:],
        asked=asked,
        question=_question(asked, current, shown, asked.beside(current), form) if current else None,
        previous_url=replace(asked, number=asked.number - 1).url() if asked.number > 1 else "",
        next_url=replace(asked, number=asked.number + 1).url() if has_more else "",
        may_decide=request.place.may(Role.OPERATOR),
        is_partial=wants_partial(request),
        waiting=waiting_words(org_id) if wants_partial(request) else "",
    )
    response = page(request, "memories/review.html", {"page": context}, partial="inbox", status=status)
    if context.is_partial:
        response["HX-Push-Url"] = asked.url(current.pk if current else None)
    return response


def _tabs(asked: Asked, counts: Mapping[str, int]) -> list[Tab]:
    kinds = [("", "All", sum(counts.values()))]
    kinds += [(why.value, str(why.label), counts.get(why.value, 0)) for why in Why]
    return [
        Tab(
            label=label,
            count=min(count, COUNTED_MAX),
            url=replace(asked, why=why, number=1).url(),
            is_current=why == asked.why,
        )
        for why, label, count in kinds
    ]


def _question(
    asked: Asked, memory: Memory, shown: Sequence[Memory], beside: Neighbours, form: ApproveForm | None
) -> Question:
    on_page = {row.pk for row in shown}
    return Question(
        memory=memory,
        origin=provenance(memories_of(memory.org_id), memory.pk),
        clashes=[_clash(memory, edge) for edge in clashes_of(memory)[:CLASHES_SHOWN]],
        form=form or ApproveForm(memory=memory),
        query=asked.query,
        previous_url=_beside(asked, beside.previous, on_page, step=-1),
        next_url=_beside(asked, beside.next, on_page, step=1),
    )


def _beside(asked: Asked, memory_id: UUID | None, on_page: set[UUID], *, step: int) -> str:
    """The address of a neighbour, with the page of the list that it stands on."""
    if memory_id is None:
        return ""
    number = asked.number if memory_id in on_page else max(1, asked.number + step)
    return replace(asked, number=number).url(memory_id)


def _clash(memory: Memory, edge: Relationship) -> Clash:
    new_text, known_text = compared(memory.content, edge.target.content)
    return Clash(
        phrase=phrase_of(edge, memory),
        reason=edge.reason,
        known=edge.target,
        new_text=new_text,
        known_text=known_text,
    )
