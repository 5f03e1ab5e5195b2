"""Agents may let a model help with refinement, and what it costs is on record."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from ibex.core.ids import uuid7
from ibex.core.models import OrgForeignKey
from ibex.core.tenancy.operations import IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [("agents", "0010_pii_policy")]

    operations = [
        migrations.AddField(
            "agent",
            "refinement_model",
            models.CharField(
                blank=True,
                default="",
                db_default="",
                max_length=256,
                help_text="The model that refinement may ask, by the name that a provider serves it under. Empty: none.",
            ),
        ),
        migrations.AddField(
            "agent",
            "asks_for_duplicates",
            models.BooleanField(
                default=False,
                db_default=False,
                help_text="Let that model say whether two texts that are nearly alike say the same.",
            ),
        ),
        migrations.AddField(
            "agent",
            "asks_for_conflicts",
            models.BooleanField(
                default=False,
                db_default=False,
                help_text="Let that model, instead of the built-in rules, say what a new memory does to those it resembles.",
            ),
        ),
        migrations.CreateModel(
            "ModelCall",
            fields=[
                ("id", models.UUIDField(default=uuid7, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("purpose", models.CharField(max_length=32, help_text="What it was asked for, such as refinement.")),
                (
                    "provider",
                    models.CharField(blank=True, max_length=120, help_text="The last one that was asked."),
                ),
                ("model", models.CharField(max_length=256)),
                ("form", models.CharField(blank=True, max_length=16, help_text="json_schema, json_object or text.")),
                ("outcome", models.CharField(max_length=64, help_text="OK, or the code of the failure.")),
                (
                    "calls",
                    models.PositiveSmallIntegerField(default=0, help_text="Requests sent: attempts and forms counted."),
                ),
                ("prompt_tokens", models.PositiveIntegerField(default=0)),
                ("completion_tokens", models.PositiveIntegerField(default=0)),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=9,
                        max_digits=18,
                        null=True,
                        help_text="US dollars; empty: the price is not known.",
                    ),
                ),
                ("duration_ms", models.FloatField(default=0)),
                (
                    "agent",
                    OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="model_calls",
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
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["org", "-created_at"], name="agents_modelcall_recent")],
                "constraints": [models.UniqueConstraint(fields=("org", "id"), name="agents_modelcall_tenant_key")],
            },
        ),
        IsolateTenant("agents_modelcall"),
        TieToTenant("agents_modelcall", "agent_id", "agents_agent"),
    ]
