from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.choices import AgentStatus, InjectionMode, Locale
from agents.models.limited import Limited
from ibex.core.models import OrgForeignKey, OrgModel, tenant_key

DEFAULT_MEMORY_TOKENS = 2_000
"""The most that memories may take of one prompt (SPEC section 6)."""


class Agent(OrgModel, Limited):
    """One AI application's identity inside an organization."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(
        max_length=63, help_text="Sent by the application in X-IBEX-Agent-ID. It cannot be changed later."
    )
    description = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=16, choices=AgentStatus.choices, default=AgentStatus.ACTIVE)
    directive = OrgForeignKey(
        "agents.Directive", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    injection_mode = models.CharField(
        max_length=16,
        choices=InjectionMode.choices,
        default=InjectionMode.SYSTEM_FIRST,
        help_text="Where the directive goes among the caller's messages.",
    )
    memory_tokens = models.PositiveIntegerField(
        default=DEFAULT_MEMORY_TOKENS,
        validators=[MinValueValidator(0), MaxValueValidator(32_000)],
        help_text="The most tokens that memories may take of one prompt.",
    )
    learns = models.BooleanField(default=True, help_text="Mine finished turns for new memories.")
    remembers = models.BooleanField(default=True, help_text="Put memories into prompts.")
    shadows = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Shadow mode: choose memories and record which, but keep them out of the prompts.",
    )
    holdout_share = models.FloatField(
        default=0.0,
        db_default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of the sessions, 0 to 1, that are answered without memories, to see what memories do.",
    )
    quotes = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Put excerpts, what was said word for word, into prompts beside memories.",
    )
    locale = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        choices=Locale.choices,
        help_text="The language of the words around memories in a prompt. Empty: the organization's.",
    )
    trusts_body_user = models.BooleanField(
        default=True, help_text="Take the end user from the request's `user` field when X-IBEX-User-ID is absent."
    )
    extraction_model = models.CharField(
        max_length=256,
        blank=True,
        default="",
        db_default="",
        help_text="The model that reads this agent's turns for memories, by the name that a provider serves it under. "
        "Empty: the built-in local extractor.",
    )
    refinement_model = models.CharField(
        max_length=256,
        blank=True,
        default="",
        db_default="",
        help_text="The model that refinement may ask, by the name that a provider serves it under. Empty: none.",
    )
    asks_for_duplicates = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Let that model say whether two texts that are nearly alike say the same.",
    )
    asks_for_conflicts = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Let that model, instead of the built-in rules, say what a new memory does to those it resembles.",
    )
    idle_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Complete a session after this long without a turn; empty: the deployment's default.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls a minute; empty: only the organization's limit."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            tenant_key("agents_agent"),
            models.UniqueConstraint(fields=["org", "slug"], name="agents_agent_slug"),
            models.CheckConstraint(
                condition=models.Q(holdout_share__gte=0.0, holdout_share__lte=1.0), name="agents_agent_holdout_share"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether it answers calls."""
        return self.status == AgentStatus.ACTIVE
