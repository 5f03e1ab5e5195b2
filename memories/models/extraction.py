from __future__ import annotations

from django.db import models
from django.db.models import Q

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

ERROR_MAX = 100


class Extraction(OrgModel):
    """A session that is being mined, or whose mining failed; there is no row once everything was learned.

    It is the claim of one worker (`holder`, and since when it was last seen), the count of failures until the session
    is given up, and then its dead letter. Never any content.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", related_name="extractions")
    holder = models.UUIDField(null=True, help_text="The task that is at it.")
    seen_at = models.DateTimeField(null=True, help_text="When that task last began a batch of turns.")
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=ERROR_MAX, blank=True, help_text="Type or code of the last failure.")
    failed_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, help_text="Until then, nobody tries.")
    given_up_at = models.DateTimeField(null=True, help_text="After the last retry; from then on it is a dead letter.")

    class Meta:
        constraints = [
            tenant_key("memories_extraction"),
            models.UniqueConstraint(fields=["org", "session"], name="memories_extraction_session"),
        ]
        indexes = [
            models.Index(
                fields=["org", "-given_up_at"], condition=Q(given_up_at__isnull=False), name="memories_extraction_dead"
            )
        ]

    def __str__(self) -> str:
        return f"Extraction of session {self.session_id}"
