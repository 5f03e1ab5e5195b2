"""Asking a model for an agent: the organization's own providers, no connection held, every cent on record."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import stamina
from django.db import connections

from agents.choices import ProviderKind
from agents.models import Agent, ModelCall, ProviderConnection
from agents.routes import upstreams_for
from agents.services.asking import ask
from ibex.core.errors import ModelNotFound, ProviderNotConfigured
from ibex.core.tenancy import scope
from ibex.providers.errors import ProviderFailed
from ibex.providers.structured import Question
from tests.model_double import MODEL, ModelDouble, model_double

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@pytest.fixture
def double(agent: Agent) -> Iterator[ModelDouble]:
    with model_double() as double, stamina.set_testing(True, attempts=2, cap=True):
        double.serve(agent.org_id)
        yield double


def question(model: str = MODEL, **more: Any) -> Question:
    return Question(name="ok", model=model, instructions="Is it?", data=["a secret"], schema=SCHEMA, **more)


def calls_of(agent: Agent) -> list[ModelCall]:
    with scope(agent.org_id):
        return list(ModelCall.objects.filter(agent=agent))


def add_provider(agent: Agent, **fields: Any) -> None:
    with scope(agent.org_id):
        ProviderConnection.objects.create(org_id=agent.org_id, **fields)


def test_what_was_asked_is_paid_for_on_record(agent: Agent, double: ModelDouble) -> None:
    double.answer = lambda data: {"ok": data == ["a secret"]}
    assert ask(agent.org_id, agent.pk, question(), purpose="tests") == {"ok": True}
    [call] = calls_of(agent)
    assert (call.purpose, call.outcome, call.provider, call.model) == ("tests", "OK", "Double", MODEL)
    assert (call.calls, call.prompt_tokens, call.completion_tokens) == (1, 100, 20)
    assert call.cost == Decimal("0.00045")
    assert call.duration_ms > 0


def test_no_database_connection_is_held_while_the_model_thinks(agent: Agent, double: ModelDouble) -> None:
    held: list[bool] = []
    wrapper = connections["default"]

    def answer(_data: Any) -> dict[str, Any]:
        held.append(wrapper.connection is not None)
        return {"ok": True}

    double.answer = answer
    ask(agent.org_id, agent.pk, question(), purpose="tests")
    assert held == [False]
    with pytest.raises(RuntimeError), scope(agent.org_id):
        ask(agent.org_id, agent.pk, question(), purpose="tests")


def test_a_failure_is_on_record_too_and_raised(agent: Agent, double: ModelDouble) -> None:
    with pytest.raises(ProviderFailed):
        ask(agent.org_id, agent.pk, question(), purpose="tests")
    [call] = calls_of(agent)
    assert (call.outcome, call.calls, call.cost) == ("PROVIDER_FAILED", 2, Decimal(0))


def test_a_model_that_nobody_serves_is_not_found(agent: Agent, double: ModelDouble) -> None:
    with scope(agent.org_id):
        ProviderConnection.objects.filter(kind=ProviderKind.SANDBOX).update(model_patterns=["ibex-sandbox"])
    with pytest.raises(ModelNotFound):
        ask(agent.org_id, agent.pk, question("nobodys"), purpose="tests")
    assert calls_of(agent)[0].outcome == ModelNotFound.code


def test_another_tenant_sees_nothing_of_it(agent: Agent, foreign_agent: Agent, double: ModelDouble) -> None:
    double.answer = lambda _data: {"ok": True}
    ask(agent.org_id, agent.pk, question(), purpose="tests")
    with scope(foreign_agent.org_id):
        assert ModelCall.objects.count() == 0
    with pytest.raises(ProviderNotConfigured):
        ask(foreign_agent.org_id, foreign_agent.pk, question(), purpose="tests")


def test_providers_are_asked_in_the_proxys_order(agent: Agent) -> None:
    add_provider(agent, name="Any", kind=ProviderKind.OPENAI, base_url="http://a/v1")
    add_provider(agent, name="Exact", kind=ProviderKind.OPENAI, base_url="http://b/v1", model_patterns=["gpt-4o"])
    add_provider(agent, name="First", kind=ProviderKind.OPENAI, base_url="http://c/v1", priority=1)
    add_provider(agent, name="Off", kind=ProviderKind.OPENAI, base_url="http://d/v1", priority=0, is_active=False)
    with scope(agent.org_id):
        assert [upstream.name for upstream in upstreams_for(agent.org_id, "gpt-4o")] == ["First", "Exact", "Any"]


def test_the_sandbox_stands_in_where_no_other_serves(agent: Agent) -> None:
    assert ask(agent.org_id, agent.pk, question("x", stand_in=lambda: {"ok": False}), purpose="tests") == {"ok": False}
    [call] = calls_of(agent)
    assert (call.provider, call.cost) == ("Sandbox", Decimal(0))
