from __future__ import annotations

from uuid import UUID, uuid5

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value

from agents.choices import ContentPlace, SessionStatus
from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

EXTERNAL_ID_MAX = 200
END_USER_MAX = 200


class Session(OrgModel):
    """One conversation between an application and an agent."""

    agent = OrgForeignKey("agents.Agent", related_name="sessions")
    external_id = models.CharField(max_length=EXTERNAL_ID_MAX, blank=True, help_text="The application's own id of it.")
    end_user = models.CharField(max_length=END_USER_MAX, blank=True)
    status = models.CharField(max_length=16, choices=SessionStatus.choices, default=SessionStatus.ACTIVE)
    started_at = models.DateTimeField()
    last_turn_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    turn_count = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    last_extracted_turn = models.PositiveIntegerField(default=0, help_text="Turns up to here have been mined.")
    last_read_turn = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Answers up to here have been read for the memories they used."
    )
    archived_turn = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Turns up to here are in its archive; 0: it is to be written anew."
    )
    stripped_turn = models.PositiveIntegerField(
        default=0, db_default=0, help_text="What was said up to this turn is in its archive only."
    )
    failed_calls = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Calls that were refused or failed, after its first turn."
    )
    holdout_share = models.FloatField(
        default=0.0, db_default=0.0, help_text="Share of the agent's sessions that were held out when it began."
    )
    is_held_out = models.BooleanField(
        default=False, db_default=False, help_text="It is one of those: answered without memories."
    )

    class Meta:
        constraints = [
            tenant_key("agents_session"),
            models.UniqueConstraint(
                fields=["org", "agent", "external_id"],
                condition=~models.Q(external_id=""),
                name="agents_session_external",
            ),
        ]
        indexes = [
            models.Index(fields=["org", "agent", "-last_turn_at"], name="agents_session_recent"),
            models.Index(fields=["status", "last_turn_at"], name="agents_session_idle"),
        ]

    def __str__(self) -> str:
        return self.external_id or str(self.id)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and everything that was said in it was learned from."""
        return self.status != SessionStatus.ACTIVE and self.last_extracted_turn >= self.turn_count

    @staticmethod
    def id_for(agent_id: UUID, external_id: str) -> UUID:
        """The id of the session that an application names: no look-up is needed to find it again."""
        return uuid5(agent_id, external_id)


class Checkpoint(OrgModel):
    """One completed turn: what was new in the request, and the answer. Immutable; but what was said leaves the row for
    the session's archive (`agents.archives`), and its hashes stay.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", related_name="checkpoints")
    number = models.PositiveIntegerField(help_text="Its place in the session, from 1.")
    turn_id = models.UUIDField(help_text="IBEX's own id of the turn: a replayed journal entry changes nothing.")
    request_id = models.CharField(max_length=36, blank=True)
    end_user = models.CharField(max_length=END_USER_MAX, blank=True)
    messages = models.JSONField(help_text="What the caller sent and this session had not seen yet.")
    user_text = models.TextField(blank=True)
    assistant_text = models.TextField(blank=True)
    tool_calls = models.JSONField(default=list)
    answer_print = models.CharField(
        max_length=32, blank=True, db_default="", help_text="Digest of the answer: a history is not told twice."
    )
    stripped_at = models.DateTimeField(null=True, help_text="When what was said left for the session's archive.")
    content_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="SHA-256 of what was said, once it has left."
    )
    asked_prints = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=Value([], ArrayField(models.BigIntegerField())),
        help_text="Keyed digests of the lines that the user said, once they have left.",
    )
    finish_reason = models.CharField(max_length=64, blank=True)
    is_complete = models.BooleanField(default=True, help_text="False: the caller left, or the provider was cut off.")
    is_imported = models.BooleanField(
        default=False, db_default=False, help_text="Said before IBEX was asked; nobody knows when."
    )
    may_learn = models.BooleanField(default=True, help_text="The caller and the agent allow memories from it.")
    model = models.CharField(max_length=256, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    said_at = models.DateTimeField(help_text="When the turn began.")
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["session", "number"]
        constraints = [
            tenant_key("agents_checkpoint"),
            models.UniqueConstraint(fields=["org", "turn_id"], name="agents_checkpoint_once"),
            models.UniqueConstraint(fields=["org", "session", "number"], name="agents_checkpoint_number"),
        ]
        indexes = [models.Index(fields=["org", "agent", "answer_print"], name="agents_checkpoint_answer")]

    content_place: ContentPlace | None = None
    """Where what was said was found, by whoever has looked (`agents.archives.reading`)."""

    def __str__(self) -> str:
        return f"Turn {self.number}"

    @property
    def content(self) -> ContentPlace:
        """Where what was said is."""
        return self.content_place or (ContentPlace.VAULT if self.stripped_at is None else ContentPlace.ARCHIVE)

    @property
    def has_words(self) -> bool:
        """Whether what was said is at hand, once somebody has looked for it."""
        return self.stripped_at is None or self.content_place == ContentPlace.ARCHIVE


class Trace(OrgModel):
    """The metadata of one proxied call; never any content."""

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", on_delete=models.SET_NULL, null=True, related_name="traces")
    turn_id = models.UUIDField()
    request_id = models.CharField(max_length=36, db_index=True)
    trace_id = models.CharField(max_length=32)
    token_id = models.UUIDField(null=True)
    endpoint = models.CharField(max_length=64)
    provider = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=256, blank=True)
    is_stream = models.BooleanField(default=False)
    status = models.PositiveSmallIntegerField(help_text="HTTP status that the caller got.")
    error_code = models.CharField(max_length=64, blank=True)
    level = models.PositiveSmallIntegerField(default=0, help_text="Rung of the degradation ladder, 0 to 3.")
    is_fallback = models.BooleanField(default=False)
    memories_injected = models.PositiveSmallIntegerField(default=0)
    context_tokens = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=18, decimal_places=9, null=True, blank=True, help_text="US dollars; empty: the price is not known."
    )
    stages = models.JSONField(default=dict, help_text="Milliseconds by stage.")
    overhead_ms = models.FloatField(default=0, help_text="Time in IBEX itself, the provider left out.")
    duration_ms = models.FloatField(default=0)
    started_at = models.DateTimeField()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            tenant_key("agents_trace"),
            models.UniqueConstraint(fields=["org", "turn_id"], name="agents_trace_once"),
        ]
        indexes = [models.Index(fields=["org", "-started_at"], name="agents_trace_recent")]

    def __str__(self) -> str:
        return self.request_id
