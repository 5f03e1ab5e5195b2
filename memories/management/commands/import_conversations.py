"""`manage.py import_conversations FILE`"""

from __future__ import annotations

from memories.models.imports import ImportKind
from memories.transfer.command import ImportCommand


class Command(ImportCommand):
    help = "Import conversations from recorded turns (NDJSON) or a ChatGPT export, and learn from them."
    kind = ImportKind.CONVERSATIONS
