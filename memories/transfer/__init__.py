"""Bringing in what was known or said elsewhere: memories and conversations from files, and taking it back again.

`intake` takes a file in, `formats` reads it record by record, `work` lets a worker write it in batches
(`into_memories`, `into_sessions`), `runs` is what people decide about it, `undo` takes it back.
"""

from __future__ import annotations
