"""Sessions that have ended, and their archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.models import Agent, Archive, Checkpoint, Session
from context.tasks import archive_session
from ibex.core import storage
from ibex.core.tenancy import scope
from tests.dashboard.conftest import make_session, make_turn
from tests.jobs import run_whole

SAID = (("My dog is called Rex.\nHe is brown.", "What a name!"), ("Where do I live?", "In Porto."))
DISK = Path(settings.STORAGES["archives"].get("OPTIONS", {}).get("location", "/nowhere"))


def spoken(agent: Agent, *said: tuple[str, str], **fields: Any) -> Session:
    """A session that is still going on."""
    session = make_session(agent, **fields)
    for user, assistant in said or SAID:
        make_turn(session, user, assistant)
    return session


def end(session: Session, *, read: bool = True) -> Session:
    """It is completed, learned from, and its answers are read."""
    with scope(session.org_id):
        now = Session.objects.get(pk=session.pk)
        Session.objects.filter(pk=session.pk).update(
            status="completed",
            completed_at=timezone.now(),
            last_extracted_turn=now.turn_count,
            last_read_turn=now.turn_count if read else 0,
        )
        session.refresh_from_db()
    return session


def go_on(session: Session, user: str, assistant: str) -> Checkpoint:
    """The user comes back."""
    with scope(session.org_id):
        Session.objects.filter(pk=session.pk).update(status="active", completed_at=None)
    return make_turn(again(session), user, assistant)


def archive(session: Session) -> None:
    """What the worker does."""
    archive_session(str(session.org_id), str(session.pk))


def archived(agent: Agent, *said: tuple[str, str]) -> Session:
    """A session whose words are in its archive only."""
    session = end(spoken(agent, *said))
    archive(session)
    run_whole("strip_turns")
    assert row_of(session).written_at is not None
    return again(session)


def again(session: Session) -> Session:
    with scope(session.org_id):
        return Session.objects.select_related("agent").get(pk=session.pk)


def row_of(session: Session) -> Archive:
    with scope(session.org_id):
        return Archive.objects.get(session=session)


def turns_of(session: Session) -> list[Checkpoint]:
    """As they are in the vault."""
    with scope(session.org_id):
        return list(Checkpoint.objects.filter(session=session).order_by("number"))


def words_of(session: Session) -> list[tuple[str, str]]:
    """What the vault still has of what was said."""
    return [(turn.user_text, turn.assistant_text) for turn in turns_of(session)]


def file_of(session: Session) -> list[dict[str, Any]]:
    """The lines of its archive."""
    with storage.opened(row_of(session).key) as file:
        return [json.loads(line) for line in file]


def is_stored(key: str) -> bool:
    try:
        with storage.opened(key):
            return True
    except FileNotFoundError:
        return False
