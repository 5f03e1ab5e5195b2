import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import ibex.core.ids
import ibex.core.models
from ibex.core.tenancy.forgetting import ForgetFunction
from ibex.core.tenancy.operations import AppendOnly, IsolateTenant, TieToTenant


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0012_extraction_model"),
        ("context", "0003_forget_injections"),
    ]

    operations = [
        migrations.AddField(
            model_name="injection",
            name="vector_rank",
            field=models.PositiveSmallIntegerField(help_text="Among what is near the question.", null=True),
        ),
        migrations.AddField(
            model_name="injection",
            name="word_rank",
            field=models.PositiveSmallIntegerField(help_text="Among what has its words.", null=True),
        ),
        migrations.AddField(
            model_name="injection",
            name="hot_rank",
            field=models.PositiveSmallIntegerField(help_text="On the desk.", null=True),
        ),
        migrations.CreateModel(
            name="AssemblyRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(default=ibex.core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("end_user", models.CharField(blank=True, max_length=200)),
                ("turn_id", models.UUIDField()),
                ("assembled_at", models.DateTimeField(help_text="The turn's own now.")),
                (
                    "mode",
                    models.CharField(default="on", help_text="Whether what was assembled was sent.", max_length=16),
                ),
                (
                    "level",
                    models.PositiveSmallIntegerField(default=0, help_text="Rung of the degradation ladder, 0 to 3."),
                ),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        default=list,
                        help_text="What was late or failed.",
                        size=None,
                    ),
                ),
                (
                    "directive_version",
                    models.PositiveIntegerField(default=0, help_text="0: the agent had none."),
                ),
                (
                    "budget",
                    models.JSONField(help_text="Where the model's window went, in tokens.", null=True),
                ),
                (
                    "placement",
                    models.CharField(help_text="The agent's way to place its directive.", max_length=16),
                ),
                (
                    "joins_blocks",
                    models.BooleanField(default=False, help_text="The provider takes one system message only."),
                ),
                (
                    "message_count",
                    models.PositiveIntegerField(
                        default=0, help_text="Messages that the caller sent, instructions left out."
                    ),
                ),
                (
                    "wording",
                    models.CharField(
                        blank=True, help_text="Whose words stand around the block's memories.", max_length=64
                    ),
                ),
                (
                    "block_anchor",
                    models.CharField(
                        blank=True, help_text="Names the message that the new block stands before.", max_length=48
                    ),
                ),
                (
                    "block_nonce",
                    models.CharField(blank=True, help_text="Empty: no new block.", max_length=32),
                ),
                ("block_tokens", models.PositiveIntegerField(default=0)),
                (
                    "block_digest",
                    models.CharField(
                        blank=True, help_text="Of its text: made again, it is the same or not used.", max_length=32
                    ),
                ),
                (
                    "forgotten",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32),
                        default=list,
                        help_text="Nonces of earlier blocks that are not shown any more.",
                        size=None,
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
                        help_text="Empty: the call was not answered, so nothing was shown.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assemblies",
                        to="agents.session",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "assemblies",
                "db_table": "context_assembly",
                "ordering": ["-assembled_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            models.Q(("block_nonce", ""), _negated=True),
                            models.Q(("forgotten", []), _negated=True),
                            _connector="OR",
                        ),
                        fields=["org", "session", "assembled_at"],
                        name="context_assembly_blocks",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "id"), name="context_assembly_tenant_key"),
                    models.UniqueConstraint(fields=("org", "turn_id"), name="context_assembly_once"),
                ],
            },
        ),
        IsolateTenant("context_assembly"),
        TieToTenant("context_assembly", "agent_id", "agents_agent"),
        TieToTenant("context_assembly", "session_id", "agents_session", keep_row=True),
        AppendOnly("context_assembly"),
        ForgetFunction("ibex_forget_assemblies", "context_assembly"),
    ]
