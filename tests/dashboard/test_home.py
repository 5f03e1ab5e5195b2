from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Operator
from ibex.core.tenancy import scope
from ibex.dashboard.cards import cards, compact
from ibex.dashboard.selectors import Calls, Overview, overview
from tests.dashboard.conftest import make_memory, make_session, make_trace
from tests.factories import make_agent

PARTIAL = {"HX-Request": "true"}


def seen(organization) -> Overview:
    with scope(organization.pk):
        return overview(organization.pk)


def test_before_the_first_call_home_says_how_to_make_it(victor, agent):
    page = victor.client.get("/").content.decode()
    assert f"X-IBEX-Agent-ID: {agent.slug}" in page
    assert "http://testserver/v1/chat/completions" in page
    assert "ibex_pat_…" in page


def test_before_the_first_agent_home_offers_to_make_one_to_those_who_may(alice, victor):
    assert "/agents/new" in alice.client.get("/").content.decode()
    assert "/agents/new" not in victor.client.get("/").content.decode()


def test_the_page_that_waits_becomes_home_when_the_first_call_came_in(alice, agent):
    waiting = alice.client.get("/feed", headers=PARTIAL)
    assert (waiting.status_code, waiting.headers.get("HX-Refresh")) == (204, None)
    make_trace(agent)
    assert alice.client.get("/feed", headers=PARTIAL).headers["HX-Refresh"] == "true"
    assert "Recent turns" in alice.client.get("/").content.decode()


def test_the_numbers_of_a_week_are_right(acme, agent):
    other = make_agent(acme, "Other")
    now = timezone.now()
    for overhead in range(1, 21):
        make_trace(agent, overhead_ms=overhead, prompt_tokens=10, completion_tokens=5)
    make_trace(other, at=now - timedelta(days=1), status=502, overhead_ms=1000)
    make_trace(other, at=now - timedelta(days=8), prompt_tokens=7)
    make_trace(other, at=now - timedelta(days=30), prompt_tokens=999)
    view = seen(acme)
    assert (view.total.calls, view.total.failed, view.total.tokens, view.total.agents) == (21, 1, 300, 2)
    assert view.earlier == Calls(calls=1, tokens=7, overhead_ms=5.0, agents=1)
    today, yesterday = view.daily[-1], view.daily[-2]
    assert today.overhead_ms == pytest.approx(19.05)
    assert (today.calls, yesterday.calls, sum(day.calls for day in view.daily)) == (20, 1, 21)
    assert len(view.days) == len(view.daily) == len(view.learned) == 7
    assert view.days[-1] == timezone.now().date()


def test_memories_learned_are_counted_by_day_and_deleted_ones_are_not(acme, agent):
    make_memory(agent, "One")
    make_memory(agent, "Two", days_ago=1)
    make_memory(agent, "Gone", deleted_at=timezone.now())
    make_memory(agent, "Before", days_ago=9)
    make_memory(agent, "Long ago", days_ago=40)
    view = seen(acme)
    assert sum(view.learned) == 2
    assert view.learned_earlier == 1


def test_another_organizations_numbers_are_not_counted(acme, agent, foreign_agent, charlie):
    make_trace(agent)
    make_trace(foreign_agent, model="their-model")
    make_memory(foreign_agent, "Theirs")
    view = seen(acme)
    assert (view.total.calls, sum(view.learned)) == (1, 0)
    assert agent.name not in charlie.client.get("/").content.decode()


def test_nothing_at_all_makes_cards_too(acme):
    shown = cards(seen(acme))
    assert [card.value for card in shown] == ["0", "0", "\N{EN DASH}", "0", "0"]
    assert not any(card.change for card in shown)


def test_a_card_says_how_its_number_changed():
    calm, busy = Calls(calls=100, tokens=1000, overhead_ms=10.0), Calls(calls=112, tokens=900, overhead_ms=12.0)
    view = Overview(days=[], daily=[], total=busy, earlier=calm, learned=[3], learned_earlier=3)
    by_label = {card.label: card for card in cards(view)}
    assert by_label["Requests"].change == "+12 %"
    assert by_label["Tokens"].change == "\N{MINUS SIGN}10 %"
    assert (by_label["Overhead, p95"].change, by_label["Overhead, p95"].tone) == ("+20 %", "bad")
    assert by_label["Memories learned"].change == "±0 %"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0k"), (1_250_000, "1.2M"), (7_000_000_000, "7.0B")],
)
def test_large_numbers_are_short(number, words):
    assert compact(number) == words


def test_the_feed_shows_the_latest_turns_and_where_they_are_replayed(victor, agent):
    session = make_session(agent, end_user="jon@example.test")
    trace = make_trace(agent, session, model="gpt-4o", memories_injected=3, is_fallback=True)
    make_trace(agent, status=429, error_code="RATE_LIMITED")
    page = victor.client.get("/").content.decode()
    assert f"/sessions/{session.pk}?turn={trace.turn_id}#turn-{trace.turn_id}" in page
    for words in ("jon@example.test", "gpt-4o", "3 injected", "Fallback", "RATE_LIMITED"):
        assert words in page


def test_the_feed_answers_only_when_there_is_something_new(victor, agent):
    first = make_trace(agent)
    assert victor.client.get(f"/feed?after={first.pk}", headers=PARTIAL).status_code == 204
    make_trace(agent, model="new-model")
    fresh = victor.client.get(f"/feed?after={first.pk}", headers=PARTIAL)
    assert fresh.status_code == 200
    assert fresh.content.decode().count("is-new") == 1
    assert "new-model" in fresh.content.decode()


@pytest.mark.parametrize("after", ["", "junk", "%00"])
def test_a_feed_that_knows_nothing_starts_again(victor, agent, after):
    make_trace(agent)
    assert victor.client.get(f"/feed?after={after}").headers["HX-Refresh"] == "true"


def test_the_cards_refresh_by_themselves(victor, agent):
    make_trace(agent)
    partial = victor.client.get("/", headers=PARTIAL).content.decode()
    assert "Requests" in partial
    assert "<html" not in partial


@pytest.mark.parametrize("path", ["/", "/feed"])
def test_nobody_is_sent_to_sign_in(path, anonymous):
    assert anonymous.get(path).url.startswith("/sign-in?next=")


def test_a_member_of_nothing_gets_nothing(alice):
    with scope(alice.organization.pk):
        alice.operator.memberships.all().delete()
    assert alice.client.get("/").status_code == 403


def test_the_queries_of_home_do_not_grow(victor, acme, agent, query_count):
    make_trace(agent, make_session(agent))
    few = query_count(victor, "/")
    for name in ("One", "Two", "Three"):
        other = make_agent(acme, name)
        make_trace(other, make_session(other))
        make_memory(other, name)
    assert query_count(victor, "/") == few


def test_the_frame_shows_where_one_is(victor, acme):
    page = victor.client.get("/sessions").content.decode()
    assert acme.name in page
    assert 'aria-current="page"' in page
    assert "/admin/" not in page


def test_only_superusers_who_are_admins_here_are_shown_the_admin(alice, bob):
    for who in (alice, bob):
        Operator.objects.filter(pk=who.operator.pk).update(is_staff=True, is_superuser=True)
    assert "/admin/" in alice.client.get("/").content.decode()
    assert "/admin/" not in bob.client.get("/").content.decode()
