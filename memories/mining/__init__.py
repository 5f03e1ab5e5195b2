"""Mining: turns of a session become memories, once each, whatever breaks on the way."""

from __future__ import annotations

from memories.mining.work import mine_session

__all__ = ["mine_session"]
