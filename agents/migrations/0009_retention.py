"""Each organization says how long it keeps what was said; one door removes what is older."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

from ibex.core.tenancy.forgetting import ForgetFunction


def days(help_text: str) -> models.PositiveIntegerField:
    return models.PositiveIntegerField(
        default=90,
        db_default=90,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=help_text,
    )


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_directive_tokens")]

    operations = [
        migrations.AddField(
            "organization",
            "turn_retention_days",
            days("Days that turns, their excerpts and archives are kept. Memories stay."),
        ),
        migrations.AddField(
            "organization",
            "trace_retention_days",
            days("Days that the metadata of calls is kept: traces, and which memories each was given."),
        ),
        ForgetFunction("ibex_forget_turns", "agents_checkpoint"),
    ]
