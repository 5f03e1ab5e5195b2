"""The page on which an organization says what becomes of personal data."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.choices import Role
from agents.models import Organization
from agents.privacy import PiiAction, PiiKind
from agents.services.privacy import pii_actions
from tests.factories import Person, make_person

PAGE = "/settings/privacy"
CHOICES = {kind.field: kind.default.value for kind in PiiKind} | {"phone": "quarantine", "name": "redact"}


def test_an_owner_chooses_for_each_type(alice: Person, acme: Organization, audited) -> None:
    response = alice.client.post(PAGE, CHOICES)
    assert (response.status_code, response.url) == (303, PAGE)
    actions = pii_actions(acme.pk)
    assert (actions[PiiKind.PHONE], actions[PiiKind.NAME]) == (PiiAction.QUARANTINE, PiiAction.REDACT)
    assert audited(acme)[0] == "organization.privacy_changed"
    page = alice.client.get(PAGE).content.decode()
    assert '<option value="quarantine" selected>' in page
    assert "Replace by [NATIONAL_ID]" in page


@pytest.mark.parametrize(("field", "value"), [("secret", "allow"), ("email", "hide"), ("card", "")])
def test_what_cannot_be_chosen_is_named_and_nothing_changes(
    alice: Person, acme: Organization, field: str, value: str
) -> None:
    before = pii_actions(acme.pk)
    response = alice.client.post(PAGE, CHOICES | {field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert pii_actions(acme.pk) == before


def test_keys_and_passwords_cannot_be_kept(alice: Person) -> None:
    fields = alice.client.get(PAGE).context["form"].fields
    assert [value for value, _ in fields["secret"].choices] == ["redact", "quarantine"]
    assert [value for value, _ in fields["email"].choices] == ["redact", "quarantine", "allow"]


def test_members_see_the_choices_and_only_admins_change_them(
    acme: Organization, bob: Person, victor: Person, anonymous: Client
) -> None:
    for who in (bob, victor):
        page = who.client.get(PAGE).content.decode()
        assert "Replace by [EMAIL]" in page
        assert "<select" not in page
        assert who.client.post(PAGE, CHOICES).status_code == 403
    assert anonymous.get(PAGE).url.startswith("/sign-in?next=")
    assert pii_actions(acme.pk)[PiiKind.PHONE] is PiiAction.REDACT
    admin = make_person("anna", acme, Role.ADMIN)
    assert admin.client.post(PAGE, CHOICES).status_code == 303
    assert pii_actions(acme.pk)[PiiKind.PHONE] is PiiAction.QUARANTINE


def test_a_stranger_changes_only_their_own(acme: Organization, charlie: Person) -> None:
    assert charlie.client.post(PAGE, CHOICES).status_code == 303
    assert pii_actions(acme.pk)[PiiKind.PHONE] is PiiAction.REDACT
    assert pii_actions(charlie.organization.pk)[PiiKind.PHONE] is PiiAction.QUARANTINE


def test_the_navigation_leads_here(victor: Person) -> None:
    assert f'<a class="nav__link"\n     href="{PAGE}"' in victor.client.get("/").content.decode()
