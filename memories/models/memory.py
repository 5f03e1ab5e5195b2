from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key
from memories.choices import Category, Source, Status
from memories.models.slot import MODEL_NAME_MAX

CONTENT_MAX = 8_192
TAG_MAX = 64
END_USER_MAX = 200
LIVE = Q(status__in=[Status.ACTIVE, Status.QUARANTINED, Status.PENDING_REVIEW], deleted_at__isnull=True)
"""Rows that an identical text would duplicate."""
WAITING = Q(status__in=[Status.QUARANTINED, Status.PENDING_REVIEW], deleted_at__isnull=True)
"""Rows that a person decides about."""

_share = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Memory(OrgModel):
    """One self-contained piece of knowledge an agent has: a claim."""

    agent = OrgForeignKey("agents.Agent", related_name="memories")
    end_user = models.CharField(max_length=END_USER_MAX, blank=True, help_text="Empty: it belongs to the whole agent.")
    content = models.CharField(max_length=CONTENT_MAX)
    content_hash = models.BinaryField(max_length=32, editable=False, help_text="SHA-256 of the redacted, folded text.")
    category = models.CharField(max_length=16, choices=Category.choices)
    labels = models.JSONField(default=list, help_text='1 to 3 of {"name", "confidence"}.')
    tags = ArrayField(models.CharField(max_length=TAG_MAX), default=list, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=200, blank=True)
    confidence = models.FloatField(default=1.0, validators=_share)
    usefulness = models.FloatField(default=0.5, validators=_share)
    is_pinned = models.BooleanField(
        default=False, help_text="A standing instruction: injected without being asked for."
    )
    by_operator = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="An operator wrote these words by hand: pinned and procedural, they are read as instructions.",
    )
    subject = models.CharField(max_length=120, blank=True)
    attribute = models.CharField(max_length=120, blank=True)
    proof_count = models.PositiveIntegerField(default=1, help_text="How often it was said.")
    retrieval_count = models.PositiveIntegerField(default=0)
    injection_count = models.PositiveIntegerField(default=0)
    answer_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Answers that were read for whether they used it."
    )
    used_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Those of them that did, by their words."
    )
    last_retrieved_at = models.DateTimeField(null=True, blank=True)
    last_injected_at = models.DateTimeField(null=True, blank=True)
    tokens = models.PositiveIntegerField(help_text="Counted once, when written.")
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    observed_at = models.DateTimeField(help_text="When IBEX learned it.")
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    merged_into = OrgForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="merged",
        help_text="The memory that speaks for it, while it is merged.",
    )
    session = OrgForeignKey("agents.Session", on_delete=models.SET_NULL, null=True, blank=True, related_name="memories")
    checkpoint = OrgForeignKey(
        "agents.Checkpoint", on_delete=models.SET_NULL, null=True, blank=True, related_name="memories"
    )
    evidence = models.TextField(blank=True, help_text="The words of the turn that support it, redacted.")
    extractor = models.CharField(max_length=64, blank=True, help_text="Name and version of what extracted it.")
    metadata = models.JSONField(default=dict, blank=True)
    embedding = HalfVectorField(null=True, editable=False)
    embedding_model = models.CharField(max_length=MODEL_NAME_MAX, blank=True, editable=False)
    embedding_b = HalfVectorField(null=True, editable=False)
    embedding_b_model = models.CharField(
        max_length=MODEL_NAME_MAX, blank=True, default="", db_default="", editable=False
    )
    search_text = models.GeneratedField(
        expression=SearchVector("content", config="english"), output_field=SearchVectorField(), db_persist=True
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "memories"
        constraints = [
            tenant_key("memories_memory"),
            models.UniqueConstraint(
                fields=["org", "agent", "end_user", "content_hash"], condition=LIVE, name="memories_memory_exact"
            ),
        ]
        indexes = [
            GinIndex(fields=["org", "agent", "search_text"], name="memories_memory_words"),
            models.Index(fields=["org", "agent", "status", "-created_at"], name="memories_memory_recent"),
            models.Index(fields=["org", "-created_at"], name="memories_memory_newest"),
            models.Index(fields=["org", "agent", "content_hash"], name="memories_memory_same_words"),
            models.Index(
                fields=["org", "agent", "end_user", "attribute"],
                condition=~Q(attribute=""),
                name="memories_memory_slot",
            ),
            models.Index(fields=["org", "-created_at"], condition=WAITING, name="memories_memory_waiting"),
            models.Index(
                fields=["org", "merged_into"], condition=Q(merged_into__isnull=False), name="memories_memory_merged"
            ),
        ]

    def __str__(self) -> str:
        return f"Memory {self.id}"
