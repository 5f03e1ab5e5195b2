"""The wire form of where a memory comes from, what it replaced, and where it was used."""

from __future__ import annotations

from typing import Any, cast

from rest_framework import serializers


class ChangeSerializer(serializers.Serializer):
    """One thing that was done to a memory."""

    number = serializers.IntegerField(help_text="Of the version that it made.")
    operation = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class ProvenanceSerializer(serializers.Serializer):
    """Where a memory comes from. Session and turn are null for one that was written, and once they are erased."""

    memory_id = serializers.UUIDField(source="memory.pk")
    source = serializers.CharField(source="memory.source")  # type: ignore[assignment]  # a field of this name
    extractor = serializers.CharField(source="memory.extractor")
    evidence = serializers.CharField(source="memory.evidence")
    observed_at = serializers.DateTimeField(source="memory.observed_at")
    proof_count = serializers.IntegerField(source="memory.proof_count")
    session_id = serializers.UUIDField(source="memory.session_id", allow_null=True)
    session_external_id = serializers.CharField(source="session.external_id", default=None, allow_null=True)
    checkpoint_id = serializers.UUIDField(source="memory.checkpoint_id", allow_null=True)
    turn_id = serializers.UUIDField(allow_null=True)
    turn = serializers.IntegerField(source="turn_number", allow_null=True, help_text="Its place in the session.")
    said_at = serializers.DateTimeField(allow_null=True)
    versions = ChangeSerializer(source="changes", many=True)


class ReplacementSerializer(serializers.Serializer):
    """A memory that replaced another one, or was replaced. `step` 1 is the next one."""

    memory_id = serializers.UUIDField()
    step = serializers.IntegerField()
    kind = serializers.CharField(help_text="Of the edge: supersedes, contradicts, specializes or overlaps; or merged.")
    confidence = serializers.FloatField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    content = serializers.CharField(help_text="Empty once it has been deleted.")
    status = serializers.CharField()
    is_deleted = serializers.BooleanField()


class EarlierTextSerializer(serializers.Serializer):
    """What a memory said before; `operation`, `actor` and `reason` tell of the change that ended it."""

    number = serializers.IntegerField(help_text="The last version that had it.")
    content = serializers.CharField()
    until = serializers.DateTimeField()
    operation = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField()


class LineageSerializer(serializers.Serializer):
    """What a memory replaced and what replaced it, the nearest first."""

    replaced = ReplacementSerializer(many=True)
    replaced_by = ReplacementSerializer(many=True)
    earlier_texts = EarlierTextSerializer(many=True)


class UseSerializer(serializers.Serializer):
    """One prompt that a memory was put into. Session and turn are null once they are erased."""

    injection_id = serializers.UUIDField(source="id")
    turn_id = serializers.UUIDField()
    session_id = serializers.SerializerMethodField()
    session_external_id = serializers.SerializerMethodField()
    turn = serializers.SerializerMethodField()
    at = serializers.DateTimeField(source="created_at")
    memory_version = serializers.IntegerField()
    rank = serializers.IntegerField(help_text="1 is the best; 0: it was shown before and replayed.")
    score = serializers.FloatField()
    arm = serializers.CharField()
    is_packed = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it was left out.")
    was_used = serializers.BooleanField(
        allow_null=True, help_text="By the answer, as far as its words tell; null: not read, or it cannot be told."
    )

    def get_session_id(self, use: Any) -> str | None:
        return cast("str | None", _of_place(use, "session_id"))

    def get_session_external_id(self, use: Any) -> str | None:
        return cast("str | None", _of_place(use, "session"))

    def get_turn(self, use: Any) -> int | None:
        return cast("int | None", _of_place(use, "number"))


def _of_place(use: Any, name: str) -> Any:
    return use.place[name] if use.place else None
