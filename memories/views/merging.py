"""One memory that speaks for several, and the way back."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import PlacedRequest, operator_page
from agents.choices import Role
from ibex.core.htmx import SeeOther, page, wants_partial
from ibex.core.ids import parse_uuid
from ibex.core.writes import written
from memories import store
from memories.models import Memory
from memories.views.detail import back_url, memory_or_404
from memories.views.removal import chosen_memories


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page(Role.OPERATOR)
def merge_many(request: PlacedRequest) -> HttpResponse:
    """Ask which of the ticked memories is to speak for all; merge the others into it when the answer comes."""
    chosen = chosen_memories(request)
    keep_id = parse_uuid(request.POST.get("keep", ""))
    keep = next((memory for memory in chosen if memory.pk == keep_id), None)
    if request.method == "POST" and len(chosen) > 1:
        if keep is None:
            messages.error(request, "Nothing was merged: choose the memory to keep.")
            return SeeOther(back_url(request))
        gone = [memory for memory in chosen if memory is not keep]
        written(request, partial(_merge, keep, gone, request.place.actor), f"{len(chosen)} memories are one now.")
        return SeeOther(reverse("memories:detail", args=[keep.pk]))
    context = {"chosen": chosen, "back_url": back_url(request), "in_drawer": wants_partial(request)}
    return page(request, "memories/merge_many.html", context, partial="panel")


@require_POST
@operator_page(Role.OPERATOR)
def unmerge(request: PlacedRequest, memory_id: UUID) -> HttpResponse:
    """What was merged away is a memory of its own again."""
    memory = memory_or_404(request, memory_id)
    written(request, lambda: store.unmerge(memory, actor=request.place.actor), "It is a memory of its own again.")
    return SeeOther(reverse("memories:detail", args=[memory.pk]))


def _merge(keep: Memory, gone: list[Memory], actor: str) -> None:
    # All agents' locks at once and in order: two such merges cannot wait for each other.
    store.one_writer_each((memory.org_id, memory.agent_id) for memory in (keep, *gone))
    for memory in gone:
        store.merge(keep, memory, actor=actor)
