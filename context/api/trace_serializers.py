"""Traces and receipts, to be read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.models import Trace
from context.models import AssemblyRecord, Injection


@extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}})
class Numbers(serializers.JSONField):
    """Numbers by name."""


@extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
class BudgetField(serializers.JSONField):
    """`context.budget.Budget`: tokens by what they are for, and how the messages were counted."""


class TraceSerializer(serializers.ModelSerializer):
    """What is known of one call. Times are milliseconds, `cost` is in US dollars or null where no price is known."""

    stages = Numbers(read_only=True)

    class Meta:
        model = Trace
        fields = [
            "id",
            "agent_id",
            "session_id",
            "turn_id",
            "request_id",
            "trace_id",
            "token_id",
            "endpoint",
            "provider",
            "model",
            "is_stream",
            "status",
            "error_code",
            "level",
            "is_fallback",
            "memories_injected",
            "context_tokens",
            "prompt_tokens",
            "completion_tokens",
            "cost",
            "stages",
            "overhead_ms",
            "duration_ms",
            "started_at",
        ]
        read_only_fields: Any = fields


class CandidateSerializer(serializers.ModelSerializer):
    """One memory or excerpt that was considered; the other's id is null. The ranks are its places, from 1, in each arm
    that brought it up; `rank` is the one after scoring, 0 for what stands in a block of an earlier turn and was not
    found again.
    """

    components = Numbers(read_only=True)

    class Meta:
        model = Injection
        fields = [
            "memory_id",
            "excerpt_id",
            "memory_version",
            "rank",
            "score",
            "components",
            "arm",
            "vector_rank",
            "word_rank",
            "hot_rank",
            "tokens",
            "is_packed",
            "reason",
        ]
        read_only_fields: Any = fields


class AssemblySerializer(serializers.ModelSerializer):
    """How the context came about. `level` is the rung of the degradation ladder, `missing` what was late or failed."""

    budget = BudgetField(read_only=True)

    class Meta:
        model = AssemblyRecord
        fields = [
            "assembled_at",
            "mode",
            "level",
            "missing",
            "directive_version",
            "wording",
            "placement",
            "budget",
            "block_tokens",
            "message_count",
        ]
        read_only_fields: Any = fields


class ReceiptSerializer(serializers.Serializer):
    """What a call was given, and why. `assembly` is null for calls that were refused before, and for those of before it
    was recorded; no content of a memory is here.
    """

    trace = TraceSerializer()
    assembly = AssemblySerializer(allow_null=True)
    candidates = CandidateSerializer(many=True)
