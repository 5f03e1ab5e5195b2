from __future__ import annotations

import pytest

from agents.choices import OrganizationStatus, Role
from agents.models import AuditEvent, Member, Operator, Organization, ProviderConnection
from agents.selectors import memberships_of
from agents.services import organizations
from ibex.core.tenancy import scope
from tests.factories import Person, unique


@pytest.fixture
def founder() -> Operator:
    return Operator.objects.create_user(f"{unique('founder')}@example.test")


def test_a_new_organization_has_its_owner_and_a_provider_that_answers(founder: Operator) -> None:
    org = organizations.create(unique("Acme"), founder)
    with scope(org.pk):
        assert Member.objects.get().role == Role.OWNER
        provider = ProviderConnection.objects.get()
        assert (provider.kind, provider.is_active, provider.model_patterns) == ("sandbox", True, ["*"])
        events = list(AuditEvent.objects.order_by("pk").values_list("action", "actor"))
    assert events[0] == ("organization.created", f"operator:{founder.pk}")


def test_two_organizations_of_one_name_get_slugs_of_their_own(founder: Operator) -> None:
    name = unique("Acme")
    first, second = (organizations.create(name, founder) for _ in range(2))
    assert first.slug == name
    assert second.slug.startswith(f"{name}-")


def test_nothing_is_left_of_an_organization_that_could_not_be_finished(founder: Operator) -> None:
    slug = unique("acme")
    with pytest.raises(TypeError):
        organizations.create("Acme", founder, slug=slug, provider={"nonsense": 1})
    assert organizations.create("Acme", founder, slug=slug).slug == slug


def test_memberships_are_of_active_organizations_by_name(founder: Operator) -> None:
    zebra, ant, gone = (organizations.create(unique(name), founder) for name in ("zebra", "ant", "mole"))
    with scope(gone.pk):
        organizations.set_status(gone, OrganizationStatus.SUSPENDED, actor="system")
    assert [member.org_id for member in memberships_of(founder)] == [ant.pk, zebra.pk]


def test_what_came_through_the_door_is_under_row_level_security_afterwards(alice: Person) -> None:
    (member,) = memberships_of(alice.operator)
    with pytest.raises(Organization.DoesNotExist):
        member.org.refresh_from_db()
    with scope(member.org_id):
        member.org.refresh_from_db()


def test_changes_are_audited_by_name_and_not_by_value(acme: Organization) -> None:
    with scope(acme.pk):
        organizations.update(acme, actor="operator:1", name="A very private name", requests_per_minute=10)
        event = AuditEvent.objects.get(action="organization.updated")
    assert event.detail == {"fields": ["name", "requests_per_minute"]}
