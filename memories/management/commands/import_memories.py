"""`manage.py import_memories FILE`"""

from __future__ import annotations

from memories.models.imports import ImportKind
from memories.transfer.command import ImportCommand


class Command(ImportCommand):
    help = "Import memories from an NDJSON or CSV file."
    kind = ImportKind.MEMORIES
