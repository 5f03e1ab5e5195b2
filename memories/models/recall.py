from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key


class RecallCheck(OrgModel):
    """What a large agent's approximate search found of what is there, measured against exact search; append-only."""

    agent = OrgForeignKey("agents.Agent", related_name="recall_checks")
    kind = models.CharField(max_length=8, help_text="memory or excerpt")
    rows = models.PositiveIntegerField(help_text="That the agent had then.")
    questions = models.PositiveIntegerField(help_text="That were asked both ways: vectors of what was said lately.")
    recall = models.FloatField(help_text="Share of the 20 nearest, from 0 to 1, averaged over the questions.")
    fewest = models.PositiveIntegerField(help_text="Rows that the worst question brought up, of 20.")
    approximate_ms = models.FloatField(help_text="Median of the approximate search.")
    exact_ms = models.FloatField(help_text="Median of the exact search.")

    class Meta:
        constraints = [tenant_key("memories_recallcheck")]
        indexes = [models.Index(fields=["org", "-created_at"], name="memories_recall_newest")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.recall:.3f}"
