"""The desk forgets in the middle of a conversation: what it was shown stands where it stood, byte for byte."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.test import Client

from agents.models import Agent
from agents.services import directives
from context.vault import VaultRetriever
from ibex.core.tenancy import scope
from memories import store
from tests.memories.making import remember
from tests.proxy.application import Application, application
from tests.proxy.asgi import in_thread

__all__ = ["application"]

FACTS = ("My dog is called Biscuit.", "My cat is called Tom.", "My boat is called Ondine.")
FAR_APART = {
    "My dog Biscuit is a brown spaniel who barks at the postman.": "Who does my dog bark at?",
    "My sister works as a nurse in a hospital in Bergen.": "Where does my sister work as a nurse?",
    "My favourite food is lasagne with spinach.": "What is my favourite food?",
    "My boat Ondine lies in the harbour of Cascais.": "In which harbour is my boat?",
}
ROOM_TOKENS = 160
"""For two blocks of one of these memories each."""
QUESTIONS = ("What is my dog called?", "And my cat?", "What is my boat called?")


def as_bytes(messages: list[Any]) -> list[bytes]:
    return [orjson.dumps(message) for message in messages]


def with_little_room(agent: Agent) -> None:
    with scope(agent.org_id):
        Agent.objects.filter(pk=agent.pk).update(memory_tokens=ROOM_TOKENS)


def blocks(messages: list[Any]) -> list[str]:
    return [m["content"] for m in messages if m["role"] == "system" and "<memory " in m["content"]]


@pytest.fixture
def memories(agent, acme):
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    return [remember(agent, fact) for fact in FACTS]


@pytest.fixture
def asked_of_the_vault(monkeypatch) -> list[str]:
    """Each time that receipts were asked for what a session was shown."""
    asked: list[str] = []
    shown = VaultRetriever.shown

    async def noted(self, talk):
        asked.append(str(talk.session_id))
        return await shown(self, talk)

    monkeypatch.setattr(VaultRetriever, "shown", noted)
    return asked


async def two_turns(application: Application, **headers: str) -> list[Any]:
    await application.ask(QUESTIONS[0], **headers)
    return await application.ask(QUESTIONS[1], **headers)


@pytest.mark.parametrize("headers", [{}, {"x_ibex_session_id": "talk-1"}, {"x_ibex_user_id": "kim"}])
async def test_a_flushed_desk_changes_no_byte_of_the_next_prompts_prefix(application, memories, forget, headers):
    before = await two_turns(application, **headers)
    assert len(blocks(before)) >= 1
    await in_thread(forget)
    after = await application.ask(QUESTIONS[2], **headers)
    assert as_bytes(after)[: len(before)] == as_bytes(before)
    assert application.answer.headers["x-ibex-context-fallback"] == "false"
    await in_thread(forget)
    last = await application.ask("Thank you. And my dog again?", **headers)
    assert as_bytes(last)[: len(after)] == as_bytes(after)


async def test_a_warm_call_and_a_first_turn_ask_the_receipts_nothing(application, memories, asked_of_the_vault):
    await two_turns(application)
    await application.ask("Hello?")
    assert asked_of_the_vault == []


async def test_a_session_that_was_shown_nothing_is_not_asked_about_again(
    application, agent, forget, asked_of_the_vault
):
    await application.ask("Hello?")
    await in_thread(forget)
    await application.ask("Are you there?")
    await application.ask("Good.")
    assert len(asked_of_the_vault) == 1


async def test_a_history_from_elsewhere_is_looked_for_once(application, memories, asked_of_the_vault):
    application.history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    await application.ask(QUESTIONS[0])
    await application.ask(QUESTIONS[1])
    assert len(asked_of_the_vault) == 1


async def test_a_memory_that_was_deleted_since_is_not_shown_again(application, memories, forget, acme):
    before = await two_turns(application)
    assert any("Biscuit" in block for block in blocks(before))

    def delete() -> None:
        with scope(acme.pk):
            store.delete(memories[0], actor="system")

    await in_thread(delete)
    await in_thread(forget)
    after = await application.ask(QUESTIONS[2])
    assert not any("Biscuit" in block for block in blocks(after))


async def test_a_memory_that_was_edited_since_stands_as_it_stood(application, memories, forget, alice):
    before = await two_turns(application)

    def edit() -> None:
        answer = Client().patch(
            f"/api/v1/memories/{memories[0].pk}",
            {"content": "My dog is called Rusk."},
            content_type="application/json",
            headers={"authorization": f"Bearer {alice.token}"},
        )
        assert answer.status_code == 200, answer.content

    await in_thread(edit)
    await in_thread(forget)
    after = await application.ask(QUESTIONS[2])
    assert as_bytes(after)[: len(before)] == as_bytes(before)


async def test_what_was_forgotten_for_room_stays_forgotten(application, agent, forget):
    await in_thread(lambda: with_little_room(agent))
    await in_thread(lambda: [remember(agent, fact) for fact in FAR_APART])
    sent = [await application.ask(question) for question in FAR_APART.values()]
    assert any(as_bytes(later)[: len(sooner)] != as_bytes(sooner) for sooner, later in pairwise(sent)), "none was"
    await in_thread(forget)
    after = await application.ask("Thank you.")
    assert as_bytes(after)[: len(sent[-1])] == as_bytes(sent[-1])


async def test_receipts_that_do_not_answer_in_time_are_said_to_be_missing_and_asked_again(
    application, memories, forget, monkeypatch
):
    before = await two_turns(application)
    await in_thread(forget)

    async def fails(_self, _talk):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(VaultRetriever, "shown", fails)
        await application.ask(QUESTIONS[2])
    assert application.answer.headers["x-ibex-context-fallback"] == "true"
    after = await application.ask("And my dog again?")
    assert as_bytes(after)[: len(before)] == as_bytes(before)


async def test_another_end_users_blocks_are_nobody_elses(application, agent, forget):
    await in_thread(lambda: remember(agent, "My dog is called Biscuit.", end_user="kim"))
    shown = await application.ask(QUESTIONS[0], x_ibex_user_id="kim", x_ibex_session_id="shared")
    assert any("Biscuit" in block for block in blocks(shown))
    await in_thread(forget)
    for headers in ({"x_ibex_user_id": "lee"}, {}):
        said = await application.ask("And now?", x_ibex_session_id="shared", **headers)
        assert blocks(said) == []
