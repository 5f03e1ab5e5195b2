"""What was said leaves the vault once it is read back from the archive; hashes, counts and timings stay."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from agents.archives.lines import content_hash
from agents.models import Checkpoint, Session
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.tenancy import scope
from tests.agents.archives.making import SAID, again, archive, archived, end, go_on, row_of, spoken, turns_of, words_of
from tests.jobs import only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")

KEPT = (
    "turn_id", "number", "request_id", "answer_print", "finish_reason", "is_complete", "model", "prompt_tokens",
    "completion_tokens", "said_at", "finished_at",
)  # fmt: skip


def kept(turn: Checkpoint) -> list[object]:
    return [getattr(turn, name) for name in KEPT]


def strip(org_id: object, turn: Checkpoint) -> int:
    with scope(org_id), connection.cursor() as cursor:
        cursor.execute("SELECT ibex_strip_turns(%s, %s, %s)", [[turn.pk], ["0" * 64], ["{}"]])
        return cursor.fetchone()[0]


def test_hashes_counts_and_timings_stay(agent):
    session = end(spoken(agent))
    before = turns_of(session)
    archive(session)
    assert run_whole("strip_turns")["turns"] == 2
    after = turns_of(session)
    assert words_of(session) == [("", ""), ("", "")]
    assert [(turn.messages, turn.tool_calls) for turn in after] == [([], []), ([], [])]
    assert [kept(turn) for turn in after] == [kept(turn) for turn in before]
    assert [turn.content_hash for turn in after] == [content_hash(turn) for turn in before]
    assert [len(turn.asked_prints) for turn in after] == [2, 1]
    assert again(session).stripped_turn == 2
    assert run_whole("strip_turns")["turns"] == 0


@pytest.mark.parametrize("reason", ["not archived", "its answers were not read", "it goes on", "a turn came after"])
def test_nothing_leaves_before_its_time(agent, reason):
    session = end(spoken(agent), read=reason != "its answers were not read")
    if reason != "not archived":
        archive(session)
    if reason == "it goes on":
        go_on(session, "Still there?", "Yes.")
    if reason == "a turn came after":
        go_on(session, "Still there?", "Yes.")
        end(session)
    run_whole("strip_turns")
    assert words_of(session)[:2] == list(SAID)


@pytest.mark.parametrize("spoil", ["removed", "changed"])
def test_a_file_that_does_not_say_the_same_is_written_again_instead(agent, spoil):
    session = end(spoken(agent))
    archive(session)
    key = row_of(session).key
    with storage.opened(key) as file:
        whole = file.read()
    if spoil == "removed":
        storage.remove(key)
    else:
        storage.put(key, io.BytesIO(whole.replace(b"Rex", b"Max")))
    assert run_whole("strip_turns")["archives_unreadable"] == 1
    assert words_of(session) == list(SAID)
    run_whole("archive_sessions")
    run_whole("strip_turns")
    assert words_of(session) == [("", ""), ("", "")]
    with storage.opened(key) as file:
        assert file.read() == whole


def test_a_storage_that_is_away_keeps_the_words_where_they_are(agent, monkeypatch):
    session = end(spoken(agent))
    archive(session)

    def away(key: str) -> None:
        raise StorageUnavailable(cause="ReadTimeoutError")

    monkeypatch.setattr(storage, "opened", away)
    from ibex.core.jobs import all_jobs

    assert [step.error for step in all_jobs()["strip_turns"].steps(None)] == ["StorageUnavailable"]
    assert words_of(session) == list(SAID)


def test_the_application_can_empty_no_turn_that_is_in_no_archive(agent):
    session = end(spoken(agent))
    (first, _) = turns_of(session)
    assert strip(agent.org_id, first) == 0
    archive(session)
    new = go_on(session, "And my cat?", "Tom.")
    assert strip(agent.org_id, new) == 0
    assert words_of(session) == [*SAID, ("And my cat?", "Tom.")]


def test_nor_one_of_others_nor_by_any_other_way(agent, globex):
    session = end(spoken(agent))
    archive(session)
    (first, _) = turns_of(session)
    assert strip(globex.pk, first) == strip(uuid4(), first) == 0
    with pytest.raises(DatabaseError), scope(agent.org_id):
        Checkpoint.objects.filter(pk=first.pk).update(user_text="")
    assert words_of(session) == list(SAID)


def test_each_session_is_one_step_and_those_of_others_have_theirs(agent, foreign_agent):
    sessions = [end(spoken(each)) for each in (agent, agent, foreign_agent)]
    for session in sessions:
        archive(session)
    assert run_whole("strip_turns")["turns"] == 6
    assert [words_of(session) for session in sessions] == [[("", "")] * 2] * 3


def test_a_session_of_many_turns_is_stripped_whole(agent):
    session = archived(agent, *((f"Question {number}", f"Answer {number}") for number in range(45)))
    assert words_of(session) == [("", "")] * 45
    with scope(agent.org_id):
        assert Session.objects.get(pk=session.pk).stripped_turn == 45
