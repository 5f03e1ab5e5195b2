from __future__ import annotations

import pytest

from agents.choices import ProviderKind
from agents.models import AuditEvent, Organization, ProviderConnection
from agents.services import providers
from ibex.core.errors import InvalidRequest
from ibex.core.tenancy import scope

KEY = "sk-a-key-nobody-may-see"


def test_a_key_is_sealed_kept_replaced_and_removed(acme: Organization) -> None:
    fields = {"org": acme, "actor": "system", "name": "Mine", "kind": ProviderKind.OPENAI}
    with scope(acme.pk):
        provider = providers.save(**fields, key=KEY, base_url="https://models.test/v1/")
        assert KEY.encode() not in bytes(provider.sealed_key)
        assert (provider.key(), provider.base_url) == (KEY, "https://models.test/v1")
        assert providers.save(**fields, provider=provider).key() == KEY
        assert providers.save(**fields, provider=provider, key="").key() == ""
        assert KEY not in str(list(AuditEvent.objects.values()))


def test_without_an_address_openai_itself_is_meant(acme: Organization) -> None:
    with scope(acme.pk):
        provider = providers.save(org=acme, actor="system", name="OpenAI", kind="openai", key=KEY)
    assert provider.base_url == providers.OPENAI_BASE_URL


@pytest.mark.parametrize(
    "address",
    [
        "ftp://models.test",
        "models.test/v1",
        "https://user:secret@models.test",
        "https://m.test/v1?key=1",
        "https://:80",
    ],
)
def test_an_address_that_is_none_is_refused(acme: Organization, address: str) -> None:
    with scope(acme.pk), pytest.raises(InvalidRequest) as caught:
        providers.save(org=acme, actor="system", name="Bad", kind="openai", base_url=address)
    assert [problem.field for problem in caught.value.field_errors] == ["base_url"]
    assert address not in str(caught.value.envelope(""))


def test_a_deleted_provider_is_gone(acme: Organization) -> None:
    with scope(acme.pk):
        providers.delete(ProviderConnection.objects.get(), actor="system")
        assert not ProviderConnection.objects.exists()
