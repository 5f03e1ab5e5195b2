"""Feedback in the API's own description; what is said and answered is read and written by `context.verdicts`."""

from __future__ import annotations

from rest_framework import serializers

from context.models import COMMENT_MAX, Feedback
from context.verdicts import MEMORIES_MAX


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
