"""A past turn is assembled again as it was, whatever became of its memories since, and as it would be today."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agents.services import directives
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Relation
from memories.models import Memory
from tests.memories.making import remember
from tests.proxy.application import Application, application
from tests.proxy.asgi import in_thread
from tests.proxy.conftest import drained, entries, own_journal

__all__ = ["application", "drained", "entries", "own_journal"]

DOG, CAT, BOAT = "My dog is called Biscuit.", "My cat is called Tom.", "My boat Ondine lies in Cascais."
ASKED = "What are my dog and my cat called?"


@pytest.fixture
def memories(agent, acme) -> dict[str, Memory]:
    with scope(acme.pk):
        directives.save(agent, "Be brief.", actor="system")
    return {fact: remember(agent, fact) for fact in (DOG, CAT, BOAT)}


def replayed(request_id: str, *options: str) -> str:
    out = StringIO()
    call_command("replay-context", request_id, *options, stdout=out)
    return out.getvalue()


async def compared(request_id: str, *options: str) -> dict[str, Any]:
    return json.loads(await in_thread(lambda: replayed(request_id, "--json", *options)))


def lines_of(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["memory_id"]: line for line in said["memories"]}


def change_everything(acme, agent, alice, memories) -> Memory:
    """Edit the dog, supersede the cat, learn of a parrot, and say something else in the directive."""
    edited = Client().patch(
        f"/api/v1/memories/{memories[DOG].pk}",
        {"content": "My dog is called Rusk."},
        content_type="application/json",
        headers={"authorization": f"Bearer {alice.token}"},
    )
    assert edited.status_code == 200, edited.content
    parrot = remember(agent, "My cat, my dog and my parrot are called by their names.")
    with scope(acme.pk):
        cat = Memory.objects.get(pk=memories[CAT].pk)
        store.supersede(cat, parrot, Relation.SUPERSEDES, confidence=0.9, reason="test", actor="system")
        directives.save(agent, "Be long.", actor="system")
    return parrot


async def test_a_turn_of_before_is_what_was_recorded_and_the_difference_is_told(
    application: Application, memories, acme, agent, alice
):
    sent = await application.ask(ASKED)
    assert DOG in str(sent)
    parrot = await in_thread(lambda: change_everything(acme, agent, alice, memories))
    said = await compared(application.request_id, "--messages")
    assert said["deviations"] == []
    assert said["is_reproduced"] is True
    assert said["messages"]["then"] == sent
    assert "Rusk" in str(said["messages"]["now"])
    assert said["directive_version"] == {"then": 1, "now": 2}
    dog, cat, new = (lines_of(said)[str(m.pk)] for m in (memories[DOG], memories[CAT], parrot))
    assert (dog["change"], dog["since"]) == ("same", ["updated"])
    assert (dog["recorded"]["version"], dog["then"]["version"], dog["now"]["version"]) == (1, 1, 2)
    assert (cat["change"], cat["since"], cat["now"]) == ("only_then", ["superseded"], None)
    assert (new["change"], new["recorded"], new["then"]) == ("only_now", None, None)
    assert new["since"][0] == "learned"


async def test_a_later_turn_stands_on_the_blocks_of_the_earlier_ones(application: Application, memories, acme):
    await application.ask("What is my dog called?")
    sent = await application.ask("In which harbour does my boat Ondine lie?")

    def delete() -> None:
        with scope(acme.pk):
            store.delete(memories[BOAT], actor="system")

    await in_thread(delete)
    said = await compared(application.request_id, "--messages")
    assert said["deviations"] == []
    assert [m["content"] for m in said["messages"]["then"]] == [m["content"] for m in sent]
    assert BOAT not in str(said["messages"]["now"])
    boat = lines_of(said)[str(memories[BOAT].pk)]
    assert (boat["content"], boat["change"], boat["since"]) == ("", "only_then", ["deleted"])


async def test_people_read_a_table(application: Application, memories, acme, agent, alice):
    await application.ask(ASKED)
    await in_thread(lambda: change_everything(acme, agent, alice, memories))
    table = await in_thread(lambda: replayed(application.request_id))
    assert application.request_id in table
    assert "Directive then version 1, now version 2" in table
    assert "Assembled as of then, it is what was recorded." in table
    rows = [line for line in table.splitlines() if line.startswith(("only then", "only now", "both"))]
    assert any(line.startswith("only then") and "superseded" in line for line in rows)
    assert any(line.startswith("only now") and "learned" in line for line in rows)
    assert "system messages" in table, "what cannot be made again is said"


async def test_what_was_late_then_is_left_out_again(application: Application, memories, monkeypatch):
    from context.vault import VaultRetriever

    async def fails(_self, _lookup):
        raise ConnectionError

    monkeypatch.setattr(VaultRetriever, "cold", fails)
    await application.ask(ASKED)
    said = await compared(application.request_id)
    assert said["missing"] == ["cold"]
    assert said["deviations"] == []
    assert any("cold" in sentence for sentence in said["limits"])


async def test_another_end_users_memories_are_in_neither(application: Application, agent):
    secret = await in_thread(lambda: remember(agent, "My dog is called Secret.", end_user="lee"))
    await application.ask(ASKED, x_ibex_user_id="kim")
    said = await compared(application.request_id, "--messages")
    assert str(secret.pk) not in lines_of(said)
    assert "Secret" not in str(said)


async def test_nothing_is_changed_by_looking(application: Application, memories, acme):
    await application.ask(ASKED)

    def counted() -> list[Any]:
        with scope(acme.pk):
            return list(Memory.objects.order_by("pk").values_list("version", "injection_count", "retrieval_count"))

    before = await in_thread(counted)
    await compared(application.request_id)
    assert await in_thread(counted) == before


@pytest.mark.parametrize("name", ["nothing", "01a22a00-0000-7000-8000-000000000000"])
def test_a_call_that_nobody_knows_is_said_to_be_unknown(name):
    with pytest.raises(CommandError, match="no call with this request id"):
        replayed(name)


async def test_a_call_that_was_not_answered_cannot_be_replayed(application: Application, memories, monkeypatch):
    from ibex.providers.errors import ProviderTimeout
    from ibex.providers.sandbox import SandboxProvider

    async def fails(*_args):
        raise ProviderTimeout

    monkeypatch.setattr(SandboxProvider, "send", fails)
    application.history.append({"role": "user", "content": ASKED})
    application.answer = await application.call("/v1/chat/completions")
    await application.drained()
    with pytest.raises(CommandError, match="not kept"):
        await in_thread(lambda: replayed(application.request_id))
