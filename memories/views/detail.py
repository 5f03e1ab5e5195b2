"""One memory: what it says, where it comes from, what became of it, where it was put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from ibex.core.htmx import page, wants_partial
from ibex.core.listing import is_filtered, kept, listed
from memories.filters import UseFilter
from memories.forms import TagsForm
from memories.models import Memory
from memories.selectors import Lineage, Provenance, lineage, memories_of, provenance, uses
from memories.tables import UseTable
from memories.views.graph import Graph, graph_of
from memories.views.history import VersionLine, history
from memories.views.surroundings import Tie, ties_of
from memories.views.worth import with_worth

USES_SHOWN = 20
"""The latest prompts; the others are on a page of their own."""
CHANGED = "memories-changed"
"""Tells the list behind the drawer to look again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryPage:
    """What the page of one memory shows. `back_url`: the list as it was left."""

    memory: Memory
    origin: Provenance | None
    line: Lineage
    versions: Sequence[VersionLine]
    ties: Sequence[Tie]
    graph: Graph | None
    uses: Sequence[Any]
    has_more_uses: bool
    tags_form: TagsForm
    may_write: bool
    in_drawer: bool
    back_url: str

    @property
    def labels(self) -> list[dict[str, Any]]:
        """Labels that say more than the category."""
        return [label for label in self.memory.labels if label.get("name") != self.memory.category]

    @property
    def unshown_versions(self) -> int:
        """Versions older than those listed."""
        return self.memory.version - len(self.versions)


def memory_or_404(request: PlacedRequest, memory_id: UUID) -> Memory:
    """The one door to a memory's row: of the operator's organization and not deleted, or not there."""
    rows = with_worth(memories_of(request.place.organization.pk)).select_related("agent", "session")
    memory: Memory = get_object_or_404(rows, pk=memory_id)
    return memory


@require_safe
@operator_page()
def detail(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """The drawer's content, and the page that shows the same without JavaScript."""
    return memory_page(request, memory_or_404(request, memory_id))


@require_safe
@operator_page()
def all_uses(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Every prompt that a memory was put into, the newest first."""
    memory = memory_or_404(request, memory_id)
    filters = UseFilter(request.GET, queryset=uses(memory))
    table = UseTable(kept(filters))
    pages = listed(table, request)
    context = {
        "memory": memory,
        "uses": [row.record for row in table.paginated_rows],
        "pages": pages,
        "is_filtered": is_filtered(filters),
        "outcomes": [("true", "Put in"), ("false", "Left out")],
    }
    return page(request, "memories/all_uses.html", context, partial="results")


def memory_page(
    request: PlacedRequest, memory: Memory, *, tags_form: TagsForm | None = None, status: int = 200
) -> HttpResponse:
    """The page of `memory`, with `tags_form` when it is to show its errors."""
    has_news = bool(get_messages(request))
    ties, used = ties_of(memory), list(uses(memory)[: USES_SHOWN + 1])
    shown = MemoryPage(
        memory=memory,
        origin=provenance(memories_of(memory.org_id), memory.pk),
        line=lineage(memory),
        versions=history(memory),
        ties=ties,
        graph=graph_of(memory, ties),
        uses=used[:USES_SHOWN],
        has_more_uses=len(used) > USES_SHOWN,
        tags_form=tags_form or TagsForm(initial={"tags": memory.tags}),
        may_write=request.place.may(Role.OPERATOR),
        in_drawer=wants_partial(request),
        back_url=back_url(request),
    )
    response = page(request, "memories/detail.html", {"page": shown}, partial="panel", status=status)
    if shown.in_drawer and has_news:
        response["HX-Trigger"] = CHANGED
    return response


def back_url(request: PlacedRequest) -> str:
    """The list as it was left, named by the form or by htmx. Only the query is taken: the page is always the list."""
    home = reverse("memories:list")
    try:
        left = urlsplit(request.POST.get("next") or request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return home
    return f"{home}?{left.query}" if left.path == home and left.query else home
