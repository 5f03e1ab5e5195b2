"""Who did what to which object, when, from where; never content."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Model

from agents.models import AuditEvent, Organization
from ibex.core.origin import caller_address

SYSTEM = "system"
"""The actor of what no human and no token asked for."""


def record_of_organization(organization: Organization, *, actor: str, action: str, **detail: Any) -> AuditEvent:
    """Append what concerns the organization as a whole, or nothing smaller in it."""
    return record(org_id=organization.pk, actor=actor, action=action, obj=organization, **detail)


def record(
    *, org_id: UUID, actor: str, action: str, obj: Model, address: str | None = None, **detail: Any
) -> AuditEvent:
    """Append one event. `detail`: names of changed fields and counts, never their values. `address` defaults to that of
    the request being served.
    """
    return AuditEvent.objects.create(
        org_id=org_id,
        actor=actor,
        action=action,
        object_type=str(obj._meta.model_name),  # noqa: SLF001 - Django's documented way to a model's name
        object_id=str(obj.pk),
        address=address or caller_address.get(),
        detail=detail,
    )
