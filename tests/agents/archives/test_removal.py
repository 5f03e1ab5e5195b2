"""Archives go with their sessions, with their turns, and when their time is over; those of others stay."""

from __future__ import annotations

import os
import secrets
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from agents.archives import claim
from agents.archives.reading import with_words
from agents.models import Agent, Archive, Checkpoint, Organization, Session
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.jobs import all_jobs
from ibex.core.tenancy import scope
from tests.agents.archives.making import (
    DISK,
    SAID,
    archive,
    archived,
    end,
    file_of,
    go_on,
    is_stored,
    row_of,
    spoken,
    turns_of,
)
from tests.dashboard.conftest import make_session, make_turn
from tests.jobs import change, made_days_ago, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


def of_days_ago(agent: Agent, days: float) -> Session:
    session = archived(agent)
    change(row_of(session), written_at=timezone.now() - timedelta(days=days))
    return session


def erase(session: Session) -> None:
    """As the database is asked to by whoever removes sessions."""
    with scope(session.org_id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_session WHERE id = %s", [session.pk])


def test_a_session_that_is_erased_takes_its_archive_with_it(agent, foreign_agent):
    session, other, foreign = archived(agent), archived(agent), archived(foreign_agent)
    keys = [row_of(each).key for each in (session, other, foreign)]
    erase(session)
    assert run_whole("erase_archives")["archives"] == 1
    assert [is_stored(key) for key in keys] == [False, True, True]
    with scope(agent.org_id):
        assert Archive.objects.count() == 1
    assert run_whole("erase_archives")["archives"] == 0


def test_also_when_it_is_erased_while_it_is_written(agent):
    session = end(spoken(agent))
    work = claim.take(session.org_id, session.pk)
    erase(session)
    assert run_whole("erase_archives")["archives"] == 0  # its writer may be about to write
    import io

    storage.put(work.archive.key, io.BytesIO(b"{}\n"))
    claim.wrote(work, claim.Written(turns=1, last_turn=1, oldest_turn=None, oldest_at=None, bytes=3, digest=""))
    assert run_whole("erase_archives")["archives"] == 1
    assert not is_stored(work.archive.key)


def test_and_when_the_one_who_wrote_it_has_died(agent):
    session = end(spoken(agent))
    work = claim.take(session.org_id, session.pk)
    erase(session)
    change(work.archive, seen_at=timezone.now() - claim.LEASE - timedelta(seconds=1))
    assert run_whole("erase_archives")["archives"] == 1


def test_a_storage_that_is_away_is_asked_again(agent, monkeypatch):
    session = archived(agent)
    key = row_of(session).key
    erase(session)

    def away(key: str) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(storage, "remove", away)
        assert next(step.error for step in all_jobs()["erase_archives"].steps(None)) == "StorageUnavailable"
    assert run_whole("erase_archives")["archives"] == 1
    assert not is_stored(key)


def test_archives_go_after_the_organizations_retention(agent, foreign_agent):
    late, early, foreign = of_days_ago(agent, 91), of_days_ago(agent, 89), of_days_ago(foreign_agent, 91)
    with scope(foreign_agent.org_id):
        Organization.objects.filter(pk=foreign_agent.org_id).update(archive_retention_days=365)
    assert run_whole("forget_archives")["archives"] == 1
    assert [is_stored(row_of(each).key) for each in (late, early, foreign)] == [False, True, True]
    assert row_of(late).removed_at is not None
    assert [turn.content for turn in with_words(turns_of(late))] == ["gone", "gone"]
    assert run_whole("forget_archives")["archives"] == 0
    run_whole("archive_sessions")
    assert not is_stored(row_of(late).key)


def test_one_that_is_being_written_is_left(agent):
    session = of_days_ago(agent, 91)
    change(row_of(session), holder=secrets.token_hex(16), seen_at=timezone.now())
    assert run_whole("forget_archives")["archives"] == 0
    assert is_stored(row_of(session).key)


def test_a_session_that_goes_on_after_its_archive_went_is_archived_with_what_is_left(agent):
    session = of_days_ago(agent, 91)
    run_whole("forget_archives")
    go_on(session, "And my cat?", "Tom.")
    archive(end(session))
    lines = file_of(session)
    assert [line.get("user_text") for line in lines] == [None, None, "And my cat?"]
    assert [line["content_hash"] for line in lines[:2]] == [turn.content_hash for turn in turns_of(session)[:2]]
    run_whole("strip_turns")
    assert [turn.content for turn in with_words(turns_of(session))] == ["gone", "gone", "archive"]
    archive(end(go_on(session, "Still?", "Yes.").session))
    assert [line.get("user_text") for line in file_of(session)] == [None, None, "And my cat?", "Still?"]


def test_turns_whose_retention_is_over_leave_the_archive_too(agent):
    session = make_session(agent)
    first = make_turn(session, *SAID[0])
    made_days_ago(first, 91)
    make_turn(session, *SAID[1])
    archive(end(session))
    run_whole("strip_turns")
    assert [line["user_text"] for line in file_of(session)] == [SAID[0][0], SAID[1][0]]
    written = row_of(session).written_at
    run_whole("forget_turns")
    assert run_whole("forget_archives")["to_be_written_anew"] == 1
    assert run_whole("archive_sessions")["sessions"] == 1
    assert [line["user_text"] for line in file_of(session)] == [SAID[1][0]]
    assert row_of(session).written_at == written
    assert run_whole("forget_archives")["to_be_written_anew"] == 0


def test_a_session_whose_turns_are_all_over_goes_with_its_archive(agent):
    session = make_session(agent)
    moment = timezone.now() - timedelta(days=91)
    made_days_ago(make_turn(session, *SAID[0]), 91)
    archive(end(session))
    with scope(agent.org_id):
        Session.objects.filter(pk=session.pk).update(created_at=moment, last_turn_at=moment)
    key = row_of(session).key
    run_whole("forget_turns")
    with scope(agent.org_id):
        assert not Session.objects.filter(pk=session.pk).exists()
        assert not Checkpoint.objects.filter(session_id=session.pk).exists()
    run_whole("erase_archives")
    assert not is_stored(key)


def test_what_a_killed_writer_left_on_the_disk_is_cleared(agent):
    archived(agent)
    left, fresh = DISK / ".drafts" / secrets.token_hex(8), DISK / ".drafts" / secrets.token_hex(8)
    for draft in (left, fresh):
        draft.write_text("words")
    hours_ago = time.time() - 2 * 3_600
    os.utime(left, (hours_ago, hours_ago))
    run_whole("erase_archives")
    assert (left.exists(), fresh.exists()) == (False, True)
    fresh.unlink()


def test_nothing_of_the_disk_is_for_other_users(agent):
    path = DISK / row_of(archived(agent)).key
    assert path.stat().st_mode & 0o777 == 0o600
    assert {parent.stat().st_mode & 0o777 for parent in path.parents if DISK in (parent, *parent.parents)} == {0o700}
