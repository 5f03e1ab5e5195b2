"""The list of memories: filters, search as you type, and news without being asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

from django.http import HttpResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from agents.selectors import agent_choices
from ibex.core.htmx import page
from ibex.core.listing import is_filtered, listed
from ibex.core.tenancy import scope
from memories.choices import Category, Source, Status
from memories.filters import MemoryFilter
from memories.models import Memory
from memories.selectors import memories_of
from memories.tables import MemoryTable
from memories.views.finding import Findings, find, ranked
from memories.views.worth import with_worth

NO_CONTENT = 204
"""Nothing is new: htmx leaves the list as it is (it would swap in a 304)."""
TUCKED_AWAY = {
    "source": "Source",
    "tag": "Tag",
    "label": "Label",
    "end_user": "End user",
    "is_pinned": "Standing instruction",
    "created_after": "Learned since",
    "created_before": "Learned before",
}
"""Filters behind a button: each one in use is shown as a chip, under this name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chip:
    """A filter in use, and the address of the list without it."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the address asks for; `problems` are sentences about filters that make no sense."""

    filters: MemoryFilter
    words: str = ""
    problems: Sequence[str] = field(default_factory=list)

    @property
    def is_filtered(self) -> bool:
        return is_filtered(self.filters)


@require_safe
@operator_page(in_scope=False)
def memory_list(request: PlacedRequest) -> HttpResponse:
    """Memories, the newest first, or what answers a question best. Polled with the token of what is on the screen."""
    request.GET = cast("Any", _filled(request.GET))
    asked = _asked(request)
    found = find(request.place.organization.pk, asked.filters, asked.words) if asked.words else None
    with scope(request.place.organization.pk):
        response = _answer(request, asked, found)
    patch_vary_headers(response, ["If-None-Match"])
    return response


def _answer(request: PlacedRequest, asked: Asked, found: Findings | None) -> HttpResponse:
    may_write = request.place.may(Role.OPERATOR)
    table = MemoryTable(_rows(request, asked, found), may_choose=may_write, is_search=found is not None)
    pages = listed(table, request)
    token = _token(table)
    if request.headers.get("If-None-Match") == token:
        return HttpResponse(status=NO_CONTENT)
    context: dict[str, Any] = {
        "address": f"{request.path}?{request.GET.urlencode()}" if request.GET else request.path,
        "filters": asked.filters,
        "table": table,
        "pages": pages,
        "token": token,
        "problems": [*asked.problems, *(found.problems if found else ())],
        "chips": _chips(request),
        "is_search": found is not None,
        "is_filtered": asked.is_filtered,
        # Elsewhere rows would move under the reader's eyes.
        "is_live": found is None and pages.number == 1 and not request.GET.get("sort"),
        "may_write": may_write,
        "chosen_agent": "" if asked.problems else request.GET.get("agent_id", ""),
        "agents": agent_choices(request.place.organization.pk),
        "categories": Category.choices,
        "statuses": Status.choices,
        "sources": Source.choices,
    }
    response = page(request, "memories/list.html", context, partial="results")
    if request.headers.get("HX-Trigger") == "filters":
        response["HX-Push-Url"] = context["address"]
    return response


def _filled(query: QueryDict) -> QueryDict:
    """Without the fields that a form sends empty: addresses made of it stay short."""
    filled = query.copy()
    for name in query:
        if not any(query.getlist(name)):
            del filled[name]
    return filled


def _asked(request: PlacedRequest) -> Asked:
    filters = MemoryFilter(request.GET, queryset=Memory.objects.none())
    if not filters.is_valid():
        errors = filters.form.errors.items()
        return Asked(
            filters=filters,
            problems=[f"{filters.form.fields[name].label}: {said}" for name, all_said in errors for said in all_said],
        )
    return Asked(filters=filters, words=filters.form.cleaned_data["search"].strip())


def _rows(request: PlacedRequest, asked: Asked, found: Findings | None) -> Any:
    rows = with_worth(memories_of(request.place.organization.pk))
    if asked.problems:
        return rows.none()
    if found is not None:
        return ranked(rows, found)
    return asked.filters.filter_queryset(rows)


def _token(table: MemoryTable) -> str:
    """Stands for the rows on the screen: it changes when one comes, goes, moves or gets another version."""
    shown = [f"{row.pk}:{row.version}" for row in (bound.record for bound in table.paginated_rows)]
    return blake2b("\n".join(shown).encode(), digest_size=12).hexdigest()


def _chips(request: PlacedRequest) -> list[Chip]:
    chips = []
    for name, label in TUCKED_AWAY.items():
        value = request.GET.get(name, "")
        if value:
            rest = request.GET.copy()
            for gone in (name, "page"):
                rest.pop(gone, None)
            chips.append(Chip(label=f"{label}: {value[:64]}", url=f"{request.path}?{rest.urlencode()}"))
    return chips
