from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("context", "0005_readings")]

    operations = [
        migrations.AddField(
            model_name="assemblyrecord",
            name="cold_desk",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                help_text="What the desk did not know.",
                null=True,
                size=None,
            ),
        ),
    ]
