"""Mining: turns of a session become memories, once each, whatever breaks on the way."""

from __future__ import annotations
