"""Built beside running writers, which no transaction can: alone in its migration, so that it can be tried again."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("agents", "0005_imported_turns")]

    operations = [
        AddIndexConcurrently(
            "checkpoint", models.Index(fields=["org", "agent", "answer_print"], name="agents_checkpoint_answer")
        ),
    ]
