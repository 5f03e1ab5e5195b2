"""Injections have no keys: they go with their memory or excerpt all the same, whoever removes it and how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from agents.models import Agent, Organization, Session
from agents.services import agents
from context.models import Injection
from context.receipts import keep
from context.values import Arm, Considered
from ibex.core.tenancy import cross_tenant, scope
from memories.models import Excerpt, Memory
from tests.dashboard.conftest import make_memory
from tests.jobs import change, id_of_day, only_own, run_whole
from tests.memories.making import make_session, say

__all__ = ["only_own"]


def excerpt_of(agent: Agent, text: str, **fields: object) -> Excerpt:
    session = make_session(agent)
    turn = say(session, text)
    with scope(agent.org_id):
        return Excerpt.objects.create(
            org_id=agent.org_id, agent=agent, session=session, checkpoint=turn, role="user", turn=1,
            said_at=turn.said_at, content=text, searchable=text, tokens=3, **fields,
        )  # fmt: skip


def shown(agent: Agent, *things: Memory | Excerpt, turn_id: UUID | None = None) -> UUID:
    """A turn whose prompt they were put into, with the receipt that the drain writes of it."""
    lines = [
        Considered(
            memory_id=thing.pk if isinstance(thing, Memory) else None, version=1, rank=rank, score=0.5, components=(),
            arm=Arm.COLD, tokens=1, is_packed=True, excerpt_id=thing.pk if isinstance(thing, Excerpt) else None,
        ).as_row()
        for rank, thing in enumerate(things, 1)
    ]  # fmt: skip
    turn_id = turn_id or uuid4()
    with scope(agent.org_id):
        keep(agent.org_id, [(agent.pk, turn_id, lines)])
    return turn_id


def left(agent: Agent) -> list[UUID]:
    """What the injections of the agent's organization are about."""
    with scope(agent.org_id):
        return [row.subject_id for row in Injection.objects.of(agent.org_id).order_by("turn_id", "rank")]


def by_the_system(agent: Agent, memory: Memory) -> None:
    with cross_tenant("tests") as system:
        Memory.objects.using(system).filter(pk=memory.pk).delete()


def by_the_application(agent: Agent, memory: Memory) -> None:
    with scope(agent.org_id):
        Memory.objects.filter(pk=memory.pk)._raw_delete("default")


def by_hand(_agent: Agent, memory: Memory) -> None:
    with cross_tenant("tests") as system, connections[system].cursor() as cursor:
        cursor.execute("DELETE FROM memories_memory WHERE id = %s", [memory.pk])


@pytest.mark.parametrize("remove", [by_the_system, by_the_application, by_hand])
def test_those_of_a_memory_go_with_it(
    agent: Agent, foreign_agent: Agent, remove: Callable[[Agent, Memory], None]
) -> None:
    tea, dog, theirs = make_memory(agent, "Tea."), make_memory(agent, "A dog."), make_memory(foreign_agent, "Tea.")
    for _ in range(2):
        shown(agent, tea, dog)
    shown(foreign_agent, theirs)
    remove(agent, tea)
    assert left(agent) == [dog.pk] * 2
    assert left(foreign_agent) == [theirs.pk]


@pytest.mark.usefixtures("only_own")
def test_those_of_an_excerpt_go_when_its_time_is_over(agent: Agent) -> None:
    young = excerpt_of(agent, "I have a dog.", expires_at=timezone.now() + timedelta(hours=1))
    old = excerpt_of(agent, "I drink tea.", expires_at=timezone.now() - timedelta(hours=1))
    shown(agent, young, old)
    run_whole("forget_excerpts")
    assert left(agent) == [young.pk]


