"""The wire form of feedback, the same in the REST API and at /v1/feedback."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from context.models import COMMENT_MAX, Feedback

MEMORIES_MAX = 100
"""Memories that one verdict may name; a prompt never holds as many."""


class NewFeedbackSerializer(serializers.Serializer):
    """A verdict. With `request_id` alone it is on the answer and on every memory that the request was given."""

    request_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="X-Request-ID of the answer that is judged."
    )
    memory_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MEMORIES_MAX,
        help_text="Memories that are judged: in that request, or, without one, by themselves.",
    )
    useful = serializers.BooleanField()
    comment = serializers.CharField(max_length=COMMENT_MAX, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("request_id") and not attrs.get("memory_ids"):
            raise serializers.ValidationError({"request_id": [ErrorDetail("Missing.", code="required")]})
        return attrs

    @property
    def ballot_fields(self) -> dict[str, Any]:
        """The body as `context.feedback.Ballot` takes it."""
        said = self.validated_data
        return {
            "request_id": str(said.get("request_id") or ""),
            "memory_ids": tuple(dict.fromkeys(said.get("memory_ids") or ())),
            "useful": said["useful"],
            "comment": said["comment"],
        }


class JudgedMemorySerializer(serializers.Serializer):
    """A memory and what it is worth after the verdict."""

    id = serializers.UUIDField()
    usefulness = serializers.FloatField(min_value=0, max_value=1)


class GivenSerializer(serializers.Serializer):
    """What a verdict came to. `request_id` is empty when it was on memories by themselves."""

    request_id = serializers.CharField(allow_blank=True)
    useful = serializers.BooleanField()
    memories = JudgedMemorySerializer(many=True)


class FeedbackSerializer(serializers.ModelSerializer):
    """One verdict on one thing: on a memory, or on the answer where `memory_id` is null."""

    class Meta:
        model = Feedback
        fields = [
            "id",
            "agent_id",
            "session_id",
            "memory_id",
            "turn_id",
            "request_id",
            "actor",
            "source",
            "useful",
            "comment",
            "created_at",
        ]
        read_only_fields = fields
