"""The wire form of agents' rows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.limits import INTEGER_MAX, LimitFields
from agents.choices import ContentPlace, Scope
from agents.limits import LIMIT_FIELDS
from agents.models import Agent, Checkpoint, Directive, Session, Token
from agents.models.agent import DEFAULT_MEMORY_TOKENS
from agents.models.directive import DIRECTIVE_MAX_BYTES
from agents.selectors import SESSION_FIELDS
from agents.services.agents import REFINEMENT_FIELDS
from agents.services.slugs import SLUG_MAX


class AgentSerializer(LimitFields, serializers.ModelSerializer):
    """An agent. Give a name and, if you like, a slug; the rest has defaults."""

    slug = serializers.CharField(
        max_length=SLUG_MAX,
        required=False,
        allow_blank=True,
        help_text="Sent by the application in X-IBEX-Agent-ID. Empty: made from the name. It is final.",
    )
    directive_version = serializers.IntegerField(
        source="directive.version", read_only=True, allow_null=True, default=None
    )
    memory_tokens = serializers.IntegerField(
        min_value=0,
        max_value=32_000,
        required=False,
        initial=DEFAULT_MEMORY_TOKENS,
        help_text="The most tokens that memories may take of one prompt.",
    )
    holdout_share = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        initial=0.0,
        help_text="Share of the sessions that are answered without memories, to see what memories do.",
    )
    idle_minutes = serializers.IntegerField(
        min_value=1,
        max_value=1_440,
        required=False,
        allow_null=True,
        help_text="Minutes without a turn after which a session is completed. Null: the deployment's default.",
    )

    class Meta:
        model = Agent
        fields = [
            "id",
            "name",
            "slug",
            "description",
            "status",
            "directive_version",
            "injection_mode",
            "memory_tokens",
            "learns",
            "remembers",
            "shadows",
            "holdout_share",
            "quotes",
            "locale",
            "trusts_body_user",
            "extraction_model",
            *REFINEMENT_FIELDS,
            "idle_minutes",
            *LIMIT_FIELDS,
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["status"]


class DirectiveSerializer(serializers.ModelSerializer):
    """One version of a directive."""

    author = serializers.CharField(source="author.email", read_only=True, allow_null=True, default=None)
    is_active = serializers.SerializerMethodField()

    class Meta:
        model = Directive
        fields = ["id", "version", "content", "note", "author", "is_active", "created_at"]
        read_only_fields = fields

    def get_is_active(self, directive: Directive) -> bool:
        """Whether this version is the one in force."""
        return bool(self.context["active_id"] == directive.pk)


class DirectiveVersionSerializer(DirectiveSerializer):
    """One version in a list: without its text."""

    class Meta(DirectiveSerializer.Meta):
        fields = ["id", "version", "note", "author", "is_active", "created_at"]
        read_only_fields = fields


class NewDirectiveSerializer(serializers.Serializer):
    """A new version of a directive."""

    content = serializers.CharField(
        trim_whitespace=False, help_text=f"At most {DIRECTIVE_MAX_BYTES // 1024} KiB of UTF-8."
    )
    note = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="What changed, in a few words."
    )


class RollbackSerializer(serializers.Serializer):
    """Which version to go back to."""

    version = serializers.IntegerField(min_value=1, max_value=INTEGER_MAX)


class DiffSerializer(serializers.Serializer):
    """What changed between two versions, as lines of a unified diff."""

    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField()
    added = serializers.IntegerField(help_text="Lines.")
    removed = serializers.IntegerField(help_text="Lines.")
    diff = serializers.CharField()


class TokenSerializer(LimitFields, serializers.ModelSerializer):
    """A token. Its secret is in the answer to its creation, and nowhere else."""

    agent_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Bind it to this agent: it can be used for no other."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False, max_length=len(Scope)
    )
    is_usable = serializers.BooleanField(read_only=True)

    class Meta:
        model = Token
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "agent_id",
            *LIMIT_FIELDS,
            "is_usable",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = ["prefix", "revoked_at", "last_used_at"]


class NewTokenSerializer(TokenSerializer):
    """A token that was just made, with its secret."""

    secret = serializers.CharField(read_only=True, help_text="Shown this once. Keep it like a password.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class TokenLimitsSerializer(LimitFields):
    """What a token may use."""


class SessionSerializer(serializers.ModelSerializer):
    """One conversation between an application and an agent."""

    class Meta:
        model = Session
        fields = SESSION_FIELDS
        read_only_fields = fields


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class JsonList(serializers.JSONField):
    """JSON objects as they were sent or received."""


class ArchiveLinkSerializer(serializers.Serializer):
    """Where an archive can be fetched: NDJSON, one line a turn."""

    url = serializers.URLField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True, help_text="15 minutes from now.")
    turns = serializers.IntegerField(read_only=True, help_text="Lines of the file.")
    bytes = serializers.IntegerField(read_only=True)
    sha256 = serializers.CharField(source="digest", read_only=True, help_text="Of the file, as hexadecimal.")
    written_at = serializers.DateTimeField(read_only=True, help_text="When its latest turns were added.")


class CheckpointSerializer(serializers.ModelSerializer):
    """One completed turn of a session."""

    content = serializers.ChoiceField(
        ContentPlace.choices,
        read_only=True,
        help_text="Where what was said is: in the vault, in the session's archive, there but away now, or gone.",
    )
    messages = JsonList(read_only=True)
    tool_calls = JsonList(read_only=True)

    class Meta:
        model = Checkpoint
        fields = [
            "id",
            "number",
            "request_id",
            "content",
            "messages",
            "assistant_text",
            "tool_calls",
            "finish_reason",
            "is_complete",
            "is_imported",
            "model",
            "prompt_tokens",
            "completion_tokens",
            "said_at",
            "finished_at",
        ]
        read_only_fields: Any = fields
