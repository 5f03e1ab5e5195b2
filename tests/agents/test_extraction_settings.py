"""An agent's model for extraction, by API and by page."""

from __future__ import annotations

from django.urls import reverse

from agents.models import Agent
from ibex.core.tenancy import scope
from tests.factories import Person


def model_of(agent: Agent) -> str:
    with scope(agent.org_id):
        return Agent.objects.values_list("extraction_model", flat=True).get(pk=agent.pk)


def test_there_is_none_by_default_and_it_is_set_and_emptied_by_api(agent: Agent, alice: Person) -> None:
    assert model_of(agent) == ""
    for model in ("gpt-4o-mini", ""):
        answer = alice.client.patch(
            f"/api/v1/agents/{agent.pk}",
            {"extraction_model": model},
            content_type="application/json",
            headers=alice.bearer,
        )
        assert (answer.status_code, answer.json()["extraction_model"]) == (200, model)
        assert model_of(agent) == model


def test_it_is_set_on_the_page_and_only_by_who_may(agent: Agent, alice: Person, victor: Person) -> None:
    address = reverse("agents:edit", args=[agent.pk])
    form = {
        "name": agent.name,
        "injection_mode": "system_first",
        "memory_tokens": 2000,
        "extraction_model": "gpt-4o-mini",
    }
    assert victor.client.post(address, form).status_code == 403
    assert "Model for extraction" in alice.client.get(address).content.decode()
    assert alice.client.post(address, form).status_code == 303
    assert model_of(agent) == "gpt-4o-mini"
