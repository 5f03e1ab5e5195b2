from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

DIRECTIVE_MAX_BYTES = 32 * 1024


class Directive(OrgModel):
    """One version of an agent's standing instruction; append-only. `Agent.directive` points at the one in force."""

    agent = OrgForeignKey("agents.Agent", related_name="directives")
    version = models.PositiveIntegerField()
    content = models.TextField()
    tokens = models.PositiveIntegerField(null=True, help_text="Counted when it was written; unknown for older ones.")
    author = models.ForeignKey("agents.Operator", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=200, blank=True, help_text="What changed, in a few words.")

    class Meta:
        ordering = ["-version"]
        constraints = [
            tenant_key("agents_directive"),
            models.UniqueConstraint(fields=["org", "agent", "version"], name="agents_directive_version"),
        ]

    def __str__(self) -> str:
        return f"Version {self.version}"
