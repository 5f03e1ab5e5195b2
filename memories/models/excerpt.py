from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from pgvector.django import HalfVectorField

from ibex.core.models import OrgForeignKey, OrgModel, tenant_key
from memories.models.memory import END_USER_MAX
from memories.models.slot import MODEL_NAME_MAX


class Excerpt(OrgModel):
    """A turn's own words, redacted and kept searchable beside the memories distilled from it: the evidence."""

    agent = OrgForeignKey("agents.Agent", related_name="excerpts")
    session = OrgForeignKey("agents.Session", related_name="excerpts")
    checkpoint = OrgForeignKey("agents.Checkpoint", related_name="excerpts")
    end_user = models.CharField(max_length=END_USER_MAX, blank=True)
    role = models.CharField(max_length=16, help_text="user or assistant")
    speaker = models.CharField(max_length=120, blank=True)
    turn = models.PositiveIntegerField(help_text="Number of the checkpoint in its session.")
    said_at = models.DateTimeField()
    content = models.TextField(help_text="The words, redacted.")
    searchable = models.TextField(help_text="Date, speaker and words: what full text sees.")
    tokens = models.PositiveIntegerField()
    expires_at = models.DateTimeField(null=True, blank=True)
    embedding = HalfVectorField(null=True, editable=False)
    embedding_model = models.CharField(max_length=MODEL_NAME_MAX, blank=True, editable=False)
    embedding_b = HalfVectorField(null=True, editable=False)
    embedding_b_model = models.CharField(
        max_length=MODEL_NAME_MAX, blank=True, default="", db_default="", editable=False
    )
    search_text = models.GeneratedField(
        expression=SearchVector("searchable", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        constraints = [
            tenant_key("memories_excerpt"),
            models.UniqueConstraint(fields=["org", "checkpoint", "role"], name="memories_excerpt_once"),
        ]
        indexes = [
            GinIndex(fields=["org", "agent", "search_text"], name="memories_excerpt_words"),
            models.Index(fields=["org", "agent", "session", "turn"], name="memories_excerpt_place"),
        ]

    def __str__(self) -> str:
        return f"{self.role}, turn {self.turn}"
