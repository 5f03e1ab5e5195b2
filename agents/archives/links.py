"""Addresses under which one archive can be fetched for a quarter of an hour, by whoever has the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from agents.choices import OrganizationStatus
from agents.errors import ArchiveExpired, ArchiveNotReady
from agents.models import Archive, Session
from agents.services import audit
from ibex.core import storage
from ibex.core.errors import NotFound
from ibex.core.ids import parse_uuid
from ibex.core.tenancy import scope

LINK_S = 15 * 60  # SPEC section 4
_SALT = "ibex.archive"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveLink:
    """`url` is absolute where the store has addresses of its own, else a path of this IBEX."""

    url: str
    expires_at: datetime
    turns: int
    bytes: int
    digest: str
    written_at: datetime


def link_to(session: Session, *, actor: str) -> ArchiveLink:
    """A fresh address of the session's archive, in the organization's scope; that somebody asked for it is audited.

    Raises ArchiveNotReady, ArchiveExpired and StorageUnavailable.
    """
    archive = Archive.objects.of(session.org_id).filter(session=session).first()
    if archive is None or archive.written_at is None:
        raise ArchiveNotReady
    if archive.removed_at is not None:
        raise ArchiveExpired
    url = storage.link(archive.key, LINK_S, file_name(archive)) or _own_address(archive)
    audit.record(org_id=session.org_id, actor=actor, action="session.archive_linked", obj=session)
    return ArchiveLink(
        url=url,
        expires_at=timezone.now() + timedelta(seconds=LINK_S),
        turns=archive.turns,
        bytes=archive.bytes,
        digest=archive.digest,
        written_at=archive.written_at,
    )


def archive_under(signed: str) -> Archive:
    """The archive that an address of ours names. Raises NotFound: its time is over, somebody made it up, the session
    was erased since, or the organization may not be served any more.
    """
    try:
        org_id, archive_id = (parse_uuid(part) for part in signing.loads(signed, salt=_SALT, max_age=LINK_S))
    except (signing.BadSignature, TypeError, ValueError):
        raise NotFound from None
    if org_id is None or archive_id is None:
        raise NotFound
    with scope(org_id):
        rows = Archive.objects.of(org_id).filter(pk=archive_id, session__isnull=False)
        archive = rows.filter(org__status=OrganizationStatus.ACTIVE).first()
    if archive is None or not archive.is_there:
        raise NotFound
    return archive


def file_name(archive: Archive) -> str:
    """What the file is called where it is saved."""
    return archive.key.rpartition("/")[2]


def _own_address(archive: Archive) -> str:
    names: list[UUID] = [archive.org_id, archive.pk]
    return reverse("agents:archive", args=[signing.dumps([str(name) for name in names], salt=_SALT)])
