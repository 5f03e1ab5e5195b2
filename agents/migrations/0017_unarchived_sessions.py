"""Sessions that are to be archived, or stripped, are found without looking at the others."""

from __future__ import annotations

from django.db import migrations

INDEXES = {
    "agents_session_unarchived": "archived_turn < turn_count AND status <> 'active'",
    "agents_session_unstripped": "stripped_turn < archived_turn AND status <> 'active'",
}
DROP = [f"DROP INDEX CONCURRENTLY IF EXISTS {name}" for name in INDEXES]
CREATE = [
    f"CREATE INDEX CONCURRENTLY {name} ON agents_session (org_id, id) WHERE {condition}"
    for name, condition in INDEXES.items()
]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("agents", "0016_archives")]

    operations = [migrations.RunSQL([*DROP, *CREATE], DROP)]
