"""The request path, step by step (SPEC section 2). Each step has one module and one failure rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import structlog

from agents.authentication import agent_for, authenticate, require
from agents.choices import PROXY_SCOPES, ProviderKind
from agents.principal import AgentCard, Principal
from context.assembler import assemble
from context.mode import Mode, mode_of
from context.shown_before import PAST_TURNS
from context.values import Question
from ibex.core.errors import BodyTooLarge, UnsupportedMediaType
from proxy.dialects.base import Dialect, Payload
from proxy.imported import latest_turns
from proxy.routes import upstreams_for
from proxy.schema import parse_object
from proxy.switches import AGENT_HEADER, read_switches
from proxy.turn import Incoming, Turn
from proxy.turn_start import read_turn_start

MAX_BODY_BYTES = 1024 * 1024


async def prepare(turn: Turn, dialect: Dialect) -> bytes:
    """Steps 2 to 9: everything before the provider is called. Returns what it receives: the caller's own bytes when
    nothing was added to them. Raises the typed errors of the steps that fail closed.
    """
    payload = validated(turn, dialect)
    principal, agent = await identify(turn)
    await begin(turn, dialect, payload, principal, agent)
    sent = await enriched(turn, dialect, payload)
    if sent is payload:
        return turn.incoming.body
    with turn.stage("assemble"):
        return orjson.dumps(sent)


def validated(turn: Turn, dialect: Dialect) -> Payload:
    """Step 2: the body, and the call's view of it."""
    with turn.stage("validate"):
        payload = read_body(turn.incoming)
        dialect.check(payload)
        turn.payload = dialect.view(payload)
    return payload


async def begin(
    turn: Turn, dialect: Dialect, payload: Payload, principal: Principal, agent: AgentCard, *, looks_only: bool = False
) -> None:
    """Steps 5 to 8: routing, switches, limits and session. `looks_only`: nobody is told that the session goes on."""
    with turn.stage("route"):
        turn.upstreams = await upstreams_for(agent.org_id, turn.model)
    with turn.stage("start"):
        switches = read_switches(turn.incoming.headers, turn.payload, trusts_body_user=agent.trusts_body_user)
        turn.switches = switches
        turn.prints = dialect.prints(payload, turn.payload)
        turn.start = await read_turn_start(turn, principal, agent, looks_only=looks_only)


async def enriched(turn: Turn, dialect: Dialect, payload: Payload) -> Payload:
    """Step 9: the call as the provider gets it; the very same object when nothing was added."""
    with turn.stage("assemble"):
        mode = _mode(turn)
        turn.question = _question(turn, mode, joins_blocks=dialect.joins_blocks)
        assembly = turn.assembly = await assemble(turn.question)
        if assembly.messages is turn.payload["messages"]:
            return payload
        return dialect.rewritten(payload, turn.payload, assembly.messages)


async def identify(turn: Turn, scopes: Iterable[str] = PROXY_SCOPES) -> tuple[Principal, AgentCard]:
    """Steps 3 and 4: who is asking, for which agent. Fails closed."""
    with turn.stage("authenticate"):
        principal = await authenticate(turn.incoming.headers.get("authorization", ""))
        require(principal, scopes)
        turn.principal = principal
    with turn.stage("agent"):
        agent = turn.agent = await agent_for(principal, turn.incoming.headers.get(AGENT_HEADER))
    structlog.contextvars.bind_contextvars(org_id=str(principal.org_id), agent_id=str(agent.id))
    return principal, agent


def read_body(incoming: Incoming) -> dict[str, Any]:
    """Step 2's first half: size, content type, JSON. Raises 413, 415 or 400."""
    if len(incoming.body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    if incoming.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    return parse_object(incoming.body)


def _mode(turn: Turn) -> Mode:
    assert turn.agent is not None  # noqa: S101 - `begin` filled these in
    assert turn.switches is not None  # noqa: S101
    assert turn.start is not None  # noqa: S101
    return mode_of(turn.agent, turn.start.session.id, wanted=turn.switches.reads)


def _question(turn: Turn, mode: Mode, *, joins_blocks: bool) -> Question:
    assert turn.agent is not None  # noqa: S101 - `prepare` filled these in
    assert turn.switches is not None  # noqa: S101
    assert turn.start is not None  # noqa: S101
    return Question(
        org_id=turn.agent.org_id,
        agent=turn.agent,
        end_user=turn.switches.end_user,
        session_id=turn.start.session.id,
        model=turn.model,
        body=turn.payload,
        desk=turn.start.desk,
        past=() if turn.start.desk.knows_shown else latest_turns(turn.payload["messages"], PAST_TURNS),
        joins_blocks=joins_blocks or turn.upstreams[0].kind == ProviderKind.ANTHROPIC,
        reads=mode.reads,
        mode=mode,
    )
