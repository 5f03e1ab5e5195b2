"""Sessions with answers that were not read yet are found without looking at the others."""

from __future__ import annotations

from django.db import migrations

NAME = "agents_session_unread"
DROP = f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("agents", "0013_holdout")]

    operations = [
        migrations.RunSQL(
            [
                DROP,
                f"CREATE INDEX CONCURRENTLY {NAME} ON agents_session (org_id, id) WHERE last_read_turn < turn_count",
            ],
            [DROP],
        )
    ]
