"""Files that somebody brings: how far each is read, its pieces meanwhile, and what came of every record."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import ibex.core.ids
import ibex.core.models
from ibex.core.tenancy.operations import IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0012_extraction_model"),
        ("memories", "0010_extractions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("memories", "Memories"), ("conversations", "Conversations")], max_length=16
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("ndjson", "NDJSON"),
                            ("csv", "CSV"),
                            ("replay", "Recorded turns"),
                            ("chatgpt", "ChatGPT export"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("is_dry_run", models.BooleanField(default=False, help_text="Only says what an import would do.")),
                (
                    "end_user",
                    models.CharField(
                        blank=True, help_text="Whose it is, where a line does not say so itself.", max_length=200
                    ),
                ),
                ("file_name", models.CharField(blank=True, max_length=200)),
                ("file_bytes", models.PositiveBigIntegerField(help_text="After unpacking.")),
                ("actor", models.CharField(help_text="Who asked for it, as in the audit log.", max_length=200)),
                (
                    "total",
                    models.PositiveIntegerField(
                        help_text="Records in the file; empty until they are counted.", null=True
                    ),
                ),
                ("done", models.PositiveIntegerField(default=0, help_text="Records read so far.")),
                (
                    "position",
                    models.PositiveBigIntegerField(default=0, help_text="The byte at which the next record begins."),
                ),
                ("line", models.PositiveIntegerField(default=1, help_text="The line at which the next record begins.")),
                (
                    "undo_line",
                    models.PositiveIntegerField(help_text="Records from this line on have been taken back.", null=True),
                ),
                ("counts", models.JSONField(default=dict, help_text="How many records came to what.")),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, help_text="Failures in a row at the same place."),
                ),
                (
                    "error",
                    models.CharField(
                        blank=True, help_text="Why it stopped; nothing of what the file says.", max_length=300
                    ),
                ),
                ("seen_at", models.DateTimeField(auto_now=True, help_text="When its last batch was done.")),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "agent",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="imports",
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
        ),
        migrations.CreateModel(
            name="ImportPart",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "number",
                    models.PositiveIntegerField(help_text="From 0; all pieces but the last have the same size."),
                ),
                ("data", models.BinaryField()),
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
                    "run",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="memories.importrun",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportItem",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "line",
                    models.PositiveIntegerField(
                        help_text="Where it begins, from 1; of a ChatGPT export, which conversation."
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("duplicate_of", "Known already"),
                            ("merged_into", "Merged"),
                            ("quarantined", "Quarantined"),
                            ("pending_review", "Pending review"),
                            ("rejected", "Rejected"),
                        ],
                        max_length=16,
                    ),
                ),
                ("field", models.CharField(blank=True, help_text="Which field was refused.", max_length=64)),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "digest",
                    models.BinaryField(blank=True, default=b"", help_text="Of a dry run's words.", max_length=16),
                ),
                ("turns", models.PositiveIntegerField(default=0, help_text="Turns that were added.")),
                ("undone", models.CharField(blank=True, help_text="What taking it back came to.", max_length=200)),
                (
                    "memory",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        help_text="That stands for it.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
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
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.session",
                    ),
                ),
                (
                    "run",
                    ibex.core.models.OrgForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="memories.importrun",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="importrun",
            index=models.Index(fields=["org", "-created_at"], name="memories_importrun_newest"),
        ),
        migrations.AddConstraint(
            model_name="importrun",
            constraint=models.UniqueConstraint(fields=("org", "id"), name="memories_importrun_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="importpart",
            constraint=models.UniqueConstraint(fields=("org", "id"), name="memories_importpart_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="importpart",
            constraint=models.UniqueConstraint(fields=("org", "run", "number"), name="memories_importpart_number"),
        ),
        migrations.AddIndex(
            model_name="importitem",
            index=models.Index(fields=["org", "run", "result", "line"], name="memories_importitem_result"),
        ),
        migrations.AddIndex(
            model_name="importitem",
            index=models.Index(
                condition=models.Q(("digest", b""), _negated=True),
                fields=["org", "run", "digest"],
                name="memories_importitem_digest",
            ),
        ),
        migrations.AddConstraint(
            model_name="importitem",
            constraint=models.UniqueConstraint(fields=("org", "id"), name="memories_importitem_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="importitem",
            constraint=models.UniqueConstraint(fields=("org", "run", "line"), name="memories_importitem_line"),
        ),
        IsolateTenant("memories_importrun"),
        IsolateTenant("memories_importpart"),
        IsolateTenant("memories_importitem"),
        TieToTenant("memories_importrun", "agent_id", "agents_agent"),
        TieToTenant("memories_importpart", "run_id", "memories_importrun"),
        TieToTenant("memories_importitem", "run_id", "memories_importrun"),
        TieToTenant("memories_importitem", "memory_id", "memories_memory", keep_row=True),
        TieToTenant("memories_importitem", "session_id", "agents_session", keep_row=True),
    ]
