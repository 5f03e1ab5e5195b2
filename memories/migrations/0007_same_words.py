"""The same words are found by their hash in whatever state their memory is: the unique index holds live ones only."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0006_waiting")]

    operations = [
        AddIndexConcurrently(
            model_name="memory",
            index=models.Index(fields=["org", "agent", "content_hash"], name="memories_memory_same_words"),
        ),
    ]
