"""An agent's options for model-assisted refinement, by API and by page."""

from __future__ import annotations

from django.urls import reverse

from agents.models import Agent
from ibex.core.tenancy import scope
from tests.factories import Person

ASKED = {"refinement_model": "gpt-4o-mini", "asks_for_duplicates": True, "asks_for_conflicts": True}


def settings_of(agent: Agent) -> dict[str, object]:
    with scope(agent.org_id):
        return Agent.objects.filter(pk=agent.pk).values(*ASKED).get()


def patch(person: Person, agent: Agent, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    answer = person.client.patch(
        f"/api/v1/agents/{agent.pk}", body, content_type="application/json", headers=person.bearer
    )
    return answer.status_code, answer.json()


def test_they_are_off_by_default_and_set_by_api(agent: Agent, alice: Person) -> None:
    assert settings_of(agent) == {"refinement_model": "", "asks_for_duplicates": False, "asks_for_conflicts": False}
    status, shown = patch(alice, agent, ASKED)
    assert (status, {name: shown[name] for name in ASKED}) == (200, ASKED)
    assert settings_of(agent) == ASKED


def test_without_a_model_there_is_nobody_to_ask(agent: Agent, alice: Person) -> None:
    status, shown = patch(alice, agent, {"asks_for_conflicts": True})
    assert status == 400
    assert [error["field"] for error in shown["error"]["field_errors"]] == ["refinement_model"]


def test_they_are_set_on_the_page_which_says_what_is_missing(agent: Agent, alice: Person) -> None:
    address = reverse("agents:edit", args=[agent.pk])
    form = {"name": agent.name, "injection_mode": "system_first", "memory_tokens": 2000, "asks_for_conflicts": "on"}
    refused = alice.client.post(address, form)
    assert refused.status_code == 422
    assert "Name the model that is to be asked." in refused.content.decode()
    assert alice.client.post(address, form | {"refinement_model": "gpt-4o-mini"}).status_code == 303
    assert settings_of(agent)["asks_for_conflicts"] is True
