"""What is told to other processes, once the transaction that makes it true has been committed."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from agents.announcements import Kind, announce_change


def announce(kind: Kind, org_id: UUID, object_id: UUID) -> None:
    """Announce a change after the commit; never when the transaction is rolled back."""
    transaction.on_commit(partial(announce_change, kind, org_id, object_id))
