"""Whose turn it is to mine a session, how often that failed, and what was given up."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from ibex.core.ids import uuid7
from ibex.core.models import OrgForeignKey
from ibex.core.tenancy.operations import IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_extraction_model"), ("memories", "0009_recall_checks")]

    operations = [
        migrations.CreateModel(
            name="Extraction",
            fields=[
                ("id", models.UUIDField(default=uuid7, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("holder", models.UUIDField(null=True, help_text="The task that is at it.")),
                (
                    "seen_at",
                    models.DateTimeField(null=True, help_text="When that task last began a batch of turns."),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                (
                    "error",
                    models.CharField(blank=True, max_length=100, help_text="Type or code of the last failure."),
                ),
                ("failed_at", models.DateTimeField(null=True)),
                ("next_try_at", models.DateTimeField(null=True, help_text="Until then, nobody tries.")),
                (
                    "given_up_at",
                    models.DateTimeField(
                        null=True, help_text="After the last retry; from then on it is a dead letter."
                    ),
                ),
                (
                    "agent",
                    OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                (
                    "session",
                    OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="extractions",
                        to="agents.session",
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
                "indexes": [
                    models.Index(
                        fields=["org", "-given_up_at"],
                        condition=Q(given_up_at__isnull=False),
                        name="memories_extraction_dead",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="memories_extraction_tenant_key"),
                    models.UniqueConstraint(fields=("org", "session"), name="memories_extraction_session"),
                ],
            },
        ),
        IsolateTenant("memories_extraction"),
        TieToTenant("memories_extraction", "agent_id", "agents_agent"),
        TieToTenant("memories_extraction", "session_id", "agents_session"),
    ]
