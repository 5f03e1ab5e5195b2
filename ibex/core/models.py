"""What every table of a tenant has in common, and the one table that is of no tenant: the runs of jobs."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

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
    # Its index is the tenant's key, (org, id). With one of its own as well, the planner takes that one to look up a key
    # while a table is young, and reads all rows of the tenant for one.
    org = models.ForeignKey(
        "agents.Organization", on_delete=models.CASCADE, editable=False, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    objects = OrgQuerySet.as_manager()

    class Meta:
        abstract = True


def tenant_key(table: str) -> models.UniqueConstraint:
    """What composite foreign keys of child tables point at."""
    return models.UniqueConstraint(fields=["org", "id"], name=f"{table}_tenant_key")


class JobOutcome(models.TextChoices):
    """How a run of a job ended, or that it has not. Partial: its time was up, and the rest is queued; dead: it stopped
    without a word.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    DEAD = "dead"


class JobRun(models.Model):
    """One run of a job, and the claim to run it: of each job one row is unfinished at most. Never any content.

    `at_org` and `at_row` say how far it came; both are empty once everything was done.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16, choices=JobOutcome.choices, default=JobOutcome.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), help_text="When its last batch was done.")
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict, help_text="How many of what, in words of IBEX.")
    error = models.CharField(max_length=100, blank=True, help_text="The type of the last error.")
    at_org = models.UUIDField(null=True)
    at_row = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job"], condition=models.Q(finished_at__isnull=True), name="core_jobrun_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["job", "-started_at"], name="core_jobrun_recent")]

    def __str__(self) -> str:
        return self.job
