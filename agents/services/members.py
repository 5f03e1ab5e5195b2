"""Who belongs to an organization, with which role."""

from __future__ import annotations

import secrets

from django.db import IntegrityError, transaction

from agents.choices import Role
from agents.errors import AlreadyMember, LastOwner, OnlyOwners
from agents.models import Member, Operator, Organization
from agents.services import audit

PASSWORD_BYTES = 15
"""120 bits, 20 characters, for a first password that its owner changes."""


def invite(*, org: Organization, email: str, role: Role | str, by: Role | str, actor: str) -> tuple[Member, str]:
    """Make `email` a member. Returns the first password to hand over when the operator is new, else "".

    `by`: the role of whoever invites. Raises OnlyOwners, AlreadyMember.
    """
    role = Role(role)
    _check(role, by)
    password = ""
    operator = Operator.objects.filter(email=email.strip().lower()).first()
    if operator is None:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        operator = Operator.objects.create_user(email.strip(), password)
    return add(org=org, operator=operator, role=role, actor=actor), password


def add(*, org: Organization, operator: Operator, role: Role | str, actor: str) -> Member:
    """Make an operator a member. Raises AlreadyMember."""
    try:
        with transaction.atomic():
            member = Member.objects.create(org=org, operator=operator, role=Role(role))
    except IntegrityError as error:
        raise AlreadyMember from error
    audit.record(org_id=org.pk, actor=actor, action="member.added", obj=member, role=str(role))
    return member


def change_role(member: Member, role: Role | str, *, by: Role | str, actor: str) -> Member:
    """Raises OnlyOwners, LastOwner."""
    role = Role(role)
    _check(role, by)
    _check(Role(member.role), by)
    if role != Role.OWNER:
        _keep_an_owner(member)
    member.role = role
    member.save(update_fields=["role"])
    audit.record(org_id=member.org_id, actor=actor, action="member.role_changed", obj=member, role=str(role))
    return member


def remove(member: Member, *, by: Role | str, actor: str) -> None:
    """Raises OnlyOwners, LastOwner."""
    _check(Role(member.role), by)
    _keep_an_owner(member)
    audit.record(org_id=member.org_id, actor=actor, action="member.removed", obj=member)
    member.delete()


def _check(role: Role, by: Role | str) -> None:
    if role == Role.OWNER and Role(by) != Role.OWNER:
        raise OnlyOwners


def _keep_an_owner(member: Member) -> None:
    """Owners are locked in one order, so that two of them cannot both leave at once."""
    owners = Member.objects.of(member.org_id).filter(role=Role.OWNER).select_for_update().order_by("pk")
    if [owner.pk for owner in owners] == [member.pk]:
        raise LastOwner
