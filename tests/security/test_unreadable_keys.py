"""IBEX's secret key was changed: what it sealed before cannot be read, and whoever meets that is told what to do."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from cryptography.fernet import Fernet

from agents.choices import ProviderKind
from agents.models import Agent, Organization, ProviderConnection
from ibex.core.tenancy import scope
from proxy import routes
from tests.factories import Person
from tests.flow.conftest import Upstream, upstream
from tests.fuzz.calling import JSON_TYPE, Answer, call

__all__ = ["upstream"]

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()


@pytest.fixture
def sealed_elsewhere(acme: Organization) -> ProviderConnection:
    """Acme's first choice; its key was sealed with another secret key."""
    with scope(acme.pk):
        return ProviderConnection.objects.create(
            org=acme,
            name="Old",
            kind=ProviderKind.OPENAI,
            base_url="https://models.example.test/v1",
            sealed_key=Fernet(Fernet.generate_key()).encrypt(b"sk-old"),
            priority=1,
        )


async def ask(alice: Person, agent: Agent) -> Answer:
    routes._cache.clear()
    identity = [(b"authorization", f"Bearer {alice.token}".encode()), (b"x-ibex-agent-id", agent.slug.encode())]
    return await call("/v1/chat/completions", BODY, [*identity, (b"x-ibex-memory", b"off"), JSON_TYPE])


async def test_a_call_goes_on_to_the_next_provider(
    process: None, alice: Person, agent: Agent, sealed_elsewhere: ProviderConnection, upstream: Upstream
) -> None:
    @sync_to_async
    def add_another() -> None:
        with scope(sealed_elsewhere.org_id):
            ProviderConnection.objects.create(
                org_id=sealed_elsewhere.org_id, name="New", kind=ProviderKind.OPENAI, base_url=upstream.base_url
            )

    await add_another()
    assert (await ask(alice, agent)).status == 200
    assert len(upstream.received) == 1


async def test_a_call_that_no_other_provider_serves_is_refused_with_what_to_do(
    process: None, alice: Person, agent: Agent, sealed_elsewhere: ProviderConnection
) -> None:
    answer = await ask(alice, agent)
    assert (answer.status, answer.error()["code"]) == (503, "SECRET_UNREADABLE")
    assert "Enter the provider's key again" in answer.error()["message"]


def test_its_test_says_so(alice: Person, sealed_elsewhere: ProviderConnection) -> None:
    address = f"/api/v1/providers/{sealed_elsewhere.pk}/test"
    result = alice.client.post(address, headers=alice.bearer).json()
    assert (result["is_ok"], result["code"]) == (False, "SECRET_UNREADABLE")
    page = alice.client.post(f"/providers/{sealed_elsewhere.pk}/test", follow=True)
    assert page.status_code == 200
    assert "Enter the provider" in page.content.decode()


@pytest.mark.parametrize("path", ["/providers", "/providers/{}/edit"])
def test_its_pages_are_shown(alice: Person, sealed_elsewhere: ProviderConnection, path: str) -> None:
    assert alice.client.get(path.format(sealed_elsewhere.pk)).status_code == 200


def test_a_new_key_heals_it(alice: Person, sealed_elsewhere: ProviderConnection) -> None:
    address = f"/api/v1/providers/{sealed_elsewhere.pk}"
    answer = alice.client.patch(address, {"key": "sk-new"}, content_type="application/json", headers=alice.bearer)
    assert answer.status_code == 200
    with scope(sealed_elsewhere.org_id):
        assert ProviderConnection.objects.get(pk=sealed_elsewhere.pk).key() == "sk-new"
