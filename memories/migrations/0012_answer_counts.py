"""How many answers were read for a memory, and how many of them used it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("memories", "0011_imports")]

    operations = [
        migrations.AddField(
            "memory",
            "answer_count",
            models.PositiveIntegerField(
                default=0, db_default=0, help_text="Answers that were read for whether they used it."
            ),
        ),
        migrations.AddField(
            "memory",
            "used_count",
            models.PositiveIntegerField(default=0, db_default=0, help_text="Those of them that did, by their words."),
        ),
    ]
