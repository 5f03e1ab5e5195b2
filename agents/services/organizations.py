"""Organizations: create, change, suspend."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import IntegrityError, transaction

from agents.choices import OrganizationStatus, ProviderKind, Role
from agents.limits import LIMIT_FIELDS
from agents.models import Member, Operator, Organization
from agents.models.retention import RETENTION_FIELDS
from agents.services import audit, providers, slugs
from agents.services.after import announce
from ibex.core.tenancy import scope

EDITABLE = frozenset({"name", *LIMIT_FIELDS, *RETENTION_FIELDS})


def create(
    name: str, owner: Operator, *, slug: str = "", actor: str = "", provider: dict[str, Any] | None = None
) -> Organization:
    """A new organization with its owner and its first provider (the sandbox unless `provider` gives the fields of
    another). Opens the new tenant's own scope: call it from anywhere. `actor` defaults to the owner.
    """
    actor = actor or f"operator:{owner.pk}"
    first = provider or {"name": "Sandbox", "kind": ProviderKind.SANDBOX}
    with transaction.atomic():
        org = _insert(name, slug)
        with scope(org.pk):
            Member.objects.create(org=org, operator=owner, role=Role.OWNER)
            audit.record_of_organization(org, actor=actor, action="organization.created")
            providers.save(org=org, actor=actor, **first)
    return org


def update(org: Organization, *, actor: str, **fields: Any) -> Organization:
    """Change the name, the limits or the retention; every process hears of it."""
    unknown = sorted(set(fields) - EDITABLE)
    if unknown:
        raise TypeError(f"not fields of an organization that can be set: {', '.join(unknown)}")
    changed = sorted(name for name, value in fields.items() if getattr(org, name) != value)
    if changed:
        for name in changed:
            setattr(org, name, fields[name])
        org.save(update_fields=changed)
        audit.record_of_organization(org, actor=actor, action="organization.updated", fields=changed)
        announce("org", org.pk, org.pk)
    return org


def set_status(org: Organization, status: OrganizationStatus | str, *, actor: str) -> Organization:
    """Suspend it, so that none of its tokens is answered any more, or activate it again."""
    status = OrganizationStatus(status)
    if org.status != status:
        org.status = status
        org.save(update_fields=["status"])
        done = "suspended" if status == OrganizationStatus.SUSPENDED else "activated"
        audit.record_of_organization(org, actor=actor, action=f"organization.{done}")
        announce("org", org.pk, org.pk)
    return org


def _insert(name: str, slug: str) -> Organization:
    """Insert under a slug that is free among all organizations, which nobody here may list: so try."""
    wanted = slugs.choose(slug, name=name, fallback="organization", taken=())
    for candidate in (wanted, f"{wanted[:54]}-{secrets.token_hex(4)}"):
        org = Organization(name=name, slug=candidate)
        try:
            with scope(org.pk):
                org.save(force_insert=True)
        except IntegrityError:
            continue
        return org
    raise AssertionError("two slugs of which one is random cannot both be taken")
