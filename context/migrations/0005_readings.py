"""What answers say of the memories in their prompts, and what came of each session."""

from __future__ import annotations

import django.db.models.deletion
import ibex.core.ids
import ibex.core.models
from django.db import migrations, models

from ibex.core.tenancy.forgetting import ForgetFunction
from ibex.core.tenancy.operations import AppendOnly, IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0014_unread_sessions"),
        ("context", "0004_assembly_record"),
        ("memories", "0012_answer_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outcome",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("turns", models.PositiveIntegerField(default=0, help_text="Answered turns; imported ones left out.")),
                (
                    "corrections",
                    models.PositiveIntegerField(default=0, help_text="Turns whose words correct the answer before."),
                ),
                ("corrected", models.JSONField(default=dict, help_text="Of the first of them, by number: how.")),
                ("prompt_tokens", models.PositiveBigIntegerField(default=0)),
                ("completion_tokens", models.PositiveBigIntegerField(default=0)),
                ("cost", models.FloatField(default=0.0, help_text="US dollars, of the turns whose price is known.")),
                ("unpriced", models.PositiveIntegerField(default=0, help_text="Turns whose price is not known.")),
                (
                    "degraded",
                    models.PositiveIntegerField(
                        default=0, help_text="Turns without memories because of time or an error."
                    ),
                ),
                (
                    "mixed",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("off", "Memories were switched off in some of its turns"),
                            ("shadow", "Its agent was in the shadow in some of its turns"),
                            ("changed", "The holdout was changed while it ran"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outcomes",
                        to="agents.session",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="context_outcome_tenant_key"),
                    models.UniqueConstraint(fields=("org", "session"), name="context_outcome_session"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("turn_id", models.UUIDField()),
                ("is_used", models.BooleanField()),
                ("share", models.FloatField(help_text="Of the memory's own words, how much the answer has; 0 to 1.")),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readings",
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
            ],
            options={
                "indexes": [models.Index(fields=["org", "memory", "-id"], name="context_reading_memory")],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="context_reading_tenant_key"),
                    models.UniqueConstraint(fields=("org", "turn_id", "memory"), name="context_reading_once"),
                ],
            },
        ),
        IsolateTenant("context_outcome"),
        TieToTenant("context_outcome", "agent_id", "agents_agent"),
        TieToTenant("context_outcome", "session_id", "agents_session"),
        IsolateTenant("context_reading"),
        TieToTenant("context_reading", "agent_id", "agents_agent"),
        TieToTenant("context_reading", "memory_id", "memories_memory"),
        AppendOnly("context_reading"),
        ForgetFunction("ibex_forget_readings", "context_reading"),
    ]
