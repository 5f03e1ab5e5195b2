"""Limits and prices in the Django admin: written by the services, refused in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agents.limits import Limits
from agents.models import Agent, AuditEvent, Organization, ProviderConnection
from ibex.core.tenancy import scope
from tests.dashboard.test_admin import address, root

__all__ = ["root"]

LIMITS = {"requests_per_minute": "7", "tokens_per_minute": "800", "monthly_tokens": "", "monthly_cost": "2.50"}
KEPT = Limits(requests_per_minute=7, tokens_per_minute=800, monthly_cost=Decimal("2.50"))
PROVIDER = {"name": "Mine", "kind": "openai", "base_url": "", "key": "", "model_patterns": "*", "priority": "1"}


def test_an_organization_and_an_agent_are_limited_with_a_trace(root, acme, agent):
    form = {"name": "Acme", "status": "active", **LIMITS}
    assert root.client.post(address(Organization, "change", acme.pk), form).status_code == 302
    fields = {
        "name": agent.name,
        "status": "active",
        "injection_mode": "system_first",
        "memory_tokens": "5",
        "holdout_share": "0",
    }
    assert root.client.post(address(Agent, "change", agent.pk), fields | LIMITS).status_code == 302
    with scope(acme.pk):
        assert Limits.of(Organization.objects.get(pk=acme.pk)) == KEPT
        assert Limits.of(Agent.objects.get(pk=agent.pk)) == KEPT
        assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"organization.updated", "agent.updated"}


@pytest.mark.parametrize(("field", "value"), [("monthly_cost", "0"), ("tokens_per_minute", "0")])
def test_a_wrong_limit_is_refused(root, acme, field, value):
    form = {"name": "Acme", "status": "active", **LIMITS, field: value}
    response = root.client.post(address(Organization, "change", acme.pk), form)
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors


def test_prices_are_kept_or_refused_in_words(root, acme):
    url = "/admin/agents/providerconnection/add/"
    refused = root.client.post(url, PROVIDER | {"prices": '{"m": {"prompt": "cheap", "completion": "1"}}'})
    assert refused.context["adminform"].form.errors["prices"][0].startswith("Entry 1: `prompt` is a number")
    kept = root.client.post(url, PROVIDER | {"prices": '{"m": {"prompt": "1.50", "completion": "1"}}'})
    assert kept.status_code == 302
    with scope(acme.pk):
        assert ProviderConnection.objects.get(name="Mine").prices == {"m": {"prompt": "1.5", "completion": "1"}}
