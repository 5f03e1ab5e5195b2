"""The lines of a receipt are kept with its assembly, and rows of injections tell only where a memory was used.

An index that begins with the organization serves what those of single columns served; each cost a tenth of an insert.
"""

from __future__ import annotations

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import ibex.core.models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("context", "0007_excerpts")]

    operations = [
        migrations.AddField(
            model_name="assemblyrecord",
            name="lines",
            field=models.JSONField(
                help_text="Everything considered (`context.lines`). Empty: see the injections.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="injection",
            name="org",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="agents.organization",
            ),
        ),
        migrations.AlterField(
            model_name="injection",
            name="components",
            field=models.JSONField(
                default=dict, help_text="relevance, recency, usefulness, confidence, frequency; each 0 to 1."
            ),
        ),
        AddIndexConcurrently(
            model_name="injection",
            index=models.Index(
                condition=models.Q(("agent__isnull", False)), fields=["org", "agent"], name="context_injection_agent"
            ),
        ),
        migrations.AlterField(
            model_name="injection",
            name="agent",
            field=ibex.core.models.OrgForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="Empty: that of the memory or excerpt.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="agents.agent",
            ),
        ),
        migrations.AlterField(
            model_name="injection",
            name="memory",
            field=ibex.core.models.OrgForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="injections",
                to="memories.memory",
            ),
        ),
    ]
