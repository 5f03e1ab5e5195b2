"""Turns that were said before IBEX was asked, and digests by which a turn is found again."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0003_anthropic")]

    operations = [
        migrations.AddField(
            "checkpoint",
            "is_imported",
            models.BooleanField(
                db_default=False, default=False, help_text="Said before IBEX was asked; nobody knows when."
            ),
        ),
        migrations.AddField(
            "checkpoint",
            "answer_print",
            models.CharField(
                blank=True, db_default="", help_text="Digest of the answer: a history is not told twice.", max_length=32
            ),
        ),
    ]
