"""Injections go with their memory or excerpt by a trigger of those, in place of keys that cost each row a third.

Nothing refers to their agent: its memories and excerpts go with it, and they with them.
"""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.operations import GoWithParent, Untie


class Migration(migrations.Migration):
    dependencies = [("context", "0010_cheaper_receipts"), ("memories", "0016_own_matches")]

    operations = [
        GoWithParent("context_injection", "memory_id", "memories_memory"),
        GoWithParent("context_injection", "excerpt_id", "memories_excerpt"),
        Untie("context_injection", "agent_id", "agents_agent"),
    ]
