"""Lists of pages: a table that sorts and pages itself by its address.

No list counts its rows: a page fetches one row more than it shows and so knows whether another page follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import django_tables2 as tables
from django.core.paginator import EmptyPage
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django_filters import FilterSet
from django_tables2.paginators import LazyPaginator

PER_PAGE: Final = 50
PAGES_MAX: Final = 400
"""Nobody reads further; a filter finds what lies deeper, and skipping rows costs the database each of them."""

_SORTING: Final = {"hx-boost": "true", "hx-target": "#results", "hx-select": "#results", "hx-swap": "outerHTML"}
HEAD: Final[dict[str, Any]] = {"th": _SORTING}
"""`attrs` of a column: its header sorts without loading the whole page. Lists stand in an element with id `results`."""
MAIN: Final[dict[str, Any]] = HEAD | {"td": {"class": "cell-main"}}
WIDE: Final[dict[str, Any]] = HEAD | {"td": {"class": "cell-wide"}}
FIRM: Final[dict[str, Any]] = HEAD | {"td": {"class": "nowrap"}}
NUMBER: Final[dict[str, Any]] = {"th": _SORTING | {"class": "num"}, "td": {"class": "num"}}
ACTIONS: Final[dict[str, Any]] = {"th": {"class": "cell-actions"}, "td": {"class": "cell-actions"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """The neighbours of a page of a list; empty where there is none. `number` counts from 1."""

    number: int
    previous_url: str
    next_url: str


class ListTable(tables.Table):
    """A list; sorted by `?sort=`. Subclasses give columns, `Meta(ListTable.Meta)` and the default order."""

    class Meta:
        order_by_field = "sort"
        attrs = {"class": "table"}

    def row_count(self) -> int:
        """Rows on this page."""
        return len(self.page.object_list)


def listed(table: ListTable, request: HttpRequest) -> Pages:
    """Sort and cut `table` by the address: `?sort=field` or `-field`, `?page=N`. What cannot be is the first page."""
    table.request = request
    wanted = request.GET.get("sort", "")
    if wanted.removeprefix("-") in {column.name for column in table.columns if column.orderable}:
        table.order_by = wanted
    number = _number(request.GET.get("page", ""))
    try:
        table.paginate(paginator_class=LazyPaginator, page=number, per_page=PER_PAGE)
    except EmptyPage:
        table.page = table.paginator.page(1)
    shown = table.page
    more = shown.has_next() and shown.number < PAGES_MAX
    return Pages(
        number=shown.number,
        previous_url=_address(request.GET, shown.number - 1) if shown.has_previous() else "",
        next_url=_address(request.GET, shown.number + 1) if more else "",
    )


def kept(filters: FilterSet) -> QuerySet[Any]:
    """The rows that `filters` keep; none where they make no sense."""
    rows: QuerySet[Any] = filters.qs if filters.is_valid() else filters.queryset.none()
    return rows


def is_filtered(filters: FilterSet) -> bool:
    """Whether the address asks for less than the whole list."""
    return bool(filters.form.changed_data)


def _number(text: str) -> int:
    return min(max(int(text), 1), PAGES_MAX) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _address(query: QueryDict, number: int) -> str:
    changed = query.copy()
    changed["page"] = str(number)
    return f"?{changed.urlencode()}"
