"""A session that has ended becomes one file: whole, in its place, once, and again when it has gone on."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from agents.archives import claim, writing
from agents.models import Archive, Session
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.tenancy import scope
from tests.agents.archives.making import (
    SAID,
    again,
    archive,
    archived,
    end,
    file_of,
    go_on,
    is_stored,
    row_of,
    spoken,
    turns_of,
    words_of,
)
from tests.dashboard.conftest import inject, make_memory
from tests.jobs import change, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


def away(*_: object) -> None:
    raise StorageUnavailable(cause="ConnectTimeoutError")


def test_its_place_says_whose_it_is_and_when_it_began(agent):
    session = end(spoken(agent))
    archive(session)
    began = session.started_at
    assert row_of(session).key == f"{agent.org_id}/{agent.pk}/{began:%Y}/{began:%m}/{session.pk}.ndjson"
    assert is_stored(row_of(session).key)


def test_there_is_one_line_a_turn_with_what_was_said_and_its_hash(agent):
    session = end(spoken(agent))
    archive(session)
    lines, turns = file_of(session), turns_of(session)
    assert [line["number"] for line in lines] == [1, 2]
    assert [(line["user_text"], line["assistant_text"]) for line in lines] == list(SAID)
    assert [line["messages"] for line in lines] == [turn.messages for turn in turns]
    assert [line["turn_id"] for line in lines] == [str(turn.turn_id) for turn in turns]
    assert lines[0]["model"] == "sandbox"
    assert lines[0]["call"]["overhead_ms"] == 5.0


def test_what_was_injected_is_named_and_not_copied(agent):
    session = spoken(agent)
    memory = make_memory(agent, "The user lives in Porto.")
    inject(turns_of(session)[1], memory)
    inject(turns_of(session)[1], make_memory(agent, "Never shown."), rank=2, is_packed=False)
    archive(end(session))
    first, second = file_of(session)
    assert first["injected"] == []
    assert [(line["memory_id"], line["memory_version"]) for line in second["injected"]] == [(str(memory.pk), 1)]
    assert "lives in Porto" not in str(second["injected"])


def test_the_row_knows_the_file_by_its_digest(agent):
    session = end(spoken(agent))
    archive(session)
    row = row_of(session)
    with storage.opened(row.key) as file:
        content = file.read()
    assert (row.bytes, row.digest, row.turns) == (len(content), hashlib.sha256(content).hexdigest(), 2)


def test_twice_is_once(agent):
    session = end(spoken(agent))
    archive(session)
    before = row_of(session)
    archive(session)
    assert run_whole("archive_sessions")["sessions"] == 0
    assert (row_of(session).digest, row_of(session).written_at) == (before.digest, before.written_at)


def test_what_goes_on_or_was_not_learned_from_is_left(agent):
    going_on, unread = spoken(agent), end(spoken(agent))
    with scope(agent.org_id):
        Session.objects.filter(pk=unread.pk).update(last_extracted_turn=1)
    for session in (going_on, unread):
        archive(session)
    run_whole("archive_sessions")
    with scope(agent.org_id):
        assert not Archive.objects.exists()


def test_the_sweep_writes_what_was_left_and_nothing_of_others(agent, foreign_agent):
    own, foreign = end(spoken(agent)), end(spoken(foreign_agent))
    assert run_whole("archive_sessions")["sessions"] == 2
    assert row_of(own).key.startswith(str(agent.org_id))
    assert row_of(foreign).key.startswith(str(foreign_agent.org_id))


def test_while_the_storage_is_away_nothing_is_lost_and_the_reason_is_there(agent, monkeypatch):
    session = end(spoken(agent))
    with monkeypatch.context() as patched:
        patched.setattr(storage, "put", away)
        archive(session)
        run_whole("strip_turns")
    row = row_of(session)
    assert (row.failures, row.error) == (1, "STORAGE_UNAVAILABLE ConnectTimeoutError")
    assert row.next_try_at > timezone.now()
    assert words_of(session) == list(SAID)
    with scope(agent.org_id):
        Archive.objects.filter(pk=row.pk).update(next_try_at=timezone.now())
    assert run_whole("archive_sessions")["sessions"] == 1
    assert (row_of(session).failures, row_of(session).error) == (0, "")


def test_the_sweep_does_not_ask_a_storage_that_is_away_for_each_session(agent, foreign_agent, monkeypatch):
    sessions = [end(spoken(each)) for each in (agent, agent, foreign_agent)]
    monkeypatch.setattr(storage, "put", away)
    from ibex.core.jobs import all_jobs

    steps = list(all_jobs()["archive_sessions"].steps(None))
    assert [step.error for step in steps] == ["StorageUnavailable"] * 2
    assert [again(session).archived_turn for session in sessions] == [0, 0, 0]


def test_two_workers_write_it_once(agent, monkeypatch):
    session = end(spoken(agent))
    puts: list[str] = []
    real = storage.put
    monkeypatch.setattr(storage, "put", lambda key, file: (puts.append(key), real(key, file))[1])

    def work(_: int) -> None:
        archive(session)
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(puts) == 1
    assert again(session).archived_turn == 2


def test_a_writer_that_is_at_it_is_left_alone_and_a_dead_one_is_not(agent):
    session = end(spoken(agent))
    held = claim.take(session.org_id, session.pk)
    archive(session)
    assert again(session).archived_turn == 0
    change(held.archive, seen_at=timezone.now() - claim.LEASE - timedelta(seconds=1))
    assert run_whole("archive_sessions")["sessions"] == 1
    # The one that was taken for dead changes nothing any more.
    claim.failed(held, "Late")
    assert row_of(session).failures == 0


def test_a_session_that_goes_on_is_archived_again_with_all_of_its_turns(agent):
    session = archived(agent)
    assert words_of(session) == [("", ""), ("", "")]
    go_on(session, "And my cat?", "Tom.")
    archive(session)
    assert [line["number"] for line in file_of(session)] == [1, 2]
    archive(end(session))
    lines = file_of(session)
    assert [(line["user_text"], line["assistant_text"]) for line in lines] == [*SAID, ("And my cat?", "Tom.")]
    run_whole("strip_turns")
    assert words_of(session) == [("", "")] * 3
    assert file_of(session) == lines


@pytest.mark.parametrize("spoil", ["removed", "changed", "cut"])
def test_an_archive_that_is_not_as_it_was_left_is_never_written_over(agent, spoil):
    session = archived(agent)
    key = row_of(session).key
    with storage.opened(key) as file:
        whole = file.read()
    _spoil(key, whole, spoil)
    go_on(session, "And my cat?", "Tom.")
    archive(end(session))
    assert row_of(session).error == (writing.MISSING if spoil == "removed" else writing.DAMAGED)
    assert words_of(session)[-1] == ("And my cat?", "Tom.")
    run_whole("strip_turns")
    assert words_of(session)[-1] == ("And my cat?", "Tom.")
    # Somebody puts it back.
    _put(key, whole)
    archive(session)
    assert len(file_of(session)) == 3


def _spoil(key: str, whole: bytes, how: str) -> None:
    if how == "removed":
        storage.remove(key)
    else:
        _put(key, whole.replace(b"Rex", b"Max") if how == "changed" else whole[: len(whole) // 2])


def _put(key: str, content: bytes) -> None:
    import io

    storage.put(key, io.BytesIO(content))
