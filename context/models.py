"""What each prompt was given, and why."""

from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key


class Injection(OrgModel):
    """One memory considered for one turn: its scores, its rank, whether it was packed, and why not."""

    agent = OrgForeignKey("agents.Agent", related_name="+")
    memory = OrgForeignKey("memories.Memory", related_name="injections")
    turn_id = models.UUIDField()
    memory_version = models.PositiveIntegerField()
    rank = models.PositiveSmallIntegerField(help_text="1 is best; by score, before packing.")
    score = models.FloatField()
    components = models.JSONField(help_text="relevance, recency, usefulness, confidence, frequency; each 0 to 1.")
    arm = models.CharField(max_length=16, help_text="Where it came from: hot, cold or pinned.")
    tokens = models.PositiveIntegerField()
    is_packed = models.BooleanField()
    reason = models.CharField(max_length=32, blank=True, help_text="Why it was left out.")

    class Meta:
        ordering = ["turn_id", "rank"]
        constraints = [
            tenant_key("context_injection"),
            models.UniqueConstraint(fields=["org", "turn_id", "memory"], name="context_injection_once"),
        ]
        indexes = [models.Index(fields=["org", "memory", "-created_at"], name="context_injection_memory")]

    def __str__(self) -> str:
        return f"{self.memory_id} at {self.rank}"
