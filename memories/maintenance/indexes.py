"""Step 9 of refinement, reconciled: agents that have grown large get an index of their own."""

from __future__ import annotations

from collections.abc import Iterator

from ibex.core.jobs import Place, Progress, once
from memories.retrieval.indexes import enqueue_large_agents


def index_large_agents(_place: Place | None) -> Iterator[Progress]:
    """Queue what is missing; a task whose index is there already does nothing."""
    return once(lambda: {"indexes_queued": enqueue_large_agents()})
