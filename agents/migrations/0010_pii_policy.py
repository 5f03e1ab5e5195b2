"""Each organization says what becomes of personal data in its memories; empty means the defaults."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_retention")]

    operations = [
        migrations.AddField(
            "organization",
            "pii_policy",
            models.JSONField(
                blank=True,
                default=dict,
                db_default=models.Value({}, models.JSONField()),
                help_text="What becomes of personal data, where it is not the default: "
                '{"email": "allow", "name": "redact"}.',
            ),
        ),
    ]
