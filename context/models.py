"""What each prompt was given, and why; and whether it helped."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models.session import END_USER_MAX
from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

COMMENT_MAX = 2_000


class Injection(OrgModel):
    """One memory, or excerpt, considered for one turn: its scores, its rank, whether it was packed, and why not.

    A row is kept of what was packed, so that a memory's prompts can be found; all lines of a turn, with everything that
    is known of them, are kept with its assembly (`context.lines`). Turns of before lines were kept there have a row for
    each. `context.selectors.injections_of_turns` reads both.
    """

    # No column has a key: each would be looked up for each row. The drain asks once a batch (`context.receipts`), and
    # triggers of memories and excerpts remove their injections (`GoWithParent`).
    org = models.ForeignKey(
        "agents.Organization",
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        editable=False,
        related_name="+",
    )
    agent = OrgForeignKey(
        "agents.Agent", null=True, db_index=False, related_name="+", help_text="Empty: that of the memory or excerpt."
    )
    memory = OrgForeignKey("memories.Memory", null=True, db_index=False, related_name="injections")
    excerpt = OrgForeignKey("memories.Excerpt", null=True, db_index=False, related_name="injections")
    turn_id = models.UUIDField()
    memory_version = models.PositiveIntegerField()
    rank = models.PositiveSmallIntegerField(help_text="1 is best; by score, before packing.")
    score = models.FloatField()
    components = models.JSONField(
        default=dict, help_text="relevance, recency, usefulness, confidence, frequency; each 0 to 1."
    )
    arm = models.CharField(max_length=16, help_text="Where it came from: hot, cold or pinned.")
    tokens = models.PositiveIntegerField()
    is_packed = models.BooleanField()
    reason = models.CharField(max_length=32, blank=True, help_text="Why it was left out.")
    vector_rank = models.PositiveSmallIntegerField(null=True, help_text="Among what is near the question.")
    word_rank = models.PositiveSmallIntegerField(null=True, help_text="Among what has its words.")
    hot_rank = models.PositiveSmallIntegerField(null=True, help_text="On the desk.")

    class Meta:
        ordering = ["turn_id", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["org", "turn_id", "memory"], name="context_injection_once"),
            models.UniqueConstraint(
                fields=["org", "turn_id", "excerpt"],
                condition=models.Q(excerpt__isnull=False),
                name="context_injection_excerpt_once",
            ),
            models.CheckConstraint(
                condition=models.Q(memory__isnull=False, excerpt__isnull=True)
                | models.Q(memory__isnull=True, excerpt__isnull=False),
                name="context_injection_of_one_thing",
            ),
        ]
        indexes = [
            models.Index(fields=["org", "memory", "-created_at"], name="context_injection_memory"),
            models.Index(
                fields=["org", "agent"], condition=models.Q(agent__isnull=False), name="context_injection_agent"
            ),
            models.Index(
                fields=["org", "excerpt"],
                condition=models.Q(excerpt__isnull=False),
                name="context_injection_excerpt",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} at {self.rank}"

    @property
    def subject_id(self) -> UUID:
        """Of the memory or the excerpt that it is about."""
        found = self.memory_id or self.excerpt_id
        assert found is not None  # noqa: S101 - a constraint says so
        return found


class AssemblyRecord(OrgModel):
    """How one turn's context came about, and what it takes to make its block again; append-only, and never any content.

    The words of its block are those of the packed injections that were not replayed, in the versions that they had.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey(
        "agents.Session",
        on_delete=models.SET_NULL,
        null=True,
        related_name="assemblies",
        help_text="Empty: the call was not answered, so nothing was shown.",
    )
    end_user = models.CharField(max_length=END_USER_MAX, blank=True)
    turn_id = models.UUIDField()
    assembled_at = models.DateTimeField(help_text="The turn's own now.")
    mode = models.CharField(max_length=16, default="on", help_text="Whether what was assembled was sent.")
    level = models.PositiveSmallIntegerField(default=0, help_text="Rung of the degradation ladder, 0 to 3.")
    missing = ArrayField(models.CharField(max_length=16), default=list, help_text="What was late or failed.")
    cold_desk = ArrayField(models.CharField(max_length=16), null=True, help_text="What the desk did not know.")
    directive_version = models.PositiveIntegerField(default=0, help_text="0: the agent had none.")
    budget = models.JSONField(null=True, help_text="Where the model's window went, in tokens.")
    placement = models.CharField(max_length=16, help_text="The agent's way to place its directive.")
    joins_blocks = models.BooleanField(default=False, help_text="The provider takes one system message only.")
    message_count = models.PositiveIntegerField(
        default=0, help_text="Messages that the caller sent, instructions left out."
    )
    wording = models.CharField(max_length=64, blank=True, help_text="Whose words stand around the block's memories.")
    block_anchor = models.CharField(
        max_length=48, blank=True, help_text="Names the message that the new block stands before."
    )
    block_nonce = models.CharField(max_length=32, blank=True, help_text="Empty: no new block.")
    block_tokens = models.PositiveIntegerField(default=0)
    block_digest = models.CharField(
        max_length=32, blank=True, help_text="Of its text: made again, it is the same or not used."
    )
    forgotten = ArrayField(
        models.CharField(max_length=32), default=list, help_text="Nonces of earlier blocks that are not shown any more."
    )
    # As text: making JSON of PostgreSQL's own of it took a third of what a call cost PostgreSQL.
    considered = models.TextField(
        db_default="", blank=True, help_text="Everything considered, as JSON (`context.lines`). Empty: see `lines`."
    )
    lines = models.JSONField(null=True, help_text="The same, of before it was text. Empty: see the injections.")

    class Meta:
        db_table = "context_assembly"
        verbose_name_plural = "assemblies"
        ordering = ["-assembled_at"]
        constraints = [
            tenant_key("context_assembly"),
            models.UniqueConstraint(fields=["org", "turn_id"], name="context_assembly_once"),
        ]
        indexes = [
            models.Index(
                fields=["org", "session", "assembled_at"],
                condition=~models.Q(block_nonce="") | ~models.Q(forgotten=[]),
                name="context_assembly_blocks",
            )
        ]

    def __str__(self) -> str:
        return f"Turn {self.turn_id}"


