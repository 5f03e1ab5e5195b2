"""The search box: what answers by meaning or by words first, then what merely holds the letters typed so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet

from ibex.core.errors import IbexError
from ibex.core.listing import PER_PAGE
from ibex.core.tenancy import scope
from memories.choices import Status
from memories.filters import MemoryFilter
from memories.models import Memory
from memories.retrieval.search import Query, search_sync
from memories.selectors import memories_of

LEAST_RELEVANCE = 0.15
"""What is less relevant is put into no prompt either (SPEC section 6)."""
CANDIDATES = 200
"""Asked of search, because filters that it does not know take some away again."""
LETTERS_ROWS = 5_000
"""Among this many of the newest, a word that is still being typed is looked for letter by letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Ids, the best first, and the relevance of those that search found."""

    ids: Sequence[UUID]
    relevance: Mapping[UUID, float]
    problems: Sequence[str] = field(default_factory=list)


def find(org_id: UUID, filters: MemoryFilter, words: str) -> Findings:
    """At most a page of memories. Embeds the question, in no transaction; opens the tenant's scope itself."""
    relevance: dict[UUID, float] = {}
    problems = []
    try:
        relevance = _relevant(org_id, filters, words)
    except IbexError as error:
        problems.append(f"Only texts with these letters are shown. {error.message}")
    with scope(org_id):
        rows = memories_of(org_id)
        kept = set(_without_words(filters, rows).filter(pk__in=relevance).values_list("pk", flat=True))
        lettered = _lettered(filters, rows)
    ids = [key for key in relevance if key in kept]
    return Findings(
        ids=[*ids, *(key for key in lettered if key not in kept)][:PER_PAGE], relevance=relevance, problems=problems
    )


def ranked(rows: QuerySet[Memory], found: Findings) -> list[Memory]:
    """The rows that were found, in their order, each with its `relevance`: None where only its letters match."""
    by_id = {row.pk: row for row in rows.filter(pk__in=found.ids)}
    ordered = [by_id[key] for key in found.ids if key in by_id]
    for row in ordered:
        row.relevance = found.relevance.get(row.pk)  # type: ignore[attr-defined]
    return ordered


def _relevant(org_id: UUID, filters: MemoryFilter, words: str) -> dict[UUID, float]:
    wanted = filters.form.cleaned_data
    found = search_sync(
        Query(
            org_id=org_id,
            agent_id=wanted["agent_id"],
            end_user=None,
            text=words,
            limit=CANDIDATES,
            categories=(wanted["category"],) if wanted["category"] else (),
            statuses=(wanted["status"],) if wanted["status"] else tuple(Status.values),
        )
    )
    return {one.id: one.relevance for one in found if one.relevance >= LEAST_RELEVANCE}


def _without_words(filters: MemoryFilter, rows: QuerySet[Memory]) -> QuerySet[Memory]:
    """The rows that pass every filter but the search box."""
    data = filters.data.copy()
    data.pop("search", None)
    passed: QuerySet[Memory] = MemoryFilter(data, queryset=rows).qs
    return passed


def _lettered(filters: MemoryFilter, rows: QuerySet[Memory]) -> list[UUID]:
    newest = _without_words(filters, rows).values("pk")[:LETTERS_ROWS]
    words = MemoryFilter({"search": filters.data["search"]}, queryset=rows.filter(pk__in=newest))
    return list(words.qs.values_list("pk", flat=True)[:PER_PAGE])
