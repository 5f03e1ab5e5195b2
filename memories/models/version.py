from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key
from memories.choices import Operation


class MemoryVersion(OrgModel):
    """A memory as it stood after one change; append-only."""

    memory = OrgForeignKey("memories.Memory", related_name="versions")
    number = models.PositiveIntegerField()
    operation = models.CharField(max_length=16, choices=Operation.choices)
    actor = models.CharField(max_length=200, help_text="`operator:<id>`, `token:<id>`, `extraction` or `system`.")
    reason = models.CharField(max_length=200, blank=True)
    snapshot = models.JSONField(
        help_text="content, category, labels, tags, status, confidence, validity, end_user, metadata."
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            tenant_key("memories_memoryversion"),
            models.UniqueConstraint(fields=["org", "memory", "number"], name="memories_memoryversion_number"),
        ]
        indexes = [
            models.Index(
                fields=["org", "-created_at"],
                condition=models.Q(operation=Operation.SUPERSEDED),
                name="memories_memoryversion_retired",
            ),
        ]

    def __str__(self) -> str:
        return f"Version {self.number}"
