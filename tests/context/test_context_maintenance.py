"""Verdicts fade, and receipts go when their time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Organization
from context import maintenance
from context.feedback import Ballot, give
from context.models import Feedback, Injection
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.dashboard.conftest import inject, make_memory, make_session, make_turn
from tests.jobs import change, id_of_day, made_days_ago, one_step, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

HALF_LIFE_DAYS = 90


def worth(memory: Memory) -> float:
    with scope(memory.org_id):
        return Memory.objects.get(pk=memory.pk).usefulness


def judged(agent, text: str, *, days_ago: float) -> Memory:
    """A memory that helped once, so long ago, as it stood right after."""
    memory = make_memory(agent, text)
    with scope(agent.org_id):
        give(Ballot(org_id=agent.org_id, actor="token:t", useful=True, memory_ids=[memory.pk]))
        verdict = Feedback.objects.get(memory=memory)
    change(verdict, created_at=timezone.now() - timedelta(days=days_ago))
    return memory


def test_half_of_a_verdict_is_forgotten_after_its_half_life_however_often_that_is_reckoned(agent, foreign_agent):
    old, foreign = judged(agent, "Tea.", days_ago=HALF_LIFE_DAYS), judged(foreign_agent, "Tea.", days_ago=0)
    never = make_memory(agent, "Milk.")
    assert worth(old) == pytest.approx(0.6)
    for _ in range(2):
        run_whole("decay_usefulness")
        assert worth(old) == pytest.approx(0.55, abs=1e-4)
        assert worth(foreign) == pytest.approx(0.6, abs=1e-4)
        assert worth(never) == 0.5


def test_what_nobody_says_any_more_is_neutral_again(agent):
    memory = make_memory(agent, "Tea.", usefulness=0.9)
    run_whole("decay_usefulness")
    assert worth(memory) == 0.5


def test_a_killed_run_reckons_the_rest_later(agent, monkeypatch):
    monkeypatch.setattr(maintenance, "MEMORIES_AT_ONCE", 2)
    memories = [judged(agent, f"Tea {count}.", days_ago=HALF_LIFE_DAYS) for count in range(5)]
    one_step("decay_usefulness")
    run_whole("decay_usefulness")
    assert [worth(memory) for memory in memories] == [pytest.approx(0.55, abs=1e-4)] * 5


def test_receipts_go_with_the_retention_of_traces(acme, agent, foreign_agent):
    with scope(acme.pk):
        Organization.objects.filter(pk=acme.pk).update(trace_retention_days=7)
    for each in (agent, foreign_agent):
        memory = make_memory(each, "Tea.")
        for days in (6, 8):
            line = inject(make_turn(make_session(each)), memory, id=id_of_day(days))
            made_days_ago(line, days)
    run_whole("forget_injections")
    run_whole("forget_injections")
    for each, kept in ((agent, 1), (foreign_agent, 2)):
        with scope(each.org_id):
            assert Injection.objects.count() == kept
