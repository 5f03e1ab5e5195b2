"""A hundred thousand lines: every one gets its outcome, and memory does not grow with them."""

from __future__ import annotations

import tracemalloc

import pytest

from ibex.core.tenancy import scope
from memories.models import ImportItem
from memories.transfer.work import run_import
from tests.memories.transfer.bringing import bring, fresh, texts

LINES = 100_000
GROWTH_MAX_BYTES = 32 * 1024 * 1024
"""Of what Python holds, from the first slice of work to the last."""


@pytest.mark.load
def test_a_hundred_thousand_lines_are_read_in_bounded_memory(agent):
    good = texts(*(f"The user owns boat number {number}." for number in range(20)))
    run = bring(agent, '{"content": 5}\n' * (LINES - 20) + good)
    run_import(str(run.org_id), str(run.pk), slice_s=1)
    tracemalloc.start()
    while fresh(run).status == "running":
        run_import(str(run.org_id), str(run.pk))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (fresh(run).status, fresh(run).done) == ("succeeded", LINES)
    assert grown < GROWTH_MAX_BYTES
    with scope(agent.org_id):
        assert ImportItem.objects.filter(run=run).count() == LINES
