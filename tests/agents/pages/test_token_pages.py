from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.choices import PROXY_SCOPES
from agents.models import Token
from agents.secret import digest
from agents.services import tokens
from ibex.core.tenancy import scope
from tests.factories import make_agent

GOOD = {"name": "CI", "scopes": sorted(PROXY_SCOPES), "lifetime": "30"}
SECRET = re.compile(r"ibex_pat_[\w-]{43}")


@pytest.fixture
def make(acme):
    def token(name: str, **fields) -> Token:
        with scope(acme.pk):
            return tokens.create(org=acme, name=name, scopes=["memory:read"], actor="system", **fields)[0]

    return token


def names(response) -> list[str]:
    return [row.record.name for row in response.context["table"].paginated_rows]


def newest(acme) -> Token:
    with scope(acme.pk):
        return Token.objects.of(acme.pk).select_related("agent").order_by("-pk").first()


def test_a_new_tokens_secret_is_shown_exactly_once(alice, acme, audited):
    response = alice.client.post("/tokens/new", GOOD)
    assert (response.status_code, response.url) == (303, "/tokens")
    shown = alice.client.get("/tokens")
    secret = SECRET.search(shown.content.decode()).group()
    assert "no-store" in shown["Cache-Control"]
    assert not SECRET.search(alice.client.get("/tokens").content.decode())
    token = newest(acme)
    assert bytes(token.digest) == digest(secret)
    assert set(token.scopes) == PROXY_SCOPES
    assert token.created_by_id == alice.operator.pk
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert audited(acme)[0] == "token.created"


def test_a_partial_does_not_use_the_secret_up(alice):
    alice.client.post("/tokens/new", GOOD)
    assert not SECRET.search(alice.client.get("/tokens", headers={"HX-Request": "true"}).content.decode())
    assert SECRET.search(alice.client.get("/tokens").content.decode())


def test_the_secret_waits_sealed(alice):
    alice.client.post("/tokens/new", GOOD)
    assert not SECRET.search(str(dict(alice.client.session.items())))


def test_the_form_begins_with_what_the_proxy_needs(alice, agent):
    form = alice.client.get(f"/tokens/new?agent={agent.pk}").context["form"]
    assert set(form["scopes"].value()) == {str(name) for name in PROXY_SCOPES}
    assert form["agent"].value() == str(agent.pk)


def test_a_token_can_be_bound_to_an_agent_and_live_forever(alice, acme, agent):
    alice.client.post("/tokens/new", GOOD | {"agent": str(agent.pk), "lifetime": ""})
    token = newest(acme)
    assert (token.agent_id, token.expires_at) == (agent.pk, None)
    assert token.name in alice.client.get(f"/agents/{agent.pk}/tokens").content.decode()


def test_a_token_is_never_bound_to_an_agent_of_others(alice, acme, foreign_agent, make):
    make("Before")
    response = alice.client.post("/tokens/new", GOOD | {"agent": str(foreign_agent.pk)})
    assert response.status_code == 422
    assert newest(acme).name == "Before"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("name", "\0"),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("lifetime", "5"),
        ("lifetime", "never"),
        ("agent", "no-uuid"),
        ("requests_per_minute", "0"),
        ("requests_per_minute", "99999999999"),
    ],
)
def test_a_wrong_field_is_named_and_no_token_is_made(alice, acme, field, value, make):
    make("Before")
    response = alice.client.post("/tokens/new", GOOD | {field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert newest(acme).name == "Before"


def test_too_many_tokens_in_a_minute_are_refused_in_the_form(alice, acme):
    for _ in range(2 * tokens.CREATIONS_PER_MINUTE + 1):  # a minute may end in between
        response = alice.client.post("/tokens/new", GOOD)
        if response.status_code == 422:
            break
    assert response.status_code == 422
    assert "Too many" in response.content.decode()


def test_revoking_is_for_good(alice, acme, make, audited):
    token = make("Leaked")
    page = alice.client.post(f"/tokens/{token.pk}/revoke", follow=True).content.decode()
    assert newest(acme).revoked_at is not None
    assert "Leaked is revoked" in page
    assert f"/tokens/{token.pk}/revoke" not in page
    assert audited(acme)[0] == "token.revoked"


def test_an_agents_tokens_are_filtered_by_state(alice, acme, agent, make):
    make("Bound", agent=agent)
    gone = make("Gone", agent=agent)
    with scope(acme.pk):
        tokens.revoke(gone, actor="system")
    address = f"/agents/{agent.pk}/tokens"
    assert sorted(names(alice.client.get(address))) == ["Bound", "Gone"]
    assert names(alice.client.get(f"{address}?is_revoked=false")) == ["Bound"]
    assert names(alice.client.get(f"{address}?is_revoked=true")) == ["Gone"]


def test_the_list_is_filtered_by_agent_and_state(alice, acme, agent, make):
    make("Bound", agent=agent)
    gone = make("Gone")
    with scope(acme.pk):
        tokens.revoke(gone, actor="system")
    assert names(alice.client.get(f"/tokens?agent_id={agent.pk}")) == ["Bound"]
    assert names(alice.client.get("/tokens?is_revoked=true")) == ["Gone"]
    assert "Gone" not in names(alice.client.get("/tokens?is_revoked=false"))


@pytest.mark.parametrize("sort", ["name", "agent", "last_used_at", "expires_at", "created_at"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_column_that_offers_it_sorts(alice, make, sort, sign):
    make("One")
    assert "One" in names(alice.client.get(f"/tokens?sort={sign}{sort}"))


@pytest.mark.parametrize("query", ["agent_id=junk", "agent_id=%00"])
def test_a_filter_that_makes_no_sense_matches_nothing(alice, make, query):
    make("One")
    assert names(alice.client.get(f"/tokens?{query}")) == []


def test_a_viewer_sees_tokens_and_no_button(victor, make):
    make("One")
    page = victor.client.get("/tokens").content.decode()
    assert "One" in page
    assert "/revoke" not in page
    assert "/tokens/new" not in page


def test_no_page_shows_what_is_kept_of_a_secret(alice, acme, make):
    token = make("One")
    page = alice.client.get("/tokens").content.decode()
    assert bytes(token.digest).hex() not in page
    assert token.prefix in page


def test_the_queries_of_the_list_do_not_grow_with_its_rows(alice, acme, make, query_count, agent):
    make("One", agent=agent, created_by=alice.operator)
    few = query_count(alice, "/tokens")
    for name in ("Two", "Three", "Four"):
        make(name, agent=make_agent(acme, name), created_by=alice.operator)
    assert query_count(alice, "/tokens") == few
