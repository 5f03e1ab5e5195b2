"""One writer of an agent at a time, so that two of them cannot both find that a memory is new."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from uuid import UUID

from django.db import connection

Place = tuple[UUID, UUID]
"""Organization and agent."""


def one_writer(org_id: UUID, agent_id: UUID) -> None:
    """Wait for the agent's other writers; they wait for us until our transaction ends."""
    one_writer_each([(org_id, agent_id)])


def one_writer_each(places: Iterable[Place]) -> None:
    """The same for several agents, in one order everywhere: two batches that share agents never wait for each other."""
    for key in sorted({_key(*place) for place in places}):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _key(org_id: UUID, agent_id: UUID) -> int:
    digest = blake2b(org_id.bytes + agent_id.bytes, digest_size=8, person=b"ibex-writer").digest()
    return int.from_bytes(digest, "big", signed=True)
