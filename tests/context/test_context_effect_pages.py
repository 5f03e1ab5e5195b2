"""The effect page and its address in the API: what they show, and to whom."""

from __future__ import annotations

import pytest
from django.urls import reverse

from agents.choices import Scope
from ibex.core.tenancy import scope
from tests.agents.api.conftest import by_session, by_token
from tests.agents.api.test_agents import error_of, fields_of
from tests.context.test_context_effect import ended
from tests.dashboard.conftest import query_count
from tests.factories import make_agent, make_token

__all__ = ["by_session", "by_token", "query_count"]


@pytest.fixture
def address(agent):
    return reverse("context:effect", args=[agent.pk])


@pytest.fixture
def compared(agent):
    """Memories halve the turns."""
    ended(agent, 80, held_out=False, turns=2)
    ended(agent, 60, held_out=True, turns=7)
    ended(agent, 4, held_out=True, mixed="off")


def test_before_there_is_a_holdout_the_page_says_how_to_begin(alice, victor, agent, address):
    page = alice.client.get(address).content.decode()
    assert "No sessions are held out" in page
    assert reverse("agents:edit", args=[agent.pk]) in page
    assert "Set the holdout" not in victor.client.get(address).content.decode()
    alice.client.patch(f"/api/v1/agents/{agent.pk}", {"holdout_share": 0.1}, "application/json", headers=alice.bearer)
    assert "Nothing to compare yet" in alice.client.get(address).content.decode()


def test_every_figure_has_its_line(alice, address, compared):
    response = alice.client.get(address)
    page = " ".join(response.content.decode().split())
    lines = {line.title: line for line in response.context["lines"]}
    assert len(lines) == 7
    assert (lines["Turns"].finding, lines["Turns"].tone) == ("Differs", "accent")
    assert (lines["Tokens in"].finding, lines["Tokens in"].tone) == ("Differs", "ok")
    assert lines["Turns"].difference.startswith("\N{MINUS SIGN}5.0")
    assert lines["Useful"].finding == "Not enough sessions yet"
    for words in ("With memories", "95 % interval", "4</strong> had memories switched off in some turns"):
        assert words in page


def test_a_period_is_a_link_and_a_form_and_a_wrong_one_is_told(alice, address, compared):
    page = alice.client.get(address, {"since": "2026-01-01", "until": "2026-01-31"}).content.decode()
    assert 'value="2026-01-01"' in page
    assert f'href="{address}?since=' in page
    wrong = alice.client.get(address, {"since": "soon"})
    assert wrong.status_code == 422
    assert "A day is written as YYYY-MM-DD." in wrong.content.decode()
    assert "soon" not in wrong.content.decode()


def test_htmx_gets_the_panel_alone(alice, address, compared):
    piece = alice.client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece
    assert "Held out" in piece


def test_every_member_may_look_and_strangers_find_nothing(alice, bob, victor, charlie, anonymous, address):
    for person in (alice, bob, victor):
        assert person.client.get(address).status_code == 200
    assert charlie.client.get(address).status_code == 404
    assert anonymous.get(address).status_code == 302
    assert alice.client.post(address).status_code == 405


def test_the_number_of_queries_does_not_grow_with_sessions(alice, agent, address, query_count):
    ended(agent, 2, held_out=True)
    before = query_count(alice, address)
    ended(agent, 50, held_out=True)
    assert query_count(alice, f"{address}?since=2026-01-02&until=2026-12-01") == before


def test_the_agents_pages_lead_there(alice, agent, address):
    assert f'href="{address}"' in alice.client.get(reverse("agents:detail", args=[agent.pk])).content.decode()


def test_the_api_tells_the_same(alice, by_token, agent, compared):
    body = by_token(alice, "GET", f"/agents/{agent.pk}/effect").json()
    assert body["sessions"] == {
        "with_memories": 80,
        "held_out": 60,
        "degraded": 0,
        "left_out": {"off": 4},
        "is_cut": False,
    }
    turns, *_, useful, _ = body["figures"]
    assert (turns["name"], turns["finding"], turns["is_better"], turns["unit"]) == ("turns", "clear", None, "")
    assert turns["low"] < turns["difference"] < turns["high"] < 0
    assert (useful["name"], useful["finding"], useful["difference"]) == ("useful", "not_enough_sessions", None)


def test_the_api_refuses_what_is_no_period(alice, by_token, agent):
    error = error_of(by_token(alice, "GET", f"/agents/{agent.pk}/effect?since=1&until=x"), 400, "INVALID_REQUEST")
    assert fields_of(error) == {"until": "INVALID_FORMAT"}


def test_who_may_ask_the_api(acme, alice, victor, charlie, by_token, by_session, agent):
    path = f"/agents/{agent.pk}/effect"
    assert by_session(victor, "GET", path).status_code == 200
    error_of(by_token(charlie, "GET", path), 404, "NOT_FOUND")
    error_of(by_token(make_token(acme, scopes=[str(Scope.MEMORY_READ)]), "GET", path), 403, "SCOPE_MISSING")
    own, other = make_token(acme, agent=agent), make_token(acme, agent=make_agent(acme, "Other"))
    assert by_token(own, "GET", path).status_code == 200
    error_of(by_token(other, "GET", path), 404, "NOT_FOUND")
    with scope(acme.pk):
        assert agent.holdout_share == 0
