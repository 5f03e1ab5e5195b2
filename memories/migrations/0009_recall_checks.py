"""What approximate search misses is measured and kept."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from ibex.core.ids import uuid7
from ibex.core.models import OrgForeignKey
from ibex.core.tenancy.operations import AppendOnly, IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_model_calls"), ("memories", "0008_matches")]

    operations = [
        migrations.CreateModel(
            name="RecallCheck",
            fields=[
                ("id", models.UUIDField(default=uuid7, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("kind", models.CharField(help_text="memory or excerpt", max_length=8)),
                ("rows", models.PositiveIntegerField(help_text="That the agent had then.")),
                (
                    "questions",
                    models.PositiveIntegerField(
                        help_text="That were asked both ways: vectors of what was said lately."
                    ),
                ),
                (
                    "recall",
                    models.FloatField(help_text="Share of the 20 nearest, from 0 to 1, averaged over the questions."),
                ),
                (
                    "fewest",
                    models.PositiveIntegerField(help_text="Rows that the worst question brought up, of 20."),
                ),
                ("approximate_ms", models.FloatField(help_text="Median of the approximate search.")),
                ("exact_ms", models.FloatField(help_text="Median of the exact search.")),
                (
                    "agent",
                    OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recall_checks",
                        to="agents.agent",
                    ),
                ),
                (
                    "org",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["org", "-created_at"], name="memories_recall_newest")],
                "constraints": [models.UniqueConstraint(fields=("org", "id"), name="memories_recallcheck_tenant_key")],
            },
        ),
        IsolateTenant("memories_recallcheck"),
        TieToTenant("memories_recallcheck", "agent_id", "agents_agent"),
        AppendOnly("memories_recallcheck"),
    ]
