from __future__ import annotations

import pytest

from agents.choices import Role
from agents.errors import AlreadyMember, LastOwner, OnlyOwners
from agents.models import Member, Organization
from agents.services import members
from ibex.core.tenancy import scope
from tests.factories import Person, make_person, unique


def member_of(person: Person) -> Member:
    return Member.objects.get(operator=person.operator)


def test_an_invited_stranger_gets_a_first_password_once(acme: Organization) -> None:
    email = f"{unique('New')}@Example.test"
    with scope(acme.pk):
        member, password = members.invite(org=acme, email=email, role=Role.VIEWER, by=Role.ADMIN, actor="system")
        assert member.operator.check_password(password)
        assert member.operator.email == email.lower()
        with pytest.raises(AlreadyMember):
            members.invite(org=acme, email=email.upper(), role=Role.VIEWER, by=Role.ADMIN, actor="system")


def test_an_operator_of_another_organization_keeps_their_password(acme: Organization, charlie: Person) -> None:
    with scope(acme.pk):
        member, password = members.invite(
            org=acme, email=charlie.operator.email, role=Role.VIEWER, by=Role.OWNER, actor="system"
        )
    assert (member.operator_id, password) == (charlie.operator.pk, "")


def test_only_owners_make_change_and_remove_owners(acme: Organization, alice: Person, bob: Person) -> None:
    with scope(acme.pk):
        with pytest.raises(OnlyOwners):
            members.invite(org=acme, email="x@example.test", role=Role.OWNER, by=Role.ADMIN, actor="system")
        with pytest.raises(OnlyOwners):
            members.change_role(member_of(bob), Role.OWNER, by=Role.ADMIN, actor="system")
        with pytest.raises(OnlyOwners):
            members.change_role(member_of(alice), Role.VIEWER, by=Role.ADMIN, actor="system")
        with pytest.raises(OnlyOwners):
            members.remove(member_of(alice), by=Role.ADMIN, actor="system")


def test_the_last_owner_stays(acme: Organization, alice: Person) -> None:
    with scope(acme.pk):
        with pytest.raises(LastOwner):
            members.change_role(member_of(alice), Role.ADMIN, by=Role.OWNER, actor="system")
        with pytest.raises(LastOwner):
            members.remove(member_of(alice), by=Role.OWNER, actor="system")
    second = make_person("second", acme, Role.OWNER)
    with scope(acme.pk):
        members.remove(member_of(alice), by=Role.OWNER, actor="system")
        with pytest.raises(LastOwner):
            members.remove(member_of(second), by=Role.OWNER, actor="system")


def test_a_removed_member_finds_nothing_any_more(acme: Organization, bob: Person) -> None:
    assert bob.client.get("/api/v1/agents").status_code == 200
    with scope(acme.pk):
        members.remove(member_of(bob), by=Role.ADMIN, actor="system")
    assert bob.client.get("/api/v1/agents").status_code == 403
