"""What was said leaves the vault once the session's archive holds it: hashes, counts and timings stay.

Not before the turns were learned from and read (`Session.last_extracted_turn`, `last_read_turn`), and not before the
file was read back: its bytes are those that were written, and each of its lines says what its turn says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import F, QuerySet

from agents.archives.lines import LineDamaged, content_hash, has_words, read_line
from agents.choices import SessionStatus
from agents.models import Archive, Checkpoint, Session
from agents.prints import line_prints
from ibex.core import metrics, storage
from ibex.core.jobs import Batch, Place, Progress, owners, sweep
from ibex.core.tenancy import scope

TURNS_AT_ONCE = 20

_log = structlog.get_logger(__name__)


def strip_turns(place: Place | None) -> Iterator[Progress]:
    """The job: a session a step."""

    def organizations(system: str) -> Iterable[UUID]:
        rows = _strippable(Session.objects.using(system))
        return owners(rows)

    return sweep("strip_turns", organizations, _strip_next, place, in_scope=False)


def _strippable(sessions: QuerySet[Session]) -> QuerySet[Session]:
    return sessions.exclude(status=SessionStatus.ACTIVE).filter(
        stripped_turn__lt=F("archived_turn"),
        archived_turn__gte=F("turn_count"),
        last_extracted_turn__gte=F("turn_count"),
        last_read_turn__gte=F("turn_count"),
    )


def _strip_next(org_id: UUID, after: UUID | None) -> Batch:
    with scope(org_id):
        rows = _strippable(Session.objects.of(org_id))
        session = (rows.filter(pk__gt=after) if after else rows).order_by("pk").first()
        archive = Archive.objects.of(org_id).filter(session=session).first() if session else None
    if session is None:
        return Batch()
    if archive is None or not archive.is_there:
        return Batch(last=session.pk, has_more=True)
    try:
        hashes = _read_back(archive)
    except (FileNotFoundError, LineDamaged) as error:
        return Batch(counts=_write_again(session, type(error).__name__), last=session.pk, has_more=True)
    return Batch(counts={"turns": _strip(session, archive, hashes)}, last=session.pk, has_more=True)


def _read_back(archive: Archive) -> Mapping[str, str]:
    """The hash of what was said in each turn, as the file has it. Raises LineDamaged."""
    digest, hashes = sha256(), {}
    with storage.opened(archive.key) as file:
        for line in file:
            digest.update(line)
            told = read_line(line)
            if has_words(told):
                hashes[told["checkpoint_id"]] = told["content_hash"]
    if digest.hexdigest() != archive.digest:
        raise LineDamaged
    return hashes


def _write_again(session: Session, error: str) -> dict[str, int]:
    """Everything that is not stripped is still here."""
    metrics.ARCHIVES.labels(outcome="unreadable").inc()
    _log.warning("archive_unreadable", org_id=str(session.org_id), session_id=str(session.pk), error=error)
    with scope(session.org_id):
        Session.objects.of(session.org_id).filter(pk=session.pk).update(archived_turn=0)
    return {"archives_unreadable": 1}


def _strip(session: Session, archive: Archive, hashes: Mapping[str, str]) -> int:
    """All of it in one transaction; how many turns. None where the session has gone on, or its file is written anew."""
    org_id = session.org_id
    with scope(org_id):
        rows = _strippable(Session.objects.of(org_id)).filter(pk=session.pk)
        locked = rows.select_for_update(no_key=True).first()
        same = Archive.objects.of(org_id).filter(pk=archive.pk, digest=archive.digest, removed_at=None, holder=None)
        if locked is None or same.select_for_update().first() is None:
            return 0
        turns = Checkpoint.objects.of(org_id).filter(session=locked, number__lte=archive.last_turn, stripped_at=None)
        stripped = sum(_let_go(chunk, hashes) for chunk in _chunks(turns.order_by("number")))
        locked.stripped_turn = locked.archived_turn
        locked.save(update_fields=["stripped_turn"])
        return stripped


def _chunks(turns: QuerySet[Checkpoint]) -> Iterator[list[Checkpoint]]:
    last = 0
    while chunk := list(turns.filter(number__gt=last)[:TURNS_AT_ONCE]):
        yield chunk
        last = chunk[-1].number


def _let_go(turns: Iterable[Checkpoint], hashes: Mapping[str, str]) -> int:
    told = [
        (turn.pk, said, "{" + ",".join(map(str, line_prints(turn.user_text))) + "}")
        for turn in turns
        if hashes.get(str(turn.pk)) == (said := content_hash(turn))
    ]
    if not told:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT ibex_strip_turns(%s, %s, %s)", [list(column) for column in zip(*told, strict=True)])
        return int(cursor.fetchone()[0])
