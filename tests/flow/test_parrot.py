"""The recall-loop firewall: a model that says its memories again, and a user who nods, teach IBEX nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import openai
import pytest

from agents.choices import ProviderKind
from agents.models import Agent, Organization, ProviderConnection, Session
from ibex.core.tenancy import scope
from memories.models import Memory
from tests.factories import make_token
from tests.flow.conftest import Ibex, Upstream, wait_for

SESSIONS = 50
MOST_SESSIONS = 4 * SESSIONS  # on a busy machine an assembly may be late: then there is nothing to parrot
LEARNED_WITHIN_S = 30
MINED_WITHIN_S = 180
QUESTIONS = (
    "What do you know about my dog?",
    "What am I allergic to?",
    "What did you book?",
    "What do you know of me?",
)
TOLD = "My dog is called Biscuit and I'm allergic to peanuts. I live in Lisbon. Book me a table for two at Luigi's."
DONE = "I have booked a table for two at Luigi's."
_ELEMENT = re.compile(r"<memory [^>]*>(.*?)</memory>", re.DOTALL)


def as_list(memories: list[str]) -> str:
    return "This is what I know:\n" + "\n".join(f"- {memory}" for memory in memories)


def as_statement(memories: list[str]) -> str:
    return " ".join(second_person(memory) for memory in memories)


def as_question(memories: list[str]) -> str:
    return f"So {' and '.join(second_person(memory).rstrip('.') for memory in memories[:2])}, right?"


def as_deed(memories: list[str]) -> str:
    return " ".join(memory.replace("The assistant booked", "I have booked") for memory in memories)


def second_person(memory: str) -> str:
    swaps = (("The user's", "Your"), ("The user is", "You are"), ("The user lives", "You live"), ("The user", "You"))
    for said, put in swaps:
        memory = memory.replace(said, put)
    return memory


MANNERS: tuple[Callable[[list[str]], str], ...] = (as_list, as_statement, as_question, as_deed)


class Parrot(Upstream):
    """Answers with the memories it is shown, each session in another manner; without any, with `DONE`."""

    parroted = 0  # sessions that began so

    @property
    def reply(self) -> str:
        messages = self.received[-1]["messages"]
        shown = [message["content"] for message in messages if message["role"] == "system"]
        memories = [html.unescape(memory) for text in shown for memory in _ELEMENT.findall(text)]
        if not memories:
            return DONE
        self.parroted += len([message for message in messages if message["role"] == "user"]) == 1
        return MANNERS[self.parroted % len(MANNERS)](memories)

    @reply.setter
    def reply(self, _: str) -> None:
        """A parrot cannot be told what to say."""


@pytest.fixture
def parrot(acme: Organization) -> Any:
    """Acme's only provider."""
    server = Parrot()
    with scope(acme.pk):
        ProviderConnection.objects.of(acme.pk).delete()
        provider = ProviderConnection(org=acme, name="Parrot", kind=ProviderKind.OPENAI, base_url=server.base_url)
        provider.set_key("sk-parrot")
        provider.save()
    yield server
    server.close()


def known(organization: Organization) -> dict[Any, tuple[str, str]]:
    """Every memory there is, whatever its status."""
    with scope(organization.pk):
        return {memory.pk: (memory.content, memory.status) for memory in Memory.objects.of(organization.pk)}


def all_mined(organization: Organization, sessions: int) -> bool:
    with scope(organization.pk):
        found = list(Session.objects.of(organization.pk).values_list("turn_count", "last_extracted_turn"))
    return len(found) == sessions and all(turns == mined == 2 for turns, mined in found)


def test_fifty_sessions_in_which_the_model_parrots_its_memories_add_nothing(
    ibex: Ibex, acme: Organization, agent: Agent, parrot: Parrot
) -> None:
    client = openai.OpenAI(
        base_url=f"{ibex.base_url}/v1", api_key=make_token(acme), default_headers={"X-IBEX-Agent-ID": agent.slug}
    )

    def talk(*said: str) -> None:
        history: list[Any] = []
        for text in said:
            history.append({"role": "user", "content": text})
            answer = client.chat.completions.create(model="gpt-4o", messages=history)
            history.append({"role": "assistant", "content": answer.choices[0].message.content})

    talk(TOLD, "Thank you!")
    wait_for(lambda: all_mined(acme, 1), seconds=LEARNED_WITHIN_S, what="the first session mined")
    before = known(acme)
    told = " ".join(content for content, _ in before.values())
    assert all(word in told for word in ("Biscuit", "peanuts", "Lisbon", "Luigi's"))

    sessions = 0
    while parrot.parroted < SESSIONS and sessions < MOST_SESSIONS:
        talk(QUESTIONS[sessions % len(QUESTIONS)], "Yes, exactly.")
        sessions += 1

    assert parrot.parroted == SESSIONS
    wait_for(lambda: all_mined(acme, 1 + sessions), seconds=MINED_WITHIN_S, what="every session mined")
    assert known(acme) == before
