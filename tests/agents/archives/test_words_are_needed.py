"""A session goes on after it was archived and its words left the vault: everybody who needs them has them."""

from __future__ import annotations

import json
from io import StringIO

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from agents.models import Session
from context.models import Outcome, Reading
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.jobs import all_jobs
from ibex.core.tenancy import scope
from memories import tasks
from memories.models import Extraction
from tests.agents.archives.making import again, archive, archived, end, go_on, row_of, turns_of, words_of
from tests.dashboard.conftest import inject, make_memory
from tests.jobs import only_own, run_whole
from tests.memories.making import memories_of, remember
from tests.proxy.application import Application, application
from tests.proxy.conftest import begin, call, drained, entries, forget, own_journal

__all__ = ["application", "begin", "call", "drained", "entries", "forget", "only_own", "own_journal"]
pytestmark = pytest.mark.usefixtures("only_own")

QUESTIONS = ("What is my dog called?", "And my cat?", "What is my boat called?")


def put_away(session_id: object, org_id: object) -> Session:
    """The session ends, is archived, and its words leave the vault."""
    with scope(org_id):
        session = Session.objects.select_related("agent").get(pk=session_id)
    archive(end(session))
    run_whole("strip_turns")
    assert {said for pair in words_of(session) for said in pair} == {""}
    return again(session)


def away(key: str) -> None:
    raise StorageUnavailable


def mine(session: Session) -> None:
    tasks.extract_session(str(session.org_id), str(session.pk))


async def test_a_prompts_prefix_stays_as_it_was_when_the_desk_forgets_too(
    application: Application, agent, acme, forget
):
    for fact in ("My dog is called Biscuit.", "My cat is called Tom.", "My boat is called Ondine."):
        await sync_to_async(remember)(agent, fact)
    await application.ask(QUESTIONS[0])
    before = await application.ask(QUESTIONS[1])
    await sync_to_async(put_away)(application.session_id, acme.pk)
    await sync_to_async(forget)()
    after = await application.ask(QUESTIONS[2])
    assert [orjson.dumps(message) for message in after][: len(before)] == [orjson.dumps(each) for each in before]


async def test_a_history_that_is_told_again_is_not_told_twice(application: Application, acme, agent, forget):
    """The documents that were looked up are not in the history; the lines that were asked are."""
    await application.ask("Where do I live?\nI live in Porto.")
    session = await sync_to_async(put_away)(application.session_id, acme.pk)
    application.history[0] = {"role": "user", "content": "I live in Porto."}
    await sync_to_async(forget)()
    await application.ask("And my cat?")
    assert application.session_id != session.pk
    found = await sync_to_async(_turns_of_agent)(agent)
    assert [(turn.is_imported, turn.user_text) for turn in found] == [(False, ""), (False, "And my cat?")]


async def test_another_history_with_the_same_answer_is_a_history_of_its_own(
    application: Application, acme, agent, forget
):
    await application.ask("Where do I live?")
    await sync_to_async(put_away)(application.session_id, acme.pk)
    application.history[0] = {"role": "user", "content": "Where does she live?"}
    await sync_to_async(forget)()
    await application.ask("And my cat?")
    found = await sync_to_async(_turns_of_agent)(agent)
    assert [turn.is_imported for turn in found] == [False, True, False]


def _turns_of_agent(agent):
    with scope(agent.org_id):
        sessions = list(Session.objects.filter(agent=agent).order_by("started_at"))
    return [turn for session in sessions for turn in turns_of(session)]


def test_what_is_confirmed_now_was_said_in_the_archive(agent):
    session = archived(agent, ("Hm.", "So you live in Porto, right?"))
    go_on(session, "Yes, exactly.", "Fine.")
    mine(session)
    assert any("Porto" in memory.content for memory in memories_of(agent))


def test_mining_waits_for_a_storage_that_is_away_and_then_learns_it(agent, monkeypatch):
    session = archived(agent, ("Hm.", "So you live in Porto, right?"))
    go_on(session, "Yes, exactly.", "Fine.")
    with monkeypatch.context() as patched:
        patched.setattr(storage, "opened", away)
        mine(session)
    with scope(agent.org_id):
        failed = Extraction.objects.get(session=session)
        assert (failed.failures, failed.error) == (1, "STORAGE_UNAVAILABLE")
        Extraction.objects.filter(pk=failed.pk).update(next_try_at=None)
    mine(session)
    assert any("Porto" in memory.content for memory in memories_of(agent))


def test_mining_does_without_words_that_are_not_kept(agent):
    session = archived(agent, ("Hm.", "So you live in Porto, right?"))
    storage.remove(row_of(session).key)
    go_on(session, "I work in Bergen.", "Fine.")
    mine(session)
    assert [memory for memory in memories_of(agent) if "Bergen" in memory.content]


def test_a_memory_that_the_user_said_earlier_is_not_counted_as_used(agent):
    """Words of before are known words, also when they are in the archive."""
    rex = make_memory(agent, "The user's dog is called Rex.")
    session = archived(agent, ("My dog is called Rex.", "Nice!"))
    inject(go_on(session, "What is my dog called?", "Your dog is called Rex."), rex)
    run_whole("read_turns")
    with scope(agent.org_id):
        assert not Reading.objects.filter(memory=rex).exists()
        assert Outcome.objects.get(session=session).turns == 1


def test_reading_waits_while_the_storage_is_away(agent, monkeypatch):
    session = archived(agent)
    go_on(session, "No, I meant my cat.", "Tom.")
    with monkeypatch.context() as patched:
        patched.setattr(storage, "opened", away)
        assert [step.error for step in all_jobs()["read_turns"].steps(None)] == ["StorageUnavailable"]
    assert again(session).last_read_turn == 2
    run_whole("read_turns")
    assert again(session).last_read_turn == 3


async def test_a_past_call_is_assembled_again_from_the_archive(application: Application, agent, acme, monkeypatch):
    await sync_to_async(remember)(agent, "My dog is called Biscuit.")
    await application.ask(QUESTIONS[0])
    await application.ask(QUESTIONS[1])
    session = await sync_to_async(put_away)(application.session_id, acme.pk)

    def replayed() -> dict:
        out = StringIO()
        call_command("replay-context", application.request_id, "--json", stdout=out)
        return json.loads(out.getvalue())

    told = await sync_to_async(replayed)()
    assert told["memories"]
    await sync_to_async(lambda: storage.remove(row_of(session).key))()
    with pytest.raises(CommandError, match="not kept any more"):
        await sync_to_async(replayed)()
