from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.choices import AgentStatus
from agents.models import Agent, Session
from ibex.core.tenancy import scope
from tests.agents.pages.conftest import fresh
from tests.factories import make_agent, unique

GOOD = {
    "name": "Helper",
    "description": "Helps.",
    "injection_mode": "system_append",
    "memory_tokens": "500",
    "learns": "on",
    "idle_minutes": "",
    "requests_per_minute": "60",
}
PARTIAL = {"HX-Request": "true"}


def names(response) -> list[str]:
    return [row.record.name for row in response.context["table"].paginated_rows]


def make_sessions(agent: Agent, count: int) -> None:
    now = timezone.now()
    with scope(agent.org_id):
        for back in range(count):
            moment = now - timedelta(minutes=back)
            Session.objects.create(
                org_id=agent.org_id, agent=agent, external_id=unique("s"), started_at=moment, last_turn_at=moment
            )


def test_an_agent_is_made_with_what_was_asked_for(alice, acme, audited):
    response = alice.client.post("/agents/new", GOOD | {"slug": "my-helper"}, follow=True)
    agent = response.context["agent"]
    assert (agent.name, agent.slug, agent.status) == ("Helper", "my-helper", "active")
    assert (agent.injection_mode, agent.memory_tokens, agent.requests_per_minute) == ("system_append", 500, 60)
    assert (agent.learns, agent.remembers, agent.idle_minutes) == (True, False, None)
    assert "X-IBEX-Agent-ID: my-helper" in response.content.decode()
    assert audited(acme)[0] == "agent.created"


