"""Archives of sessions: which there are, up to where, and the one door by which what was said leaves the vault."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import ibex.core.ids
import ibex.core.models
from django.db import migrations, models

from ibex.core.tenancy.operations import IsolateTenant, TieToTenant
from ibex.core.tenancy.stripping import StripFunction


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0015_wording_and_quotes"),
    ]

    operations = [
        migrations.AddField(
            model_name="checkpoint",
            name="asked_prints",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_default=models.Value(
                    [], django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)
                ),
                default=list,
                help_text="Keyed digests of the lines that the user said, once they have left.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="checkpoint",
            name="content_hash",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="SHA-256 of what was said, once it has left.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="checkpoint",
            name="stripped_at",
            field=models.DateTimeField(help_text="When what was said left for the session's archive.", null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="archive_retention_days",
            field=models.PositiveIntegerField(
                db_default=90,
                default=90,
                help_text="Days that archives are kept: what was said in sessions that have ended.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(3650),
                ],
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="archived_turn",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Turns up to here are in its archive; 0: it is to be written anew."
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="stripped_turn",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="What was said up to this turn is in its archive only."
            ),
        ),
        migrations.AlterField(
            model_name="organization",
            name="turn_retention_days",
            field=models.PositiveIntegerField(
                db_default=90,
                default=90,
                help_text="Days that turns and their excerpts are kept, and no archive longer than its turns. Memories stay.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(3650),
                ],
            ),
        ),
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "key",
                    models.CharField(
                        help_text="Where its file is: {org}/{agent}/{year}/{month}/{session}.ndjson.", max_length=200
                    ),
                ),
                ("turns", models.PositiveIntegerField(default=0, help_text="Lines of the file.")),
                ("last_turn", models.PositiveIntegerField(default=0, help_text="Number of the last turn in it.")),
                ("oldest_turn", models.UUIDField(help_text="The oldest checkpoint in it.", null=True)),
                ("oldest_at", models.DateTimeField(help_text="When that one was written into the vault.", null=True)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                ("digest", models.CharField(blank=True, help_text="SHA-256 of the file.", max_length=64)),
                ("written_at", models.DateTimeField(help_text="When its latest turns were added.", null=True)),
                (
                    "removed_at",
                    models.DateTimeField(help_text="When its time was over, and the file was removed.", null=True),
                ),
                ("holder", models.UUIDField(help_text="Who writes it now.", null=True)),
                ("seen_at", models.DateTimeField(help_text="Since when.", null=True)),
                ("failures", models.PositiveIntegerField(default=0, help_text="Since it was last written.")),
                ("error", models.CharField(blank=True, help_text="Type or code of the last failure.", max_length=100)),
                ("next_try_at", models.DateTimeField(null=True)),
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
                        related_name="archives",
                        to="agents.session",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("session__isnull", True)),
                        fields=["org", "id"],
                        name="agents_archive_erased",
                    ),
                    models.Index(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=["org", "written_at"],
                        name="agents_archive_age",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="agents_archive_tenant_key"),
                    models.UniqueConstraint(fields=("org", "session"), name="agents_archive_session"),
                ],
            },
        ),
        IsolateTenant("agents_archive"),
        TieToTenant("agents_archive", "session_id", "agents_session", keep_row=True),
        StripFunction("ibex_strip_turns"),
    ]
