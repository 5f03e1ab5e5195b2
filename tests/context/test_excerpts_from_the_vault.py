"""What was said, from the real vault into prompts: to whom, for how long, and on record."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError
from django.utils import timezone

from agents.models import Agent
from context.assembler import assemble
from context.desk_read import DeskRead
from context.lines import line_of
from context.models import Injection
from context.receipts import keep as keep_receipt
from context.retrieve import Lookup
from context.selectors import injections_of_turns
from context.stopwatch import Stopwatch
from context.values import Question
from context.vault import VaultRetriever
from ibex.core.tenancy import scope
from memories.embedding import embed_texts
from memories.models import Excerpt
from memories.retrieval.query import PROMPT_EXCERPT_TOKENS
from tests.context.twins import card, user
from tests.memories.making import keep, make_session, say

VAULT = VaultRetriever()
SAID = "I adopted a greyhound called Rex from the shelter in Porto."
ASKED = "Where did I adopt my greyhound?"


@pytest.fixture(autouse=True)
async def warm(hot_path: None) -> None:
    await sync_to_async(embed_texts)(["warm"])


@sync_to_async
def hear(agent: Agent, text: str, end_user: str = "", **fields: object) -> Excerpt:
    """An excerpt of a session of its own."""
    session = make_session(agent, end_user=end_user)
    keep(agent, [say(session, text)])
    with scope(agent.org_id):
        excerpt = Excerpt.objects.get(session=session)
        Excerpt.objects.filter(pk=excerpt.pk).update(**fields)
        return excerpt


def lookup(agent: Agent, end_user: str = "", shown: frozenset = frozenset()) -> Lookup:
    return Lookup(
        org_id=agent.org_id, agent_id=agent.pk, end_user=end_user, query=ASKED, shown=shown, watch=Stopwatch()
    )


async def contents(agent: Agent, end_user: str = "") -> list[str]:
    return [one.memory.content for one in await VAULT.excerpts(lookup(agent, end_user))]


async def test_what_was_said_is_quoted_in_the_prompt_with_its_receipt(agent: Agent) -> None:
    excerpt = await hear(agent, SAID)
    asked = Question(
        org_id=agent.org_id,
        agent=card(id=agent.pk, org_id=agent.org_id),
        model="gpt-4o",
        body={"messages": [user(ASKED)]},
        desk=DeskRead(directive="", hot=()),
    )
    assembly = await assemble(asked, retriever=VAULT)
    block = assembly.messages[0]["content"]
    assert f'<excerpt by="user" said="2026-03-02">"{SAID}"</excerpt>' in block
    assert (assembly.memories_injected, [line.excerpt_id for line in assembly.packed]) == (0, [excerpt.pk])
    turn_id = uuid4()

    @sync_to_async
    def written() -> list[Injection]:
        with scope(agent.org_id):
            keep_receipt(agent.org_id, [(agent.pk, turn_id, [one.as_row() for one in assembly.packed])])
            return injections_of_turns(agent.org_id, [turn_id])[turn_id]

    (row,) = await written()
    assert (row.memory_id, row.excerpt.content, row.is_packed) == (None, SAID, True)


async def test_an_end_users_words_are_found_for_that_end_user_alone(agent: Agent, foreign_agent: Agent) -> None:
    await hear(agent, SAID, end_user="ann")
    assert await contents(agent, "ann") == [SAID]
    assert await contents(agent, "bert") == []
    assert await contents(agent) == []
    assert await contents(foreign_agent, "ann") == []


async def test_what_has_expired_is_neither_found_nor_replayed(agent: Agent) -> None:
    excerpt = await hear(agent, SAID, expires_at=timezone.now() - timedelta(seconds=1))
    assert await contents(agent) == []
    assert await VAULT.alive(lookup(agent, shown=frozenset({excerpt.pk}))) == set()


async def test_what_is_alive_is_said_to_be_so_to_its_own_end_user_only(agent: Agent, foreign_agent: Agent) -> None:
    excerpt = await hear(agent, SAID, end_user="ann")
    shown = frozenset({excerpt.pk})
    assert await VAULT.alive(lookup(agent, "ann", shown)) == {excerpt.pk}
    assert await VAULT.alive(lookup(agent, "bert", shown)) == set()
    assert await VAULT.alive(lookup(foreign_agent, "ann", shown)) == set()


async def test_what_was_pasted_is_not_quoted(agent: Agent) -> None:
    await hear(agent, SAID + " And more." * 400)
    await hear(agent, "A greyhound sleeps a lot.")
    assert await contents(agent) == ["A greyhound sleeps a lot."]
    assert PROMPT_EXCERPT_TOKENS < 1_000


async def test_a_receipts_line_is_about_exactly_one_thing(agent: Agent) -> None:
    @sync_to_async
    def write() -> None:
        with scope(agent.org_id):
            Injection.objects.create(
                org_id=agent.org_id, agent=agent, turn_id=uuid4(), memory_version=1, rank=1, score=0.5,
                components={}, arm="cold", tokens=1, is_packed=True,
            )  # fmt: skip

    with pytest.raises(IntegrityError, match="context_injection_of_one_thing"):
        await write()


async def test_a_receipt_of_a_strangers_excerpt_is_left_out(agent: Agent, foreign_agent: Agent) -> None:
    secret, turn_id = await hear(foreign_agent, "My secret."), uuid4()
    line = {
        "memory_id": None, "excerpt_id": str(secret.pk), "version": 1, "rank": 1, "score": 0.5, "components": {},
        "arm": "cold", "tokens": 1, "is_packed": True, "reason": "",
    }  # fmt: skip

    @sync_to_async
    def written() -> dict:
        with scope(agent.org_id):
            keep_receipt(agent.org_id, [(agent.pk, turn_id, [line_of(line)])])
            return injections_of_turns(agent.org_id, [turn_id])

    assert await written() == {}
