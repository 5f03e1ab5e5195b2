from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from agents.choices import Scope
from agents.models.limited import Limited
from ibex.core.models import OrgForeignKey, OrgModel, tenant_key


class Token(OrgModel, Limited):
    """A personal access token: only its keyed hash is kept."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(
        max_length=20, editable=False, help_text="Its first characters, for people to tell tokens apart."
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices))
    agent = OrgForeignKey(
        "agents.Agent", null=True, blank=True, related_name="tokens", help_text="Bound to this agent only."
    )
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(
        "agents.Operator", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [tenant_key("agents_token")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, now: datetime | None = None) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > (now or timezone.now()))
