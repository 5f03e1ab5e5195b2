"""Which words an operator wrote by hand: those that were there before count as anybody's."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memories", "0012_answer_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="memory",
            name="by_operator",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="An operator wrote these words by hand: pinned and procedural, they are read as instructions.",
            ),
        ),
    ]
