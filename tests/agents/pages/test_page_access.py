"""Each page and each POST with the whole cast: who reads, who may change, who gets nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agents.choices import AgentStatus
from agents.models import Agent, Token
from agents.services import directives, tokens
from ibex.core.tenancy import scope
from tests.agents.pages.conftest import fresh

READ = [
    "/agents",
    "/agents/{agent}",
    "/agents/{agent}/directive",
    "/agents/{agent}/directive/1",
    "/agents/{agent}/tokens",
    "/agents/{agent}/sessions",
    "/tokens",
]
MANAGE = ["/agents/new", "/agents/{agent}/edit", "/tokens/new"]


@dataclass
class Write:
    """A POST, the fields it needs, and whether an operator may make it."""

    path: str
    fields: dict[str, str]
    operator_may: bool


WRITES = [
    Write("/agents/new", {"name": "Second", "memory_tokens": "100", "injection_mode": "system_first"}, False),
    Write("/agents/{agent}/edit", {"name": "Other", "memory_tokens": "100", "injection_mode": "system_first"}, False),
    Write("/agents/{agent}/status", {"status": "paused"}, False),
    Write("/agents/{agent}/directive", {"content": "New words.", "base": "2"}, True),
    Write("/agents/{agent}/directive/roll-back", {"version": "1"}, True),
    Write("/agents/{agent}/directive/deactivate", {}, True),
    Write("/tokens/new", {"name": "CI", "scopes": "memory:read", "lifetime": "30"}, False),
    Write("/tokens/{token}/revoke", {}, False),
]


@pytest.fixture
def place(directed: Agent, acme) -> dict[str, str]:
    with scope(acme.pk):
        token, _ = tokens.create(org=acme, name="Old", scopes=["memory:read"], actor="system")
    return {"agent": str(directed.pk), "token": str(token.pk)}


def state(place: dict[str, str], acme) -> tuple[object, ...]:
    with scope(acme.pk):
        agent = Agent.objects.select_related("directive").get(pk=place["agent"])
        revoked = Token.objects.get(pk=place["token"]).revoked_at
        return (
            Agent.objects.of(acme.pk).count(),
            Token.objects.of(acme.pk).count(),
            agent.name,
            agent.status,
            agent.directive_id,
            revoked,
        )


@pytest.mark.parametrize("path", READ)
def test_every_member_reads(path, place, alice, bob, victor):
    for who in (alice, bob, victor):
        assert who.client.get(path.format(**place)).status_code == 200, who.role


@pytest.mark.parametrize("path", READ + MANAGE)
def test_nobody_is_sent_to_sign_in(path, place, anonymous):
    response = anonymous.get(path.format(**place))
    assert response.status_code == 302
    assert response.url.startswith("/sign-in?next=")


@pytest.mark.parametrize("path", [path for path in READ + MANAGE if "{" in path])
def test_a_stranger_finds_nothing(path, place, charlie):
    assert charlie.client.get(path.format(**place)).status_code == 404


@pytest.mark.parametrize("path", MANAGE)
def test_only_admins_are_shown_forms_that_only_they_may_send(path, place, alice, bob, victor):
    assert alice.client.get(path.format(**place)).status_code == 200
    for who in (bob, victor):
        assert who.client.get(path.format(**place)).status_code == 403


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
def test_an_owner_writes(write, place, acme, alice):
    before = state(place, acme)
    response = alice.client.post(write.path.format(**place), write.fields)
    assert response.status_code == 303
    assert state(place, acme) != before


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
def test_an_operator_writes_directives_and_no_more(write, place, acme, bob):
    before = state(place, acme)
    response = bob.client.post(write.path.format(**place), write.fields)
    assert response.status_code == (303 if write.operator_may else 403)
    assert (state(place, acme) != before) is write.operator_may


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
def test_a_viewer_changes_nothing(write, place, acme, victor):
    before = state(place, acme)
    assert victor.client.post(write.path.format(**place), write.fields).status_code == 403
    assert state(place, acme) == before


@pytest.mark.parametrize("write", [write for write in WRITES if "{" in write.path], ids=lambda write: write.path)
def test_a_stranger_changes_nothing(write, place, acme, charlie):
    before = state(place, acme)
    assert charlie.client.post(write.path.format(**place), write.fields).status_code == 404
    assert state(place, acme) == before


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
def test_nobody_changes_anything(write, place, acme, anonymous):
    before = state(place, acme)
    response = anonymous.post(write.path.format(**place), write.fields)
    assert response.status_code == 302
    assert response.url.startswith("/sign-in?next=")
    assert state(place, acme) == before


def test_a_list_shows_ones_own_and_nothing_else(place, charlie, agent):
    for path in ("/agents", "/tokens"):
        page = charlie.client.get(path).content.decode()
        assert agent.slug not in page
        assert "Old" not in page


def test_an_archived_agent_offers_no_change(place, agent, acme, alice):
    with scope(acme.pk):
        Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.ARCHIVED)
    page = alice.client.get(f"/agents/{agent.pk}").content.decode()
    assert "/edit" not in page
    assert "/status" not in page
    for path, fields in (
        (f"/agents/{agent.pk}/status", {"status": "active"}),
        (f"/agents/{agent.pk}/directive/deactivate", {}),
    ):
        response = alice.client.post(path, fields, follow=True)
        assert "archived" in response.content.decode()
    assert fresh(agent).status == AgentStatus.ARCHIVED
    refused = alice.client.post(f"/agents/{agent.pk}/directive", {"content": "New words."})
    assert refused.status_code == 422


def test_a_version_of_another_agent_is_not_there(place, foreign_agent, alice):
    with scope(foreign_agent.org_id):
        directives.save(foreign_agent, "Spy.", actor="system")
    assert alice.client.get(f"/agents/{foreign_agent.pk}/directive/1").status_code == 404
