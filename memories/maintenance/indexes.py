"""Step 9 of refinement, reconciled: agents that have grown large get indexes of their own, and others lose them."""

from __future__ import annotations

from collections.abc import Iterator

from ibex.core.jobs import Place, Progress, once
from memories.retrieval import large


def index_large_agents(_place: Place | None) -> Iterator[Progress]:
    """Queue what is missing; a task whose index is there already does nothing."""
    return once(large.reconcile)
