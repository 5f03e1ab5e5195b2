"""Agents may hold sessions out, or only watch what memories they would show; answers are read for what they used."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_extraction_model")]

    operations = [
        migrations.AddField(
            "agent",
            "shadows",
            models.BooleanField(
                default=False,
                db_default=False,
                help_text="Shadow mode: choose memories and record which, but keep them out of the prompts.",
            ),
        ),
        migrations.AddField(
            "agent",
            "holdout_share",
            models.FloatField(
                default=0.0,
                db_default=0.0,
                validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
                help_text="Share of the sessions, 0 to 1, that are answered without memories, to see what memories do.",
            ),
        ),
        migrations.AddConstraint(
            "agent",
            models.CheckConstraint(
                condition=models.Q(holdout_share__gte=0.0, holdout_share__lte=1.0), name="agents_agent_holdout_share"
            ),
        ),
        migrations.AddField(
            "session",
            "last_read_turn",
            models.PositiveIntegerField(
                default=0, db_default=0, help_text="Answers up to here have been read for the memories they used."
            ),
        ),
        migrations.AddField(
            "session",
            "failed_calls",
            models.PositiveIntegerField(
                default=0, db_default=0, help_text="Calls that were refused or failed, after its first turn."
            ),
        ),
        migrations.AddField(
            "session",
            "holdout_share",
            models.FloatField(
                default=0.0, db_default=0.0, help_text="Share of the agent's sessions that were held out when it began."
            ),
        ),
        migrations.AddField(
            "session",
            "is_held_out",
            models.BooleanField(
                default=False, db_default=False, help_text="It is one of those: answered without memories."
            ),
        ),
    ]