@pytest.mark.usefixtures("only_own")
def test_those_of_a_turns_excerpts_go_with_the_retention_of_turns(acme: Organization, agent: Agent) -> None:
    expires_at = timezone.now() + timedelta(days=30)
    session = make_session(agent)
    turns = [say(session, "I drink tea.", id=id_of_day(9)), say(session, "I have a dog.", id=id_of_day(1))]
    with scope(acme.pk):
        Organization.objects.filter(pk=acme.pk).update(turn_retention_days=7)
        old, young = (
            Excerpt.objects.create(
                org_id=acme.pk, agent=agent, session=session, checkpoint=turn, role="user", turn=turn.number,
                said_at=turn.said_at, content="x", searchable="x", tokens=3, expires_at=expires_at,
            )
            for turn in turns
        )  # fmt: skip
    change(turns[0], created_at=timezone.now() - timedelta(days=9))
    shown(agent, old, young)
    run_whole("forget_turns")
    assert left(agent) == [young.pk]


def test_those_of_a_session_that_is_removed_go_with_its_excerpts(agent: Agent) -> None:
    said, tea = excerpt_of(agent, "I have a dog."), make_memory(agent, "Tea.")
    shown(agent, said, tea)
    with scope(agent.org_id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_session WHERE id = %s", [said.session_id])
    assert left(agent) == [tea.pk]


def test_those_of_an_agent_go_with_it(agent: Agent, foreign_agent: Agent) -> None:
    theirs = make_memory(foreign_agent, "Tea.")
    shown(agent, make_memory(agent, "Tea."), make_memory(agent, "A dog."))
    shown(foreign_agent, theirs)
    with scope(agent.org_id):
        assert not Session.objects.filter(agent=agent).exists()
        assert agents.delete(agent, actor="system") is None
    assert left(agent) == []
    assert left(foreign_agent) == [theirs.pk]


def test_an_excerpt_whose_injection_is_being_written_waits_to_be_removed(agent: Agent) -> None:
    said = excerpt_of(agent, "I have a dog.")
    remove = "SET LOCAL lock_timeout = '200ms'; DELETE FROM memories_excerpt WHERE id = %s"
    with scope(agent.org_id):
        shown(agent, said)
        with pytest.raises(OperationalError, match="lock timeout"), cross_tenant("tests") as system:
            connections[system].cursor().execute(remove, [said.pk])
    with cross_tenant("tests") as system:
        connections[system].cursor().execute(remove, [said.pk])
    assert left(agent) == []


def test_what_is_gone_before_it_is_written_leaves_nothing(agent: Agent) -> None:
    tea, dog, said = make_memory(agent, "Tea."), make_memory(agent, "A dog."), excerpt_of(agent, "I have a dog.")
    by_hand(agent, tea)
    with cross_tenant("tests") as system:
        connections[system].cursor().execute("DELETE FROM memories_excerpt WHERE id = %s", [said.pk])
    shown(agent, tea, said, dog)
    assert left(agent) == [dog.pk]


def test_nothing_of_another_agent_or_organization_is_written(
    acme: Organization, agent: Agent, foreign_agent: Agent
) -> None:
    with scope(acme.pk):
        other = Agent.objects.create(org=acme, name="Other", slug=f"other-{uuid4().hex[:8]}")
    own, others, foreign = (make_memory(each, "Tea.") for each in (agent, other, foreign_agent))
    quotes = [excerpt_of(each, "I have a dog.") for each in (other, foreign_agent)]
    shown(agent, others, foreign, *quotes, own)
    assert left(agent) == [own.pk]
    assert left(foreign_agent) == []


def test_what_a_turn_names_twice_is_there_once_and_what_is_written_stays_as_it_is(agent: Agent) -> None:
    tea, dog = make_memory(agent, "Tea."), make_memory(agent, "A dog.")
    turn_id = shown(agent, tea, dog, tea)
    assert left(agent) == [tea.pk, dog.pk]
    shown(agent, dog, tea, make_memory(agent, "Milk."), turn_id=turn_id)
    assert left(agent) == [tea.pk, dog.pk]


def test_a_memory_that_is_only_changed_keeps_its_injections(agent: Agent) -> None:
    tea = make_memory(agent, "Tea.")
    shown(agent, tea)
    change(tea, status="superseded", version=2)
    assert left(agent) == [tea.pk]
