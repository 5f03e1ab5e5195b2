"""A directive is counted when it is written. Old rows stay unknown: nobody may change them, and a bound will do."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0007_limits_and_prices")]

    operations = [
        migrations.AddField(
            "directive",
            "tokens",
            models.PositiveIntegerField(null=True, help_text="Counted when it was written; unknown for older ones."),
        ),
    ]
