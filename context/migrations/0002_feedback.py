import django.db.models.deletion
from django.db import migrations, models

import ibex.core.ids
import ibex.core.models
from ibex.core.tenancy.operations import AppendOnly, IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0001_initial"),
        ("context", "0001_initial"),
        ("memories", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Feedback",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("turn_id", models.UUIDField(help_text="Empty: on the memory by itself.", null=True)),
                ("request_id", models.CharField(blank=True, max_length=36)),
                ("actor", models.CharField(help_text="`operator:<id>` or `token:<id>`.", max_length=200)),
                (
                    "source",
                    models.CharField(choices=[("explicit", "Said so")], default="explicit", max_length=16),
                ),
                ("useful", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=2000)),
                (
                    "agent",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                (
                    "memory",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        help_text="Empty: on the answer.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="memories.memory",
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
                (
                    "session",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="agents.session",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "feedback",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["org", "memory", "-id"], name="context_feedback_memory"),
                    models.Index(fields=["org", "turn_id"], name="context_feedback_turn"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="context_feedback_tenant_key"),
                    models.CheckConstraint(
                        condition=models.Q(("memory__isnull", False), ("turn_id__isnull", False), _connector="OR"),
                        name="context_feedback_on_something",
                    ),
                ],
            },
        ),
        IsolateTenant("context_feedback"),
        TieToTenant("context_feedback", "agent_id", "agents_agent"),
        TieToTenant("context_feedback", "session_id", "agents_session"),
        TieToTenant("context_feedback", "memory_id", "memories_memory"),
        AppendOnly("context_feedback"),
    ]
