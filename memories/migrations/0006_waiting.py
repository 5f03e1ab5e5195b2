"""What waits for a person's decision is found and counted without reading every row: each page shows how many."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0005_maintenance_indexes")]

    operations = [
        AddIndexConcurrently(
            model_name="memory",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True), ("status__in", ["quarantined", "pending_review"])),
                fields=["org", "-created_at"],
                name="memories_memory_waiting",
            ),
        ),
    ]
