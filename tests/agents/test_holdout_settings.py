"""Holdout and shadow mode, set on the agent's form, by REST and in the admin."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.urls import reverse

from agents.authentication import agent_for, authenticate
from agents.models import Agent
from ibex.core.tenancy import scope
from tests.factories import Person

FORM = {
    "name": "Assistant",
    "injection_mode": "system_first",
    "memory_tokens": "2000",
    "learns": "on",
    "remembers": "on",
}


def settings_of(agent: Agent) -> tuple[bool, float]:
    with scope(agent.org_id):
        return Agent.objects.values_list("shadows", "holdout_share").get(pk=agent.pk)


def patch(person: Person, agent: Agent, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    answer = person.client.patch(
        f"/api/v1/agents/{agent.pk}", body, content_type="application/json", headers=person.bearer
    )
    return answer.status_code, answer.json()


def test_both_are_off_by_default_and_set_by_rest(agent: Agent, alice: Person) -> None:
    assert settings_of(agent) == (False, 0.0)
    status, shown = patch(alice, agent, {"shadows": True, "holdout_share": 0.25})
    assert (status, shown["shadows"], shown["holdout_share"]) == (200, True, 0.25)
    assert settings_of(agent) == (True, 0.25)


@pytest.mark.parametrize("share", [-0.1, 1.01, "many", "nan", "inf", None])
def test_what_is_no_share_is_refused_by_name(agent: Agent, alice: Person, share: object) -> None:
    status, shown = patch(alice, agent, {"holdout_share": share})
    assert status == 400
    assert [error["field"] for error in shown["error"]["field_errors"]] == ["holdout_share"]
    assert settings_of(agent) == (False, 0.0)


def test_both_are_set_on_the_form_where_empty_is_none(agent: Agent, alice: Person) -> None:
    address = reverse("agents:edit", args=[agent.pk])
    assert alice.client.post(address, FORM | {"shadows": "on", "holdout_share": "0.1"}).status_code == 303
    assert settings_of(agent) == (True, 0.1)
    assert alice.client.post(address, FORM | {"holdout_share": ""}).status_code == 303
    assert settings_of(agent) == (False, 0.0)
    for wrong in ("1.5", "-1", "nan", "half"):
        refused = alice.client.post(address, FORM | {"holdout_share": wrong})
        assert refused.status_code == 422
        assert "holdout_share" in refused.context["form"].errors


def test_the_agents_page_says_so(agent: Agent, alice: Person) -> None:
    patch(alice, agent, {"holdout_share": 0.1})
    assert "0.1 of sessions" in alice.client.get(reverse("agents:detail", args=[agent.pk])).content.decode()
    patch(alice, agent, {"shadows": True})
    assert "In the shadow" in alice.client.get(reverse("agents:detail", args=[agent.pk])).content.decode()


def test_only_those_who_manage_the_agent_may_set_them(
    agent: Agent, bob: Person, victor: Person, charlie: Person
) -> None:
    address = reverse("agents:edit", args=[agent.pk])
    for person, expected in ((bob, 403), (victor, 403), (charlie, 404)):
        assert person.client.post(address, FORM | {"holdout_share": "1"}).status_code == expected
    assert patch(charlie, agent, {"holdout_share": 1})[0] == 404
    assert settings_of(agent) == (False, 0.0)


def test_the_database_holds_no_other_share(agent: Agent) -> None:
    for wrong in (1.5, -0.5, float("nan")):
        with pytest.raises(IntegrityError, match="agents_agent_holdout_share"), scope(agent.org_id):
            Agent.objects.filter(pk=agent.pk).update(holdout_share=wrong)


async def test_the_request_path_carries_them(hot_path: None, alice: Person, agent: Agent) -> None:
    principal = await authenticate(f"Bearer {alice.token}")
    card = await agent_for(principal, agent.slug)
    assert (card.shadows, card.holdout_share, card.remembers, card.trusts_body_user) == (False, 0.0, True, True)