class FeedbackSource(models.TextChoices):
    """How a verdict came about."""

    EXPLICIT = "explicit", "Said so"


class Feedback(OrgModel):
    """Somebody's verdict on the answer of one turn, on one memory in it, or on a memory by itself; append-only.

    Whoever judges the same thing again has changed their mind: their latest row counts.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", null=True, related_name="feedback")
    memory = OrgForeignKey("memories.Memory", null=True, related_name="feedback", help_text="Empty: on the answer.")
    turn_id = models.UUIDField(null=True, help_text="Empty: on the memory by itself.")
    request_id = models.CharField(max_length=36, blank=True)
    actor = models.CharField(max_length=200, help_text="`operator:<id>` or `token:<id>`.")
    source = models.CharField(max_length=16, choices=FeedbackSource.choices, default=FeedbackSource.EXPLICIT)
    useful = models.BooleanField()
    comment = models.CharField(max_length=COMMENT_MAX, blank=True)

    class Meta:
        verbose_name_plural = "feedback"
        ordering = ["-id"]
        constraints = [
            tenant_key("context_feedback"),
            models.CheckConstraint(
                condition=models.Q(memory__isnull=False) | models.Q(turn_id__isnull=False),
                name="context_feedback_on_something",
            ),
        ]
        indexes = [
            models.Index(fields=["org", "memory", "-id"], name="context_feedback_memory"),
            models.Index(fields=["org", "turn_id"], name="context_feedback_turn"),
        ]

    def __str__(self) -> str:
        return "Useful" if self.useful else "Not useful"


class Reading(OrgModel):
    """What the words of one answer say about one memory in its prompt; append-only, and never any content.

    It is an estimate (`context.used`), kept apart from what people say. Of a memory that stood in the prompt since an
    earlier turn only a use is noted.
    """

    agent = OrgForeignKey("agents.Agent", related_name="+")
    memory = OrgForeignKey("memories.Memory", related_name="readings")
    turn_id = models.UUIDField()
    is_used = models.BooleanField()
    share = models.FloatField(help_text="Of the memory's own words, how much the answer has; 0 to 1.")

    class Meta:
        constraints = [
            tenant_key("context_reading"),
            models.UniqueConstraint(fields=["org", "turn_id", "memory"], name="context_reading_once"),
        ]
        indexes = [models.Index(fields=["org", "memory", "-id"], name="context_reading_memory")]

    def __str__(self) -> str:
        return "Used" if self.is_used else "Not used"


class Mixed(models.TextChoices):
    """Why a session is compared with none: its turns were not all served as its arm says."""

    OFF = "off", "Memories were switched off in some of its turns"
    SHADOW = "shadow", "Its agent was in the shadow in some of its turns"
    CHANGED = "changed", "The holdout was changed while it ran"


class Outcome(OrgModel):
    """What came of one session, as far as its turns were read (`Session.last_read_turn`): one row a session."""

    agent = OrgForeignKey("agents.Agent", related_name="+")
    session = OrgForeignKey("agents.Session", related_name="outcomes")
    turns = models.PositiveIntegerField(default=0, help_text="Answered turns; imported ones left out.")
    corrections = models.PositiveIntegerField(default=0, help_text="Turns whose words correct the answer before.")
    corrected = models.JSONField(default=dict, help_text="Of the first of them, by number: how.")
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.FloatField(default=0.0, help_text="US dollars, of the turns whose price is known.")
    unpriced = models.PositiveIntegerField(default=0, help_text="Turns whose price is not known.")
    degraded = models.PositiveIntegerField(default=0, help_text="Turns without memories because of time or an error.")
    mixed = models.CharField(max_length=16, choices=Mixed.choices, blank=True, default="")

    class Meta:
        constraints = [
            tenant_key("context_outcome"),
            models.UniqueConstraint(fields=["org", "session"], name="context_outcome_session"),
        ]

    def __str__(self) -> str:
        return f"Session {self.session_id}"
