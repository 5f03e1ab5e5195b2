from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key
from memories.choices import Relation


class Relationship(OrgModel):
    """A typed edge from one memory to another of the same organization."""

    source = OrgForeignKey("memories.Memory", related_name="outgoing")
    target = OrgForeignKey("memories.Memory", related_name="incoming")
    kind = models.CharField(max_length=16, choices=Relation.choices)
    confidence = models.FloatField(default=1.0)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            tenant_key("memories_relationship"),
            models.UniqueConstraint(fields=["org", "source", "target", "kind"], name="memories_relationship_once"),
        ]

    def __str__(self) -> str:
        return str(self.kind)
