"""People who share an agent, even a session, are never shown each other's memories."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from agents.authentication import agent_for, authenticate
from agents.models import Checkpoint
from context.desk_read import ShownBlock
from context.retrieve import Lookup
from context.stopwatch import Stopwatch
from context.values import Assembly, Level
from context.vault import VaultRetriever
from ibex.core.tenancy import scope
from ibex.providers.sse import ChatOutcome
from memories.models import Memory
from proxy.conversation import fingerprint
from proxy.keys import keys_of
from proxy.record import record_answer
from proxy.switches import read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start
from tests.memories.making import remember

HELLO = [{"role": "user", "content": "Hello"}]
BLOCK = ShownBlock(anchor="a:0", text="kim's secret", memory_ids=(uuid4(),), versions=(1,), tokens=3)


@pytest.fixture
async def call(hot_path, alice, agent):
    """One turn without a provider, whose prompt held `block`."""
    principal = await authenticate(f"Bearer {alice.token}")
    card = await agent_for(principal, agent.slug)

    async def call(*, block=None, body=None, **headers):
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        turn = Turn.begin(Incoming(method="POST", path="/", headers=names, body=b""), "test")
        turn.payload = orjson.loads(orjson.dumps({"model": "m", "messages": HELLO, **(body or {})}))
        turn.principal, turn.agent = principal, card
        turn.switches = read_switches(names, turn.payload, trusts_body_user=True)
        turn.prints = fingerprint(turn.payload["messages"])
        turn.start = await read_turn_start(turn, principal, card)
        if block is not None:
            turn.assembly = Assembly(messages=HELLO, level=Level.COMPLETE, is_fallback=False, blocks=(block,))
        await record_answer(turn, ChatOutcome(text="Fine.", is_complete=True))
        return turn.start

    return call


async def test_a_block_is_replayed_to_the_end_user_who_was_shown_it(call):
    await call(block=BLOCK, X_IBEX_User_ID="kim", X_IBEX_Session_ID="room")
    again = await call(X_IBEX_User_ID="kim", X_IBEX_Session_ID="room")
    assert [block.text for block in again.desk.shown_blocks] == [BLOCK.text]


@pytest.mark.parametrize("other", ["lee", "kim:", "kim:x", ""])
async def test_a_block_is_never_replayed_to_another_who_names_the_same_session(call, other):
    first = await call(block=BLOCK, X_IBEX_User_ID="kim", X_IBEX_Session_ID="room")
    for session in ("room", str(first.session.id)):
        seen = await call(X_IBEX_User_ID=other, X_IBEX_Session_ID=session)
        assert seen.desk.shown_blocks == ()


@pytest.fixture
def two(agent):
    """A memory of Kim, and one of the whole agent."""
    return remember(agent, "Kim lives in Oslo.", end_user="kim"), remember(agent, "Doors open at 9.")


async def test_a_memory_that_was_shown_is_gone_for_another_end_user(two, hot_path, agent):
    kims, everybodys = two

    async def alive(end_user):
        shown = frozenset({kims.pk, everybodys.pk})
        lookup = Lookup(
            org_id=agent.org_id, agent_id=agent.pk, end_user=end_user, query="", shown=shown, watch=Stopwatch()
        )
        return await VaultRetriever().alive(lookup)

    assert await alive("kim") == {kims.pk, everybodys.pk}
    assert await alive("lee") == await alive("") == {everybodys.pk}


async def test_a_user_whose_id_is_no_name_does_not_speak_for_the_whole_agent(call):
    first = await call(block=BLOCK, body={"user": "u" * 500}, X_IBEX_Session_ID="room")
    seen = await call(X_IBEX_Session_ID="room")
    assert first.session.id == seen.session.id
    assert seen.desk.shown_blocks == ()


HOSTILE = ["", "a", ":", "a:", ":a", "a:u", "u", "u:a", "a:" + "0" * 32, "*", "é", "a b"]


def test_no_end_users_keys_are_anothers(acme, agent):
    """Whatever a name holds: what follows it is a fingerprint or a session's id, in which there is no colon."""
    endings = ["0" * 32, "f" * 32, str(uuid4())]
    of_each = [keys_of(acme.pk, agent.pk, name) for name in HOSTILE]
    keys = [prefix + ending for each in of_each for prefix in (each.fingerprints, each.shown) for ending in endings]
    keys.append(of_each[0].sessions + "f" * 32)
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(f"{acme.pk}:") for key in keys)


def test_the_cast_has_no_rows_outside_a_scope():
    assert not Memory.objects.exists()
    assert not Checkpoint.objects.exists()


def test_a_strangers_scope_shows_nothing(agent, globex):
    memory = remember(agent, "Kim lives in Oslo.")
    with scope(globex.pk):
        assert not Memory.objects.filter(pk=memory.pk).exists()
