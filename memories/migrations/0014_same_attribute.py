"""What a claim may contradict is found by the attribute that extraction gave both, in one look-up."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0013_memory_by_operator")]

    operations = [
        AddIndexConcurrently(
            model_name="memory",
            index=models.Index(
                fields=["org", "agent", "end_user", "attribute"],
                condition=~models.Q(attribute=""),
                name="memories_memory_slot",
            ),
        ),
    ]
