"""Whether a session is in its archive, in words for whoever looks at it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from agents.archives.claim import unarchived
from agents.archives.writing import DAMAGED, MISSING
from agents.choices import ArchiveState, SessionStatus
from agents.models import Archive, Session
from ibex.core.errors import StorageUnavailable

REASONS = {
    StorageUnavailable.code: "The storage of archives does not answer",
    MISSING: "The file with its earlier turns is not in the storage: put it back from a backup",
    DAMAGED: "The file with its earlier turns was changed or damaged: put it back from a backup",
}

_IS_THERE = Q(written_at__isnull=False, removed_at=None)
_EXPIRED = "Its time was over: what was said is not kept any more"
_UNREAD = "Waits until all of it was learned from. What could not be is under Jobs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Archived:
    """`why`: what the session waits for, or what went wrong; empty where nothing is to be said."""

    state: ArchiveState
    why: str = ""
    archive: Archive | None = None

    @property
    def can_be_fetched(self) -> bool:
        """Whether there is a file, though it may not hold the latest turns."""
        return self.archive is not None and self.archive.is_there


def archived(session: Session, archive: Archive | None) -> Archived:
    """What is to be said of a session's archive; `archive` is its row."""
    state, why = _state(session, archive)
    return Archived(state=state, why=why, archive=archive)


def in_state(sessions: QuerySet[Session], state: str) -> QuerySet[Session]:
    """The sessions of which that is true."""
    rows = Archive.objects.filter(session=OuterRef("pk"))
    fails, is_there = Exists(rows.filter(failures__gt=0)), Exists(rows.filter(_IS_THERE))
    done = sessions.exclude(status=SessionStatus.ACTIVE).filter(turn_count__gt=0, archived_turn__gte=F("turn_count"))
    match state:
        case ArchiveState.NONE:
            return sessions.filter(Q(status=SessionStatus.ACTIVE) | Q(turn_count=0))
        case ArchiveState.WAITING:
            return unarchived(sessions).exclude(fails)
        case ArchiveState.FAILED:
            return unarchived(sessions).filter(fails)
        case ArchiveState.ARCHIVED:
            return done.filter(is_there)
        case _:
            return done.exclude(is_there)


def _state(session: Session, archive: Archive | None) -> tuple[ArchiveState, str]:
    if session.status == SessionStatus.ACTIVE or not session.turn_count:
        return ArchiveState.NONE, ""
    if session.archived_turn >= session.turn_count:
        is_there = archive is not None and archive.is_there
        return (ArchiveState.ARCHIVED, "") if is_there else (ArchiveState.EXPIRED, _EXPIRED)
    if archive is not None and archive.failures:
        return ArchiveState.FAILED, _reason(archive.error)
    return ArchiveState.WAITING, "" if session.is_over else _UNREAD


def _reason(error: str) -> str:
    """A sentence, with what the storage said behind it."""
    code, _, cause = error.partition(" ")
    sentence = REASONS.get(code, "It could not be written")
    return f"{sentence} ({cause or code})" if code not in {MISSING, DAMAGED} else sentence
