from __future__ import annotations

from django.db import migrations, models
from django.db.models.functions import Now

import ibex.core.ids


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="JobRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("job", models.CharField(max_length=64)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("partial", "Partial"),
                            ("failed", "Failed"),
                            ("dead", "Dead"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("seen_at", models.DateTimeField(db_default=Now(), help_text="When its last batch was done.")),
                ("finished_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict, help_text="How many of what, in words of IBEX.")),
                (
                    "error",
                    models.CharField(blank=True, help_text="The type of the last error.", max_length=100),
                ),
                ("at_org", models.UUIDField(null=True)),
                ("at_row", models.UUIDField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["job", "-started_at"], name="core_jobrun_recent")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=("job",),
                        name="core_jobrun_one_at_a_time",
                    )
                ],
            },
        ),
    ]
