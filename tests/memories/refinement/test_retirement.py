"""A classifier that errs, or is led to, may not take much of what is known with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Relation, Status
from memories.models import Memory
from memories.refinement import retirement
from memories.refinement.draft import Draft, Outcome, Result
from memories.refinement.pipeline import before_write, refine, refine_all
from tests.memories.making import NOON, draft, memories_of, versions_of

FREELY = 4
LATER = NOON + timedelta(days=1)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the product, with fewer memories."""
    monkeypatch.setattr(retirement, "RETIRED_FREELY", FREELY)


def ports(agent: Agent, number: int, *, at: int, **fields: str) -> list[Draft]:
    """Drafts that give each of so many services a port."""
    later = {"observed_at": LATER} if at != 80 else {}
    return [draft(agent, f"The {_NAMES[n]} service listens on port {at}.", **(later | fields)) for n in range(number)]


_NAMES = ["billing", "search", "mail", "login", "video", "chat", "map", "music", "photo", "weather", "news", "bank"]


def retired(agent: Agent) -> int:
    return [memory.status for memory in memories_of(agent)].count(Status.SUPERSEDED)


def results(outcomes: list[Outcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


def test_a_batch_retires_only_what_is_plausible_and_leaves_the_rest_to_a_person(agent: Agent) -> None:
    refine_all(ports(agent, 8, at=80))
    outcomes = refine_all(ports(agent, 8, at=81))
    assert results(outcomes) == [Result.CREATED] * FREELY + [Result.PENDING_REVIEW] * 4
    assert {outcome.reason for outcome in outcomes[FREELY:]} == {"much was retired here within the hour"}
    assert retired(agent) == FREELY


def test_write_by_write_is_no_way_around_it(agent: Agent) -> None:
    refine_all(ports(agent, 8, at=80))
    outcomes = [refine(one) for one in ports(agent, 8, at=81)]
    assert results(outcomes).count(Result.PENDING_REVIEW) == 4
    assert retired(agent) == FREELY


def test_nothing_is_lost_a_person_may_still_let_it_replace(agent: Agent) -> None:
    refine_all(ports(agent, 5, at=80))
    waiting = refine_all(ports(agent, 5, at=81))[-1]
    with scope(agent.org_id):
        memory = Memory.objects.get(pk=waiting.memory_id)
        assert [edge.kind for edge in memory.outgoing.all()] == [Relation.SUPERSEDES]
        store.approve(memory, actor="operator:1")
    assert retired(agent) == 5


def test_the_next_hour_is_another(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    refine_all(ports(agent, 8, at=80))
    refine_all(ports(agent, FREELY, at=81))
    ahead = timezone.now() + timedelta(seconds=retirement.RETIRED_WINDOW_S + 1)
    monkeypatch.setattr(retirement.timezone, "now", lambda: ahead)
    assert refine(ports(agent, FREELY + 1, at=81)[-1]).result == Result.CREATED


def test_where_much_is_known_a_share_of_it_may_change(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "RETIRED_SHARE", 0.5)
    refine_all(ports(agent, 12, at=80))
    assert results(refine_all(ports(agent, 12, at=81))).count(Result.CREATED) == 12


def test_end_users_do_not_use_up_each_others_allowance(agent: Agent) -> None:
    for user in ("ann", "ben"):
        refine_all(ports(agent, FREELY, at=80, end_user=user))
        refine_all(ports(agent, FREELY, at=81, end_user=user))
    assert retired(agent) == 2 * FREELY


def test_a_person_may_retire_as_much_as_they_write(agent: Agent) -> None:
    refine_all(ports(agent, 8, at=80))
    outcomes = refine_all(ports(agent, 8, at=81, actor="operator:1"))
    assert results(outcomes) == [Result.CREATED] * 8


def test_what_is_learned_late_retires_nothing_that_is_known(agent: Agent) -> None:
    refine_all(ports(agent, 8, at=81))
    late = refine_all(ports(agent, 8, at=80))
    assert results(late) == [Result.CREATED] * 8
    with scope(agent.org_id):
        memory = Memory.objects.get(pk=late[0].memory_id)
    assert memory.status == Status.SUPERSEDED
    assert versions_of(memory)[-1][1].startswith("learned late: ")
    assert refine(draft(agent, "The billing service listens on port 82.", observed_at=LATER)).result == Result.CREATED


def test_four_at_once_are_too_many_for_anyone(agent: Agent) -> None:
    with scope(agent.org_id):
        for city in ("Berlin", "Hamburg", "Cologne", "Dresden"):
            [prepared] = before_write([draft(agent, f"The user lives in {city}.")])
            store.create(prepared, store.Standing())
    outcome = refine(draft(agent, "The user lives in Munich.", observed_at=LATER, actor="operator:1"))
    assert (outcome.result, outcome.reason) == (Result.PENDING_REVIEW, "it would retire 4 memories at once")
