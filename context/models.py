"""What each prompt was given, and why; and whether it helped."""

from __future__ import annotations

from django.db import models

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

COMMENT_MAX = 2_000


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


class FeedbackSource(models.TextChoices):
    """How a verdict came about."""

    EXPLICIT = "explicit", "Said so"


class Feedback(OrgModel):
    """Somebody's verdict on the answer of one turn, on one memory in it, or on a memory by itself; append-only.

    Whoever judges the same thing again has changed their mind: their latest row counts.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", null=True, related_name="feedback")
    memory = OrgForeignKey("memories.Memory", null=True, related_name="feedback", help_text="Empty: on the answer.")
    turn_id = models.UUIDField(null=True, help_text="Empty: on the memory by itself.")
    request_id = models.CharField(max_length=36, blank=True)
    actor = models.CharField(max_length=200, help_text="`operator:<id>` or `token:<id>`.")
    source = models.CharField(max_length=16, choices=FeedbackSource.choices, default=FeedbackSource.EXPLICIT)
    useful = models.BooleanField()
    comment = models.CharField(max_length=COMMENT_MAX, blank=True)

    class Meta:
        verbose_name_plural = "feedback"
        ordering = ["-id"]
        constraints = [
            tenant_key("context_feedback"),
            models.CheckConstraint(
                condition=models.Q(memory__isnull=False) | models.Q(turn_id__isnull=False),
                name="context_feedback_on_something",
            ),
        ]
        indexes = [
            models.Index(fields=["org", "memory", "-id"], name="context_feedback_memory"),
            models.Index(fields=["org", "turn_id"], name="context_feedback_turn"),
        ]

    def __str__(self) -> str:
        return "Useful" if self.useful else "Not useful"
