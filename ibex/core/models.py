"""What every table of a tenant has in common."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from django.db import models

from ibex.core.ids import uuid7


class OrgQuerySet(models.QuerySet):
    """Filters by organization in the application too: Row-Level Security is the floor, not the only wall."""

    def of(self, org_id: UUID) -> Self:
        """The rows of one organization."""
        return self.filter(org_id=org_id)


class OrgForeignKey(models.ForeignKey):
    """A reference inside one organization. The database key is over (org_id, column): see `TieToTenant`."""

    def __init__(self, to: Any, on_delete: Any = models.CASCADE, **options: Any) -> None:
        options["db_constraint"] = False
        super().__init__(to, on_delete, **options)


class OrgModel(models.Model):
    """A row of one organization, with a time-ordered id."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    org = models.ForeignKey("agents.Organization", on_delete=models.CASCADE, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    objects = OrgQuerySet.as_manager()

    class Meta:
        abstract = True


def tenant_key(table: str) -> models.UniqueConstraint:
    """What composite foreign keys of child tables point at."""
    return models.UniqueConstraint(fields=["org", "id"], name=f"{table}_tenant_key")
