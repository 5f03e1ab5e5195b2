from __future__ import annotations

from django.db import models
from django.db.models import Q

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

ERROR_MAX = 100


class Archive(OrgModel):
    """A session's file in the storage of archives, and the claim of whoever writes it.

    The row is there before the file, and it outlives the session: whatever removes a session leaves a row without one,
    by which the file is found and removed. Never any content.
    """

    session = OrgForeignKey("agents.Session", on_delete=models.SET_NULL, null=True, related_name="archives")
    key = models.CharField(
        max_length=200, help_text="Where its file is: {org}/{agent}/{year}/{month}/{session}.ndjson."
    )
    turns = models.PositiveIntegerField(default=0, help_text="Lines of the file.")
    last_turn = models.PositiveIntegerField(default=0, help_text="Number of the last turn in it.")
    oldest_turn = models.UUIDField(null=True, help_text="The oldest checkpoint in it.")
    oldest_at = models.DateTimeField(null=True, help_text="When that one was written into the vault.")
    bytes = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the file.")
    written_at = models.DateTimeField(null=True, help_text="When its latest turns were added.")
    removed_at = models.DateTimeField(null=True, help_text="When its time was over, and the file was removed.")
    holder = models.UUIDField(null=True, help_text="Who writes it now.")
    seen_at = models.DateTimeField(null=True, help_text="Since when.")
    failures = models.PositiveIntegerField(default=0, help_text="Since it was last written.")
    error = models.CharField(max_length=ERROR_MAX, blank=True, help_text="Type or code of the last failure.")
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            tenant_key("agents_archive"),
            models.UniqueConstraint(fields=["org", "session"], name="agents_archive_session"),
        ]
        indexes = [
            models.Index(fields=["org", "id"], condition=Q(session__isnull=True), name="agents_archive_erased"),
            models.Index(fields=["org", "written_at"], condition=Q(removed_at__isnull=True), name="agents_archive_age"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def is_there(self) -> bool:
        """Whether its file was written, and not removed since."""
        return self.written_at is not None and self.removed_at is None
