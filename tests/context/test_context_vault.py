"""Assembly against the real vault: what it may show, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents.models import Agent, Directive
from context.assembler import assemble
from context.desk_read import COLD_DESK, DeskRead, parse_directive
from context.retrieve import Directive as Standing
from context.retrieve import Lookup
from context.stopwatch import Stopwatch
from context.values import Level, Question
from context.vault import VaultRetriever
from ibex.core.redis import async_redis, org_key
from ibex.core.tenancy import scope
from memories.embedding import MODEL_NAME, embed_texts
from memories.models import Memory
from memories.retrieval.perspective import first_person
from tests.context.twins import card, user

VAULT = VaultRetriever()
Remember = Callable[..., Any]


def _remember(agent: Agent, content: str, **fields: Any) -> Memory:
    known: dict[str, Any] = {"category": "factual", "source": "extracted", "tokens": 9, "observed_at": timezone.now()}
    with scope(agent.org_id):
        return Memory.objects.create(
            org_id=agent.org_id,
            agent=agent,
            content=content,
            content_hash=f"{content}{fields}".encode(),
            embedding=embed_texts([first_person(content)])[0].tolist(),
            embedding_model=MODEL_NAME,
            **(known | fields),
        )


remember = sync_to_async(_remember)


@sync_to_async
def direct(agent: Agent, content: str, version: int = 1, tokens: int | None = None) -> None:
    with scope(agent.org_id):
        agent.directive = Directive.objects.create(
            org_id=agent.org_id, agent=agent, version=version, content=content, tokens=tokens
        )
        agent.save(update_fields=["directive"])


def lookup(agent: Agent, query: str = "", **fields: Any) -> Lookup:
    return Lookup(
        org_id=agent.org_id,
        agent_id=agent.pk,
        query=query,
        watch=Stopwatch(),
        **({"end_user": ""} | fields),
    )


def ask(agent: Agent, text: str, desk: DeskRead, end_user: str = "") -> Question:
    return Question(
        org_id=agent.org_id,
        agent=card(id=agent.pk, org_id=agent.org_id),
        end_user=end_user,
        model="gpt-4o",
        body={"messages": [user(text)]},
        desk=desk,
    )


@pytest.fixture(autouse=True)
async def warm(hot_path: None) -> None:
    """The first search of a process must not wait for the model."""
    await sync_to_async(embed_texts)(["warm"])


async def test_the_directive_in_force_is_read_and_none_is_an_answer_too(agent: Agent, foreign_agent: Agent) -> None:
    await direct(agent, "Be brief.", version=3, tokens=3)
    for desk_answers in (True, False):
        asked, empty = lookup(agent, desk_answers=desk_answers), lookup(foreign_agent, desk_answers=desk_answers)
        assert await VAULT.directive(asked) == Standing(content="Be brief.", version=3, tokens=3)
        assert await VAULT.directive(empty) == Standing(content="", version=0)


async def test_a_directive_read_from_the_vault_is_put_back_on_a_desk_that_answers(agent: Agent) -> None:
    await direct(agent, "Be brief.", version=3, tokens=3)
    key = org_key(agent.org_id, "directive", agent.pk)
    await VAULT.directive(lookup(agent, desk_answers=False))
    assert await async_redis().get(key) is None
    await VAULT.directive(lookup(agent))
    assert parse_directive(await async_redis().get(key)) == ("Be brief.", 3, 3)


async def test_a_strangers_agent_has_no_directive_here(agent: Agent, foreign_agent: Agent) -> None:
    await direct(foreign_agent, "Secret.")
    stranger = Lookup(org_id=agent.org_id, agent_id=foreign_agent.pk, end_user="", query="", watch=Stopwatch())
    assert (await VAULT.directive(stranger)).content == ""
    assert (await VAULT.directive(replace(stranger, desk_answers=False))).content == ""


async def test_only_pinned_memories_that_may_be_shown_to_this_end_user_are_hot(agent: Agent) -> None:
    past = timezone.now() - timedelta(days=1)
    for fields in (
        {"is_pinned": False},
        {"status": "quarantined"},
        {"status": "superseded"},
        {"deleted_at": past},
        {"expires_at": past},
        {"valid_until": past},
        {"end_user": "bert"},
    ):
        await remember(agent, "never", **({"is_pinned": True} | fields))
    await remember(agent, "for all", is_pinned=True, usefulness=0.9, source="imported", valid_from=past)
    await remember(agent, "for ann", is_pinned=True, end_user="ann")
    first, second = await VAULT.hot(lookup(agent, end_user="ann"))
    assert (first.content, second.content) == ("for all", "for ann")
    assert (first.is_pinned, first.source, first.valid_from) == (True, "imported", pytest.approx(past.timestamp()))
    assert [one.content for one in await VAULT.hot(lookup(agent))] == ["for all"]


async def test_what_was_deleted_superseded_or_quarantined_is_not_alive(agent: Agent, foreign_agent: Agent) -> None:
    alive = await remember(agent, "alive")
    others = [
        await remember(agent, "superseded", status="superseded"),
        await remember(agent, "quarantined", status="quarantined"),
        await remember(agent, "deleted", deleted_at=timezone.now()),
        await remember(foreign_agent, "foreign"),
    ]
    shown = frozenset(one.pk for one in (alive, *others))
    assert set(await VAULT.alive(lookup(agent, shown=shown))) == {alive.pk}


async def test_the_search_finds_what_the_question_is_about(agent: Agent) -> None:
    dog = await remember(agent, "The user's dog is called Rex.")
    await remember(agent, "The user pays taxes in Portugal.")
    best, *_ = await VAULT.cold(lookup(agent, "What is the name of my dog?"))
    assert best.memory.id == dog.pk
    assert (best.memory.content, best.memory.version, best.arm) == ("The user's dog is called Rex.", 1, "cold")
    assert 0 < best.relevance <= 1


async def test_a_call_is_assembled_from_the_vault_alone_when_the_desk_is_away(agent: Agent) -> None:
    await direct(agent, "Be brief.")
    await remember(agent, "The user's dog is called Rex.")
    await remember(agent, "Prices are quoted in euros.", category="procedural", is_pinned=True)
    assembly = await assemble(ask(agent, "What is the name of my dog?", COLD_DESK))
    assert [m["role"] for m in assembly.messages] == ["system", "system", "user"]
    assert assembly.messages[0]["content"] == "Be brief."
    assert "called Rex." in assembly.messages[1]["content"]
    assert "in euros." in assembly.messages[1]["content"]
    assert (assembly.level, assembly.missing) == (Level.PARTIAL, ("desk",))


async def test_nobody_is_shown_what_belongs_to_another_person_agent_or_organization(
    agent: Agent, foreign_agent: Agent
) -> None:
    await remember(agent, "The user's dog is called Rex.", end_user="bert")
    await remember(foreign_agent, "The user's dog is called Max.")
    assembly = await assemble(ask(agent, "What is my dog called?", DeskRead(directive="", hot=()), end_user="ann"))
    assert (assembly.level, assembly.considered) == (Level.COMPLETE, ())
    assert assembly.messages == [user("What is my dog called?")]
