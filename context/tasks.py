"""What workers do: write the archives of sessions that have ended."""

from __future__ import annotations

from uuid import UUID

from context import archiving


def archive_session(org_id: str, session_id: str) -> None:
    """Archive a session, if it is to be; safe beside other workers, and twice."""
    archiving.archive_session(UUID(org_id), UUID(session_id))
