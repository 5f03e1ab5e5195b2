"""The wire form of memories."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memories.choices import Category, Status
from memories.models import Memory, MemoryVersion, Relationship
from memories.models.memory import CONTENT_MAX, END_USER_MAX, TAG_MAX
from memories.refinement.draft import Result
from memories.refinement.validate import LABELS_MAX, TAGS_MAX

BULK_MAX = 500
SEARCH_LIMIT_MAX = 100
QUESTION_MAX = 4_096
REASON_MAX = 150


class LabelSerializer(serializers.Serializer):
    """A topic, and how sure it is."""

    name = serializers.CharField(max_length=TAG_MAX)
    confidence = serializers.FloatField(min_value=0, max_value=1, default=1.0)

    def validate(self, label: dict[str, Any]) -> dict[str, Any]:
        """A PATCH may leave out fields of a memory, and the framework thinks: of its labels as well."""
        if "name" not in label:
            raise serializers.ValidationError({"name": "It is missing."}, code="required")
        return {"confidence": 1.0} | label


@extend_schema_field({"type": "object", "additionalProperties": True})
class JsonObject(serializers.DictField):
    """A JSON object of the caller's own."""


def _tags(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=TAG_MAX), max_length=TAGS_MAX, help_text="Free words.", **options
    )


class MemorySerializer(serializers.ModelSerializer):
    """One piece of knowledge."""

    labels = LabelSerializer(many=True)
    tags = _tags()
    metadata = JsonObject()

    class Meta:
        model = Memory
        fields = [
            "id",
            "agent_id",
            "end_user",
            "content",
            "category",
            "labels",
            "tags",
            "source",
            "status",
            "status_reason",
            "confidence",
            "usefulness",
            "is_pinned",
            "subject",
            "attribute",
            "proof_count",
            "retrieval_count",
            "injection_count",
            "answer_count",
            "used_count",
            "last_injected_at",
            "tokens",
            "valid_from",
            "valid_until",
            "observed_at",
            "expires_at",
            "version",
            "session_id",
            "checkpoint_id",
            "evidence",
            "extractor",
            "merged_into_id",
            "metadata",
            "created_at",
            "updated_at",
        ]
        read_only_fields: Any = fields


class WrittenMemorySerializer(serializers.Serializer):
    """What a caller says about a memory."""

    content = serializers.CharField(max_length=CONTENT_MAX, help_text="One claim that stands on its own.")
    category = serializers.ChoiceField(choices=Category.choices, default=Category.FACTUAL)
    labels = LabelSerializer(many=True, required=False, max_length=LABELS_MAX)  # type: ignore[call-arg]  # of the list
    tags = _tags(required=False)
    confidence = serializers.FloatField(min_value=0, max_value=1, required=False)
    end_user = serializers.CharField(
        max_length=END_USER_MAX, required=False, allow_blank=True, help_text="Empty: it belongs to the whole agent."
    )
    is_pinned = serializers.BooleanField(required=False, help_text="A standing instruction: in every prompt.")
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    metadata = JsonObject(required=False)


class NewMemorySerializer(WrittenMemorySerializer):
    """A memory written by hand or by a program."""

    agent_id = serializers.UUIDField(required=False, help_text="May be left out by a token that is bound to one agent.")


class OutcomeSerializer(serializers.Serializer):
    """What refinement did with a text, and the memory that stands for it now."""

    result = serializers.ChoiceField(choices=[(result.value, result.value) for result in Result])
    reason = serializers.CharField(allow_blank=True)
    memory = MemorySerializer(allow_null=True)


class SearchSerializer(serializers.Serializer):
    """A question to what an agent knows."""

    query = serializers.CharField(max_length=QUESTION_MAX)
    agent_id = serializers.UUIDField(required=False, help_text="Empty: all agents that the caller may see.")
    end_user = serializers.CharField(
        max_length=END_USER_MAX,
        required=False,
        allow_blank=True,
        help_text="Given: the whole agent's memories and this person's, as in a call. Left out: everybody's.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=SEARCH_LIMIT_MAX, default=20)
    categories = serializers.ListField(
        child=serializers.ChoiceField(choices=Category.choices), max_length=len(Category), required=False
    )
    status = serializers.ChoiceField(choices=Status.choices, default=Status.ACTIVE)
    include_excerpts = serializers.BooleanField(
        default=False, help_text="Also the words of turns, the evidence: ranked together with memories."
    )


class ExcerptSerializer(serializers.Serializer):
    """What one side said in one turn, redacted."""

    id = serializers.UUIDField()
    content = serializers.CharField()
    role = serializers.CharField(help_text="user or assistant")
    speaker = serializers.CharField(help_text="The name that the message carried, if any.")
    said_at = serializers.DateTimeField()
    agent_id = serializers.UUIDField()
    end_user = serializers.CharField()
    session_id = serializers.UUIDField()
    checkpoint_id = serializers.UUIDField()
    turn = serializers.IntegerField()


class FoundSerializer(serializers.Serializer):
    """A memory or an excerpt with what speaks for it: all from 0 to 1."""

    memory = MemorySerializer(allow_null=True)
    excerpt = ExcerptSerializer(allow_null=True)
    relevance = serializers.FloatField(help_text="The fused evidence, calibrated.")
    cosine = serializers.FloatField()
    text_rank = serializers.FloatField(help_text="Share of the question's words that it has, by their rarity.")
    arm = serializers.CharField(help_text="vector, words, both, or context: it stands beside what one of them found.")


class FoundListSerializer(serializers.Serializer):
    """The best first."""

    items = FoundSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: ask for more with `limit`.")


class VersionSerializer(serializers.ModelSerializer):
    """A memory as it stood after one change."""

    snapshot = JsonObject()

    class Meta:
        model = MemoryVersion
        fields = ["number", "operation", "actor", "reason", "snapshot", "created_at"]
        read_only_fields: Any = fields


class RelationshipSerializer(serializers.ModelSerializer):
    """`source` does `kind` to `target`."""

    class Meta:
        model = Relationship
        fields = ["id", "source_id", "target_id", "kind", "confidence", "reason", "created_at"]
        read_only_fields: Any = fields


class BulkDeleteSerializer(serializers.Serializer):
    """Which memories to delete, and that it is meant."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=BULK_MAX)
    confirm = serializers.BooleanField()


class TagsSerializer(serializers.Serializer):
    """All of a memory's tags."""

    tags = _tags()


class ReasonSerializer(serializers.Serializer):
    """Why, in a few words."""

    reason = serializers.CharField(max_length=REASON_MAX, required=False, allow_blank=True, default="")


class MergeSerializer(serializers.Serializer):
    """The memory that gives way."""

    gone = serializers.UUIDField(help_text="It must belong to the same agent and end user.")


class CountSerializer(serializers.Serializer):
    """How many were meant and there."""

    deleted = serializers.IntegerField()
