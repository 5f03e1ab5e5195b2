"""What maintenance looks for, it finds without reading every row. Few rows are in any of these."""

from __future__ import annotations

from django.db import migrations

INDEXES = {
    "memories_memory_expiring": "memories_memory (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL",
    "memories_memory_superseded": "memories_memory (updated_at) WHERE status = 'superseded' AND deleted_at IS NULL",
    "memories_memory_judged": "memories_memory (org_id, id) WHERE usefulness <> 0.5 AND deleted_at IS NULL",
    "memories_excerpt_expiring": "memories_excerpt (expires_at)",
}


def built(name: str, what: str) -> migrations.RunSQL:
    """Without blocking writers. One that was left half built is replaced."""
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    return migrations.RunSQL([drop, f"CREATE INDEX CONCURRENTLY {name} ON {what}"], [drop])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("memories", "0004_vector_slots")]

    operations = [built(name, what) for name, what in INDEXES.items()]
