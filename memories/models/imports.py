from __future__ import annotations

from django.db import models
from django.db.models import Q

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key
from memories.models.memory import END_USER_MAX

NAME_MAX = 200


class ImportKind(models.TextChoices):
    """What the records of a file are."""

    MEMORIES = "memories", "Memories"
    CONVERSATIONS = "conversations", "Conversations"


class ImportFormat(models.TextChoices):
    """How a file is written."""

    NDJSON = "ndjson", "NDJSON"
    CSV = "csv", "CSV"
    REPLAY = "replay", "Recorded turns"
    CHATGPT = "chatgpt", "ChatGPT export"


class ImportStatus(models.TextChoices):
    """Where an import stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    UNDOING = "undoing", "Being undone"
    UNDONE = "undone", "Undone"


class ImportResult(models.TextChoices):
    """What came of one record; the first six as `memories.refinement.draft.Result` has them."""

    CREATED = "created", "Created"
    DUPLICATE_OF = "duplicate_of", "Known already"
    MERGED_INTO = "merged_into", "Merged"
    QUARANTINED = "quarantined", "Quarantined"
    PENDING_REVIEW = "pending_review", "Pending review"
    REJECTED = "rejected", "Rejected"


class ImportRun(OrgModel):
    """A file that somebody brought, how far it was read, and what came of it."""

    agent = OrgForeignKey("agents.Agent", related_name="imports")
    kind = models.CharField(max_length=16, choices=ImportKind.choices)
    format = models.CharField(max_length=16, choices=ImportFormat.choices)
    status = models.CharField(max_length=16, choices=ImportStatus.choices, default=ImportStatus.QUEUED)
    is_dry_run = models.BooleanField(default=False, help_text="Only says what an import would do.")
    end_user = models.CharField(
        max_length=END_USER_MAX, blank=True, help_text="Whose it is, where a line does not say so itself."
    )
    file_name = models.CharField(max_length=NAME_MAX, blank=True)
    file_bytes = models.PositiveBigIntegerField(help_text="After unpacking.")
    actor = models.CharField(max_length=200, help_text="Who asked for it, as in the audit log.")
    total = models.PositiveIntegerField(null=True, help_text="Records in the file; empty until they are counted.")
    done = models.PositiveIntegerField(default=0, help_text="Records read so far.")
    position = models.PositiveBigIntegerField(default=0, help_text="The byte at which the next record begins.")
    line = models.PositiveIntegerField(default=1, help_text="The line at which the next record begins.")
    undo_line = models.PositiveIntegerField(null=True, help_text="Records from this line on have been taken back.")
    counts = models.JSONField(default=dict, help_text="How many records came to what.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failures in a row at the same place.")
    error = models.CharField(max_length=300, blank=True, help_text="Why it stopped; nothing of what the file says.")
    seen_at = models.DateTimeField(auto_now=True, help_text="When its last batch was done.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [tenant_key("memories_importrun")]
        indexes = [models.Index(fields=["org", "-created_at"], name="memories_importrun_newest")]

    def __str__(self) -> str:
        return f"Import {self.id}"

    @property
    def tag(self) -> str:
        """How versions of memories name it as the one who wrote them."""
        return f"import:{self.pk}"

    @property
    def undo_tag(self) -> str:
        """The same of its undoing."""
        return f"undo:{self.pk}"


class ImportPart(OrgModel):
    """A piece of an import's file, kept until all of it is read."""

    run = OrgForeignKey("memories.ImportRun", related_name="parts")
    number = models.PositiveIntegerField(help_text="From 0; all pieces but the last have the same size.")
    data = models.BinaryField()

    class Meta:
        constraints = [
            tenant_key("memories_importpart"),
            models.UniqueConstraint(fields=["org", "run", "number"], name="memories_importpart_number"),
        ]

    def __str__(self) -> str:
        return f"Part {self.number}"


class ImportItem(OrgModel):
    """What came of one record of an import's file: a line, or a conversation of a ChatGPT export."""

    run = OrgForeignKey("memories.ImportRun", related_name="items")
    line = models.PositiveIntegerField(help_text="Where it begins, from 1; of a ChatGPT export, which conversation.")
    result = models.CharField(max_length=16, choices=ImportResult.choices)
    field = models.CharField(max_length=64, blank=True, help_text="Which field was refused.")
    reason = models.CharField(max_length=200, blank=True)
    digest = models.BinaryField(max_length=16, blank=True, default=b"", help_text="Of a dry run's words.")
    memory = OrgForeignKey(
        "memories.Memory", on_delete=models.SET_NULL, null=True, related_name="+", help_text="That stands for it."
    )
    session = OrgForeignKey("agents.Session", on_delete=models.SET_NULL, null=True, related_name="+")
    turns = models.PositiveIntegerField(default=0, help_text="Turns that were added.")
    undone = models.CharField(max_length=200, blank=True, help_text="What taking it back came to.")

    class Meta:
        constraints = [
            tenant_key("memories_importitem"),
            models.UniqueConstraint(fields=["org", "run", "line"], name="memories_importitem_line"),
        ]
        indexes = [
            models.Index(fields=["org", "run", "result", "line"], name="memories_importitem_result"),
            models.Index(fields=["org", "run", "digest"], condition=~Q(digest=b""), name="memories_importitem_digest"),
        ]

    def __str__(self) -> str:
        return f"Line {self.line}"
