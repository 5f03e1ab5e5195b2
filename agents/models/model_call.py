from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key


class ModelCall(OrgModel):
    """One question that IBEX itself asked a model, for refinement or extraction: what it cost, never what was said."""

    agent = OrgForeignKey("agents.Agent", related_name="model_calls")
    purpose = models.CharField(max_length=32, help_text="What it was asked for, such as refinement.")
    provider = models.CharField(max_length=120, blank=True, help_text="The last one that was asked.")
    model = models.CharField(max_length=256)
    form = models.CharField(max_length=16, blank=True, help_text="json_schema, json_object or text.")
    outcome = models.CharField(max_length=64, help_text="OK, or the code of the failure.")
    calls = models.PositiveSmallIntegerField(default=0, help_text="Requests sent: attempts and forms counted.")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=18, decimal_places=9, null=True, blank=True, help_text="US dollars; empty: the price is not known."
    )
    duration_ms = models.FloatField(default=0)

    class Meta:
        ordering = ["-created_at"]
        constraints = [tenant_key("agents_modelcall")]
        indexes = [models.Index(fields=["org", "-created_at"], name="agents_modelcall_recent")]

    def __str__(self) -> str:
        return f"{self.purpose}: {self.outcome}"
