"""Who may look at providers, and who may change them."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.choices import Role
from agents.models import AuditEvent, Organization, ProviderConnection
from agents.services import providers
from ibex.core.tenancy import scope
from tests.agents.pages.test_provider_pages import GOOD, mine, rows
from tests.factories import Person, make_person

__all__ = ["mine"]

WRITES = [
    ("/providers/new", GOOD | {"name": "Second"}),
    ("/providers/{id}/edit", GOOD | {"name": "Renamed"}),
    ("/providers/{id}/test", {}),
    ("/providers/{id}/delete", {}),
]
FORMS = ["/providers/new", "/providers/{id}/edit"]


@pytest.fixture
def events(acme: Organization):
    """How often a provider of Acme was tested or changed."""

    def count() -> int:
        with scope(acme.pk):
            return AuditEvent.objects.filter(action__startswith="provider.").count()

    return count


def test_every_member_reads_and_only_admins_get_buttons(
    alice: Person, bob: Person, victor: Person, mine: ProviderConnection
) -> None:
    for who in (alice, bob, victor):
        page = who.client.get("/providers").content.decode()
        assert "Mine" in page
        assert (f"/providers/{mine.pk}" in page) is (who is alice)
        assert ("/providers/new" in page) is (who is alice)


@pytest.mark.parametrize(("path", "fields"), WRITES)
def test_owners_and_admins_write(path: str, fields: dict[str, str], acme: Organization, alice: Person, events) -> None:
    for who in (alice, make_person("anna", acme, Role.ADMIN)):
        with scope(acme.pk):
            sandbox = providers.save(org=acme, actor="system", name="Box", kind="sandbox")
        before = events()
        assert who.client.post(path.format(id=sandbox.pk), fields).status_code == 303
        assert events() == before + 1


@pytest.mark.parametrize(("path", "fields"), WRITES)
def test_operators_and_viewers_change_nothing(
    path: str, fields: dict[str, str], acme: Organization, bob: Person, victor: Person, mine: ProviderConnection, events
) -> None:
    before = (rows(acme), events())
    for who in (bob, victor):
        assert who.client.post(path.format(id=mine.pk), fields).status_code == 403
    assert (rows(acme), events()) == before


@pytest.mark.parametrize("path", FORMS)
def test_operators_and_viewers_are_shown_no_form(
    path: str, bob: Person, victor: Person, mine: ProviderConnection
) -> None:
    for who in (bob, victor):
        assert who.client.get(path.format(id=mine.pk)).status_code == 403


@pytest.mark.parametrize(("path", "fields"), WRITES[1:])
def test_a_stranger_finds_and_changes_nothing(
    path: str, fields: dict[str, str], acme: Organization, charlie: Person, mine: ProviderConnection, events
) -> None:
    before = (rows(acme), events())
    assert charlie.client.post(path.format(id=mine.pk), fields).status_code == 404
    assert (rows(acme), events()) == before
    assert charlie.client.get(f"/providers/{mine.pk}/edit").status_code == 404
    assert str(mine.base_url) not in charlie.client.get("/providers").content.decode()


@pytest.mark.parametrize(("path", "fields"), [*WRITES, ("/providers", None)])
def test_nobody_is_sent_to_sign_in(
    path: str, fields: dict[str, str] | None, acme: Organization, anonymous: Client, mine: ProviderConnection, events
) -> None:
    before = (rows(acme), events())
    url = path.format(id=mine.pk)
    response = anonymous.get(url) if fields is None else anonymous.post(url, fields)
    assert response.status_code == 302
    assert response.url.startswith("/sign-in?next=")
    assert (rows(acme), events()) == before
