from __future__ import annotations

from django.db import models

from ibex.core.models import OrgModel, tenant_key


class AuditEvent(OrgModel):
    """Who did what to which object, when, from where; append-only, never content."""

    actor = models.CharField(max_length=200, help_text="`operator:<id>`, `token:<id>` or `system`.")
    action = models.CharField(max_length=64, help_text="Such as `agent.created`.")
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True, blank=True)
    detail = models.JSONField(default=dict, help_text="Names of changed fields and counts; never their values.")

    class Meta:
        ordering = ["-created_at"]
        constraints = [tenant_key("agents_auditevent")]
        indexes = [models.Index(fields=["org", "-created_at"], name="agents_audit_recent")]

    def __str__(self) -> str:
        return self.action
