from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

KEPT_DAYS = 90
"""SPEC section 4's default."""
KEPT_DAYS_MAX = 3_650
RETENTION_FIELDS = ("turn_retention_days", "archive_retention_days", "trace_retention_days")

_days = [MinValueValidator(1), MaxValueValidator(KEPT_DAYS_MAX)]


class Retained(models.Model):
    """How long an organization keeps what was said, and what is known about calls."""

    turn_retention_days = models.PositiveIntegerField(
        default=KEPT_DAYS,
        db_default=KEPT_DAYS,
        validators=_days,
        help_text="Days that turns and their excerpts are kept, and no archive longer than its turns. Memories stay.",
    )
    archive_retention_days = models.PositiveIntegerField(
        default=KEPT_DAYS,
        db_default=KEPT_DAYS,
        validators=_days,
        help_text="Days that archives are kept: what was said in sessions that have ended.",
    )
    trace_retention_days = models.PositiveIntegerField(
        default=KEPT_DAYS,
        db_default=KEPT_DAYS,
        validators=_days,
        help_text="Days that the metadata of calls is kept: traces, and which memories each was given.",
    )

    class Meta:
        abstract = True
