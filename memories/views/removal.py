"""Deleting: one memory, or those that were ticked in the list. Each asks first."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from ibex.core.htmx import SeeOther, page, wants_partial
from ibex.core.ids import parse_uuid
from ibex.core.listing import PER_PAGE
from ibex.core.writes import written
from memories import store
from memories.models import Memory
from memories.selectors import memories_of
from memories.views.detail import back_url, memory_or_404


@require_POST
@operator_page(Role.OPERATOR)
def delete(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """Take one memory out of every list, search and prompt."""
    memory = memory_or_404(request, memory_id)
    written(request, lambda: store.delete(memory, actor=request.place.actor), "The memory is deleted.")
    return SeeOther(back_url(request))


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.OPERATOR)
def delete_many(request: PlacedRequest) -> HttpResponse:
    """Ask about the ticked memories by name; delete them when the answer comes. Those of others are not there."""
    chosen = chosen_memories(request)
    if request.method == "POST":
        count = len(chosen)
        done = f"{count} {'memory is' if count == 1 else 'memories are'} deleted."
        if chosen:
            written(request, partial(_delete, chosen, request.place.actor), done)
        else:
            messages.error(request, "Nothing was deleted: none of these memories is there any more.")
        return SeeOther(back_url(request))
    title = "Delete this memory?" if len(chosen) == 1 else f"Delete these {len(chosen)} memories?"
    context = {
        "chosen": chosen,
        "title": title if chosen else "Nothing is chosen",
        "back_url": back_url(request),
        "in_drawer": wants_partial(request),
    }
    return page(request, "memories/delete_many.html", context, partial="panel")


def _delete(memories: list[Memory], actor: str) -> None:
    # All agents' locks at once and in order: two such deletions cannot wait for each other.
    store.one_writer_each((memory.org_id, memory.agent_id) for memory in memories)
    store.delete_many(memories, actor=actor)


def chosen_memories(request: PlacedRequest) -> list[Memory]:
    """The ticked memories of this organization, at most a page of them, the newest first."""
    given = request.POST if request.method == "POST" else request.GET
    ids = [key for key in map(parse_uuid, given.getlist("id")[:PER_PAGE]) if key]
    rows = memories_of(request.place.organization.pk).filter(pk__in=ids)
    return list(rows)
