"""What a call used, by whose count, at what price; and that the vault keeps it."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from agents.authentication import agent_for, authenticate
from agents.models import Checkpoint, Trace
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from ibex.core.tokens import count, estimate
from ibex.providers.base import Price, Upstream, Usage
from ibex.providers.sse import ChatOutcome
from proxy.drain import Drain
from proxy.record import record_answer, record_call
from proxy.spending import spending_of, usage_of, usage_of_embeddings
from proxy.turn import Incoming, Turn
from tests.proxy.calls import Caller

OWN = Upstream(
    id=str(uuid4()),
    name="Mine",
    kind="openai",
    base_url="",
    prices={"m": Price(prompt=Decimal(2), completion=Decimal(10))},
)
UNPRICED = Upstream(id=str(uuid4()), name="Mine", kind="openai", base_url="")


def turn_of(**payload) -> Turn:
    turn = Turn.begin(Incoming(method="POST", path="/", headers={}, body=b""), "test")
    turn.payload = {"model": "m", "messages": [{"role": "user", "content": "Tell me about olives."}]} | payload
    turn.upstream = OWN
    return turn


def test_the_providers_own_count_is_taken():
    usage = Usage(prompt_tokens=7, completion_tokens=3)
    assert usage_of(turn_of(), ChatOutcome(text="a much longer text than that", usage=usage)) == usage


def test_without_it_what_was_sent_and_what_was_said_are_estimated():
    call = {"id": "1", "type": "function", "function": {"name": "search", "arguments": '{"q": "olives"}'}}
    usage = usage_of(turn_of(), ChatOutcome(text="They grow slowly.", tool_calls=(call,)))
    assert usage.prompt_tokens == pytest.approx(count("Tell me about olives.") + 4 + 3, abs=1)
    assert usage.completion_tokens == pytest.approx(
        sum(map(count, ("They grow slowly.", "search", '{"q": "olives"}'))), abs=1
    )


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"data": [], "usage": {"prompt_tokens": 12, "total_tokens": 12}}', 12),
        (b'{"usage": {"prompt_tokens" : 5}, "data": [' + b"0.125, " * 1_000 + b"1]}", 5),
        (b'{"data": [], "usage": {"prompt_tokens": 99999999999999}}', None),
        (b'{"data": [], "usage": {"prompt_tokens": -3}}', None),
        (b"no JSON", None),
    ],
)
def test_the_tokens_of_embeddings_stand_at_either_end_of_the_answer_or_are_counted(body, tokens):
    turn = turn_of(input="two words")
    expected = estimate("two words") if tokens is None else tokens
    assert usage_of_embeddings(turn, body) == Usage(prompt_tokens=expected, completion_tokens=0)


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        (["one", "two words"], estimate("one") + estimate("two words")),
        ([1, 2, 3], 3),
        ([[1, 2], [3]], 3),
        ([], 0),
        (None, 0),
        (7, 0),
    ],
)
def test_an_input_is_counted_in_every_form(given, tokens):
    assert usage_of_embeddings(turn_of(input=given), b"").prompt_tokens == tokens


def test_a_price_is_that_of_the_provider_who_answered():
    usage = Usage(prompt_tokens=1_000, completion_tokens=100)
    assert spending_of(turn_of(), usage).columns["cost"] == "0.003000000"
    turn = turn_of()
    turn.upstream = UNPRICED
    assert spending_of(turn, usage).columns["cost"] is None
    assert spending_of(turn, usage, "gpt-4o-2024-08-06").columns["cost"] == "0.003500000"


@pytest.fixture
def stream(monkeypatch):
    """A journal that no other test's drain reads."""
    name = f"ibex:journal:{uuid4().hex}"
    monkeypatch.setattr("proxy.drain.STREAM", name)
    monkeypatch.setattr("proxy.journal.STREAM", name)
    yield name
    redis().delete(name)


@pytest.fixture
async def caller(hot_path, alice, agent, stream) -> Caller:
    principal = await authenticate(f"Bearer {alice.token}")
    return Caller(principal, await agent_for(principal, agent.slug))


@sync_to_async
def drained(agent) -> tuple[Trace, Checkpoint | None]:
    drain = Drain()
    drain.open()
    drain.step(block_ms=50)
    with scope(agent.org_id):
        return Trace.objects.get(agent=agent), Checkpoint.objects.filter(agent=agent).first()


async def test_the_vault_keeps_tokens_and_cost(caller, agent):
    await caller.spend(1_001, upstream=OWN)
    trace, turn = await drained(agent)
    assert (trace.prompt_tokens, trace.completion_tokens, trace.cost) == (1_000, 1, Decimal("0.00201"))
    assert (turn.prompt_tokens, turn.completion_tokens) == (1_000, 1)


async def test_our_own_count_is_the_same_in_the_turn_and_in_its_trace(caller, agent):
    turn = await caller.begin()
    turn.upstream = UNPRICED
    await record_answer(turn, ChatOutcome(text="Fine.", is_complete=True))
    trace, checkpoint = await drained(agent)
    assert (trace.prompt_tokens, trace.completion_tokens, trace.cost) == (count("Hi") + 7, count("Fine."), None)
    assert (checkpoint.prompt_tokens, checkpoint.completion_tokens) == (trace.prompt_tokens, trace.completion_tokens)


async def test_the_trace_of_embeddings_has_their_tokens_and_a_failed_call_none(caller, agent):
    turn = await caller.begin()
    turn.upstream = OWN
    await record_call(turn, 200, usage=Usage(prompt_tokens=500, completion_tokens=0))
    trace, _ = await drained(agent)
    assert (trace.prompt_tokens, trace.cost) == (500, Decimal("0.001"))


async def test_a_call_that_no_provider_answered_costs_nothing_that_is_known(caller, agent):
    await record_call(await caller.begin(), 502, "PROVIDER_ERROR")
    trace, _ = await drained(agent)
    assert (trace.status, trace.prompt_tokens, trace.cost) == (502, 0, None)


async def test_what_was_spent_is_never_the_reason_that_a_turn_is_lost(caller, agent, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("proxy.spending.cost", broken)
    await caller.spend(10, upstream=OWN)
    trace, turn = await drained(agent)
    assert (trace.cost, turn.assistant_text) == (None, "Fine.")