def test_a_slug_is_made_from_the_name(alice):
    response = alice.client.post("/agents/new", GOOD | {"name": "Wiki Bot 2"}, follow=True)
    assert response.context["agent"].slug == "wiki-bot-2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("name", "a\0b"),
        ("slug", "not a slug"),
        ("slug", "Ümlaut"),
        ("injection_mode", "sideways"),
        ("memory_tokens", "-1"),
        ("memory_tokens", "99999999999999999999"),
        ("memory_tokens", "many"),
        ("idle_minutes", "0"),
        ("requests_per_minute", "0"),
        ("requests_per_minute", "1e9"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(alice, acme, field, value):
    response = alice.client.post("/agents/new", GOOD | {field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    with scope(acme.pk):
        assert not Agent.objects.of(acme.pk).exists()


def test_a_slug_that_is_taken_is_refused(alice, agent):
    response = alice.client.post("/agents/new", GOOD | {"slug": agent.slug})
    assert response.status_code == 422
    assert "slug" in response.content.decode()


def test_an_empty_post_shows_what_is_missing(alice):
    response = alice.client.post("/agents/new", {})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors


def test_settings_are_changed_and_the_slug_is_not(alice, agent, audited, acme):
    response = alice.client.post(f"/agents/{agent.pk}/edit", GOOD | {"slug": "another", "name": "Renamed"})
    assert response.url == f"/agents/{agent.pk}"
    changed = fresh(agent)
    assert (changed.name, changed.memory_tokens, changed.slug) == ("Renamed", 500, agent.slug)
    assert audited(acme)[0] == "agent.updated"


def test_a_refused_edit_keeps_the_title_and_shows_what_was_typed(alice, agent):
    response = alice.client.post(f"/agents/{agent.pk}/edit", GOOD | {"name": "New name", "memory_tokens": "-5"})
    page = response.content.decode()
    assert response.status_code == 422
    assert f"Edit {agent.name}" in page
    assert 'value="New name"' in page


def test_an_agent_is_paused_and_activated(alice, agent, acme, audited):
    alice.client.post(f"/agents/{agent.pk}/status", {"status": "paused"})
    assert fresh(agent).status == AgentStatus.PAUSED
    response = alice.client.post(f"/agents/{agent.pk}/status", {"status": "active"}, follow=True)
    assert fresh(agent).status == AgentStatus.ACTIVE
    assert "answers calls again" in response.content.decode()
    assert audited(acme)[:2] == ["agent.activated", "agent.paused"]


def test_archiving_asks_for_the_slug(alice, agent):
    url = f"/agents/{agent.pk}/status"
    alice.client.post(url, {"status": "archived"})
    alice.client.post(url, {"status": "archived", "confirmation": "something else"})
    assert fresh(agent).status == AgentStatus.ACTIVE
    alice.client.post(url, {"status": "archived", "confirmation": agent.slug})
    assert fresh(agent).status == AgentStatus.ARCHIVED


@pytest.mark.parametrize("status", ["", "deleted", "ACTIVE"])
def test_a_status_that_does_not_exist_is_not_there(alice, agent, status):
    assert alice.client.post(f"/agents/{agent.pk}/status", {"status": status}).status_code == 404


def test_the_list_is_filtered(alice, acme):
    make_agent(acme, "Alpha", description="Sells shoes")
    make_agent(acme, "Beta", status="paused")
    assert names(alice.client.get("/agents?search=shoes")) == ["Alpha"]
    assert names(alice.client.get("/agents?status=paused")) == ["Beta"]
    assert names(alice.client.get("/agents?status=paused&search=shoes")) == []


def test_the_list_is_sorted_both_ways(alice, acme):
    for name in ("Beta", "Alpha", "Gamma"):
        make_agent(acme, name)
    assert names(alice.client.get("/agents?sort=name")) == ["Alpha", "Beta", "Gamma"]
    assert names(alice.client.get("/agents?sort=-name")) == ["Gamma", "Beta", "Alpha"]


def test_sorting_by_the_last_turn_leaves_the_silent_ones_to_the_end(alice, acme):
    make_agent(acme, "Silent")
    make_sessions(make_agent(acme, "Busy"), 2)
    for sort in ("last_turn_at", "-last_turn_at"):
        assert names(alice.client.get(f"/agents?sort={sort}")) == ["Busy", "Silent"]


@pytest.mark.parametrize("sort", ["name", "status", "directive", "session_count", "last_turn_at", "updated_at"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_column_that_offers_it_sorts(alice, agent, sort, sign):
    assert names(alice.client.get(f"/agents?sort={sign}{sort}")) == [agent.name]


@pytest.mark.parametrize(
    "query",
    ["sort=password", "sort=--name", "sort=org__slug", "page=0", "page=-3", "page=abc", "page=" + "9" * 40, "page=٣"],
)
def test_an_address_that_makes_no_sense_shows_the_first_page(alice, agent, query):
    assert names(alice.client.get(f"/agents?{query}")) == [agent.name]


@pytest.mark.parametrize("query", ["status=gone", "search=%00", "search=" + "x" * 200])
def test_a_filter_that_makes_no_sense_matches_nothing(alice, agent, query):
    response = alice.client.get(f"/agents?{query}")
    assert response.status_code == 200
    assert names(response) == []
    assert "No agent matches" in response.content.decode()


def test_the_empty_list_says_what_to_do(alice, victor):
    assert "/agents/new" in alice.client.get("/agents").content.decode()
    assert "/agents/new" not in victor.client.get("/agents").content.decode()


def test_a_long_list_has_pages_that_keep_the_filters(alice, acme):
    for number in range(52):
        make_agent(acme, f"Agent {number:02}")
    first = alice.client.get("/agents?status=active")
    assert len(names(first)) == 50
    assert first.context["pages"].next_url == "?status=active&page=2"
    second = alice.client.get("/agents?status=active&page=2")
    assert names(second) == ["Agent 50", "Agent 51"]
    assert second.context["pages"].previous_url == "?status=active&page=1"
    assert second.context["pages"].next_url == ""


def test_htmx_gets_the_partial_and_others_the_page(alice, agent):
    partial = alice.client.get("/agents", headers=PARTIAL)
    assert "<html" not in partial.content.decode()
    assert agent.name in partial.content.decode()
    for headers in (
        {},
        PARTIAL | {"HX-Boosted": "true"},
        PARTIAL | {"HX-History-Restore-Request": "true"},
    ):
        page = alice.client.get("/agents", headers=headers)
        assert "<html" in page.content.decode()
        assert "HX-Request" in page["Vary"]


def test_the_queries_of_the_list_do_not_grow_with_its_rows(alice, acme, query_count):
    make_sessions(make_agent(acme, "One"), 3)
    few = query_count(alice, "/agents")
    for name in ("Two", "Three", "Four", "Five"):
        make_sessions(make_agent(acme, name), 3)
    assert query_count(alice, "/agents") == few


def test_an_agents_sessions_are_filtered_by_status_and_end_user(alice, agent):
    make_sessions(agent, 3)
    with scope(agent.org_id):
        first, second = Session.objects.filter(agent=agent).order_by("pk")[:2]
        Session.objects.filter(pk=first.pk).update(status="completed")
        Session.objects.filter(pk=second.pk).update(end_user="ana")

    def found(query: str) -> list[Session]:
        response = alice.client.get(f"/agents/{agent.pk}/sessions?{query}")
        return [row.record for row in response.context["table"].paginated_rows]

    assert len(found("")) == 3
    assert found("status=completed") == [first]
    assert found("end_user=ana") == [second]
    assert found("status=nonsense") == []
    assert "No session matches" in alice.client.get(f"/agents/{agent.pk}/sessions?end_user=bea").content.decode()


def test_the_queries_of_an_agents_sessions_do_not_grow(alice, agent, query_count):
    make_sessions(agent, 1)
    pages = (f"/agents/{agent.pk}/sessions", f"/agents/{agent.pk}")
    few = [query_count(alice, page) for page in pages]
    make_sessions(agent, 6)
    assert [query_count(alice, page) for page in pages] == few
