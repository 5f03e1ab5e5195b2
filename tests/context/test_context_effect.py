"""The report on an agent's holdout: which sessions are compared, what is left out, and for whom."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent, Session
from context import compared
from context.compared import sums_of
from context.effect import Effect, Finding, effect_of
from context.feedback import Ballot, give
from context.models import Outcome
from context.period import period_of
from ibex.core.errors import InvalidRequest
from ibex.core.redis import RedisError
from ibex.core.tenancy import scope
from tests.dashboard.conftest import make_turn
from tests.factories import make_agent

TODAY = timezone.now().date()


def ended(
    agent: Agent, count: int, *, held_out: bool, turns: int = 3, days_ago: float = 0, **fields: Any
) -> list[Session]:
    """Sessions that are over, of about so many turns, as the drain and the reading of turns leave them."""
    began = timezone.now() - timedelta(days=days_ago)
    of_session = {name: fields.pop(name) for name in ("status", "holdout_share", "failed_calls") if name in fields}
    columns: dict[str, Any] = {"status": "completed", "holdout_share": 0.3} | of_session
    with scope(agent.org_id):
        sessions = Session.objects.bulk_create(
            Session(
                org_id=agent.org_id,
                agent=agent,
                started_at=began,
                last_turn_at=began,
                turn_count=turns + number % 3,
                last_read_turn=turns + number % 3,
                is_held_out=held_out,
                **columns,
            )
            for number in range(count)
        )
        Outcome.objects.bulk_create(
            Outcome(
                org_id=agent.org_id,
                agent=agent,
                session=session,
                **({"turns": session.turn_count, "prompt_tokens": 100 * session.turn_count} | fields),
            )
            for session in sessions
        )
    return sessions


def report(agent: Agent, since: date = TODAY - timedelta(days=29), until: date = TODAY) -> Effect:
    with scope(agent.org_id):
        return effect_of(agent, since, until)


def figure(effect: Effect, name: str) -> Any:
    return next(result for result in effect.results if result.figure.name == name)


def test_sessions_with_memories_are_compared_with_held_out_ones(agent):
    ended(agent, 60, held_out=False, turns=3)
    ended(agent, 40, held_out=True, turns=5)
    found = report(agent)
    assert (found.with_memories, found.held_out, found.left_out, found.is_cut) == (60, 40, {}, False)
    turns = figure(found, "turns")
    assert (turns.difference.with_memories, turns.difference.held_out) == (pytest.approx(4), pytest.approx(5.975))
    assert turns.finding is Finding.CLEAR
    assert turns.is_better is None
    assert figure(found, "prompt_tokens").is_better is True
    assert figure(found, "completion_tokens").finding is Finding.NOT_ENOUGH  # of none at all nothing can be said


def test_few_sessions_are_counted_and_not_judged(agent):
    ended(agent, 200, held_out=False)
    ended(agent, 10, held_out=True)
    found = report(agent)
    assert (found.with_memories, found.held_out) == (200, 10)
    assert {result.finding for result in found.results} == {Finding.NOT_ENOUGH}


def test_what_cannot_be_compared_is_left_out_and_counted_by_reason(agent):
    ended(agent, 3, held_out=False, holdout_share=0.0)
    ended(agent, 2, held_out=False, status="active")
    ended(agent, 4, held_out=True, mixed="off")
    ended(agent, 5, held_out=False, mixed="shadow")
    ended(agent, 6, held_out=False, mixed="changed")
    unread = ended(agent, 1, held_out=False)
    with scope(agent.org_id):
        Session.objects.filter(pk=unread[0].pk).update(turn_count=9)
    found = report(agent)
    assert (found.with_memories, found.held_out) == (0, 0)
    assert found.left_out == {"no_holdout": 3, "running": 2, "unread": 1, "off": 4, "shadow": 5, "changed": 6}


def test_a_turn_that_got_no_memories_in_time_stays_with_those_that_should_have_had_them(agent):
    ended(agent, 2, held_out=False, degraded=1)
    found = report(agent)
    assert (found.with_memories, found.degraded) == (2, 2)


def test_only_sessions_that_began_in_the_period_are_compared(agent):
    for days_ago in (0, 5, 40):
        ended(agent, 1, held_out=False, days_ago=days_ago)
    assert report(agent).with_memories == 2
    assert report(agent, TODAY - timedelta(days=50), TODAY - timedelta(days=4)).with_memories == 2


def test_verdicts_on_answers_count_once_an_actor_and_errors_per_call(agent):
    for held_out, likes in ((False, 30), (True, 12)):
        for number in range(40):
            [session] = ended(agent, 1, held_out=held_out, failed_calls=number % 2)
            turn = make_turn(session)
            with scope(agent.org_id):
                Session.objects.filter(pk=session.pk).update(last_read_turn=99)
                for useful in (False, number < likes):  # the second is a changed mind, or the same again
                    give(Ballot(org_id=agent.org_id, actor="token:t", useful=useful, turn_id=turn.turn_id))
    found = report(agent)
    useful, errors = figure(found, "useful"), figure(found, "errors")
    assert (useful.difference.with_memories, useful.difference.held_out) == (pytest.approx(75), pytest.approx(30))
    assert (useful.finding, useful.is_better) == (Finding.CLEAR, True)
    assert errors.finding is Finding.NO_DIFFERENCE
    assert errors.difference.with_memories == pytest.approx(100 * 0.5 / 3.5)


def test_sessions_without_a_known_price_do_not_count_for_cost(agent):
    for held_out in (False, True):
        ended(agent, 40, held_out=held_out, cost=0.5 + held_out)
        ended(agent, 5, held_out=held_out, cost=99.0, unpriced=1)
    cost = figure(report(agent), "cost")
    assert (cost.difference.with_memories, cost.difference.held_out) == (pytest.approx(0.5), pytest.approx(1.5))


def test_other_agents_and_other_tenants_are_not_in_it(acme, agent, foreign_agent):
    ended(make_agent(acme, "Other"), 3, held_out=False)
    ended(foreign_agent, 3, held_out=False)
    assert report(agent).with_memories == 0
    with scope(agent.org_id):
        assert sums_of(foreign_agent.org_id, foreign_agent.pk, TODAY, TODAY) == []


def test_it_is_as_it_was_up_to_a_minute_ago_and_does_without_a_cache(agent, monkeypatch):
    ended(agent, 1, held_out=False)
    assert report(agent).with_memories == 1
    ended(agent, 1, held_out=False)
    assert report(agent).with_memories == 1

    class Broken:
        def get(self, _key: str) -> None:
            raise RedisError

    monkeypatch.setattr(compared, "redis", Broken)
    assert report(agent).with_memories == 2


def test_of_too_many_sessions_the_latest_are_taken_and_it_says_so(agent, monkeypatch):
    monkeypatch.setattr(compared, "SESSIONS_MAX", 4)
    monkeypatch.setattr("context.effect.SESSIONS_MAX", 4)
    ended(agent, 3, held_out=True, days_ago=2)
    ended(agent, 3, held_out=False)
    found = report(agent)
    assert (found.with_memories, found.held_out, found.is_cut) == (3, 1, True)


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        ("2026-02-30", "", "since"),
        ("", "tomorrow", "until"),
        ("2026-03-02", "2026-03-01", "since"),
        ("2020-01-01", "2026-01-01", "since"),
        ("", "0001-01-01", "until"),
        ("", "9999-12-31", "until"),
    ],
)
def test_a_period_that_is_none_is_refused_by_name(since: str, until: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        period_of(since, until)
    assert [error.field for error in refused.value.field_errors] == [field]


def test_a_period_has_thirty_days_unless_somebody_says_otherwise() -> None:
    assert period_of("", "2026-03-30") == (date(2026, 3, 1), date(2026, 3, 30))
    since, until = period_of("", "")
    assert (until - since).days == 29
