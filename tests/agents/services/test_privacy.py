"""The organization's choice for each type of personal data: stored, read, audited."""

from __future__ import annotations

import pytest

from agents.announcements import announce_change
from agents.models import AuditEvent, Organization
from agents.privacy import PiiAction, PiiKind, actions_from
from agents.services.privacy import change_pii_policy, pii_actions
from ibex.core.errors import FieldCode, InvalidRequest
from ibex.core.ids import uuid7
from ibex.core.tenancy import scope


def change(org: Organization, **actions: str) -> Organization:
    """As an admin would."""
    with scope(org.pk):
        return change_pii_policy(org, actions, actor="operator:1")


def test_everything_is_redacted_but_names_until_somebody_says_otherwise(acme: Organization) -> None:
    actions = pii_actions(acme.pk)
    assert {kind for kind, action in actions.items() if action is not PiiAction.REDACT} == {PiiKind.NAME}
    assert actions[PiiKind.NAME] is PiiAction.ALLOW
    assert pii_actions(uuid7()) == actions, "of an organization that is gone too"


def test_a_change_counts_at_once_and_leaves_the_other_types(acme: Organization) -> None:
    before = pii_actions(acme.pk)
    change(acme, email="quarantine")
    change(acme, name="redact")
    assert pii_actions(acme.pk) == {
        **before, PiiKind.EMAIL: PiiAction.QUARANTINE, PiiKind.NAME: PiiAction.REDACT
    }  # fmt: skip
    assert change(acme, email="redact").pii_policy == {"name": "redact"}, "a default is not stored"


def test_a_change_made_elsewhere_is_read_when_it_is_announced(acme: Organization) -> None:
    pii_actions(acme.pk)
    with scope(acme.pk):
        Organization.objects.update(pii_policy={"ip": "allow"})
    announce_change("org", acme.pk, acme.pk)
    assert pii_actions(acme.pk)[PiiKind.IP] is PiiAction.ALLOW


def test_who_changed_what_is_audited_once_and_without_values(acme: Organization) -> None:
    change(acme, phone="allow", card="redact")
    change(acme, phone="allow")
    with scope(acme.pk):
        (event,) = AuditEvent.objects.filter(action="organization.privacy_changed")
    assert (event.actor, event.detail) == ("operator:1", {"fields": ["phone"]})


@pytest.mark.parametrize(
    ("field", "action", "named"),
    [
        ("secret", "allow", "pii_policy.secret"),
        ("email", "hide", "pii_policy.email"),
        ("email", "", "pii_policy.email"),
        ("shoe_size", "redact", "pii_policy"),
    ],
)
def test_what_cannot_be_chosen_is_named_and_nothing_changes(
    acme: Organization, field: str, action: str, named: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        change(acme, **{"phone": "allow", field: action})
    assert [(error.field, error.code) for error in refused.value.field_errors] == [(named, FieldCode.INVALID_ENUM)]
    assert pii_actions(acme.pk)[PiiKind.PHONE] is PiiAction.REDACT


def test_secrets_are_never_let_through_whatever_is_stored() -> None:
    stored = {"secret": "allow", "email": "nonsense", "shoe_size": "redact", "phone": "allow"}
    assert actions_from(stored) == actions_from({"phone": "allow"})
    assert actions_from(stored)[PiiKind.SECRET] is PiiAction.REDACT
