from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.limits import COST_MAX, TOKENS_MAX


class Limited(models.Model):
    """What one organization, agent or token may use, beside its calls a minute."""

    tokens_per_minute = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(TOKENS_MAX)],
        help_text="Tokens of prompts and answers a minute; empty: no limit.",
    )
    monthly_tokens = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(TOKENS_MAX)],
        help_text="Tokens of prompts and answers in a calendar month (UTC); empty: no budget.",
    )
    monthly_cost = models.DecimalField(
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(COST_MAX)],
        help_text="US dollars in a calendar month (UTC); empty: no budget. Models without a price cost nothing here.",
    )

    class Meta:
        abstract = True
