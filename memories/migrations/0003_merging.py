"""What is merged away points to the memory that speaks for it; what was retired lately is found quickly."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from ibex.core.models import OrgForeignKey
from ibex.core.tenancy.operations import TieToTenant


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_directive_tokens"), ("memories", "0002_search")]

    operations = [
        migrations.AddField(
            model_name="memory",
            name="merged_into",
            field=OrgForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                help_text="The memory that speaks for it, while it is merged.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merged",
                to="memories.memory",
            ),
        ),
        TieToTenant("memories_memory", "merged_into_id", "memories_memory"),
        migrations.AddIndex(
            model_name="memory",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)),
                fields=["org", "merged_into"],
                name="memories_memory_merged",
            ),
        ),
        migrations.AddIndex(
            model_name="memoryversion",
            index=models.Index(
                condition=models.Q(("operation", "superseded")),
                fields=["org", "-created_at"],
                name="memories_memoryversion_retired",
            ),
        ),
    ]
