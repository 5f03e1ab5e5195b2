"""The one Redis round trip of a call: limits, directive, hot memories, session and shown blocks at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from agents.limits import WINDOW_S, Limit, Measure
from agents.principal import AgentCard, Principal
from context.desk_read import COLD_DESK, parse_desk
from ibex.core import metrics
from ibex.core.ids import parse_uuid
from ibex.core.patience import patient
from ibex.core.redis import RedisError, Script, wire
from proxy import budgets
from proxy.breaker import open_key
from proxy.conversation import Fingerprint, SessionRef, new_session, session_of
from proxy.keys import keys_of
from proxy.known_desks import KnownDesk, KnownDesks
from proxy.limits import Usage, limits_of
from proxy.turn import Turn, TurnStart

TIMEOUT_S = patient(0.05)
SESSION_TTL_S = 24 * 3600
"""How long a conversation is recognised by its fingerprint, and its blocks can be replayed from the desk."""

_SCRIPT = Script((Path(__file__).parent / "turn_start.lua").read_text())
_desks = KnownDesks()
_log = structlog.get_logger(__name__)


async def read_turn_start(turn: Turn, principal: Principal, agent: AgentCard, *, looks_only: bool = False) -> TurnStart:
    """Ask Redis once. Any failure opens the way: no limit, a cold desk, a new session; counted. `looks_only`: the call
    counts against the limits, and leaves every session as it is.

    Raises RateLimited, of which BudgetExhausted is one.
    """
    limits, now = limits_of(principal, agent), time.time()
    session = turn.switches.session if turn.switches else ""
    fallback = session_of(session, agent.id) if session else new_session()
    end_user = turn.switches.end_user if turn.switches else ""
    keys = keys_of(agent.org_id, agent.id, end_user)
    known = {key: _desks.get(key) for key in (keys.hot, keys.hot_of_user)}
    try:
        answer = await _ask(turn, agent, fallback, limits, now, known, looks_only=looks_only)
    except (RedisError, OSError, TimeoutError) as error:
        metrics.FAIL_OPEN.labels(step="turn_start").inc()
        _log.warning("turn_start_skipped", error=type(error).__name__)
        return TurnStart(usage=Usage.unknown(limits), desk=COLD_DESK, session=fallback)
    usage = Usage.of(limits, answer[1], now=now, is_refused=bool(answer[0]))
    budgets.count_again(usage.stale())
    usage.check()
    for _ in usage.cold():
        metrics.FAIL_OPEN.labels(step="budget").inc()
    told = zip(known.items(), answer[3:5], strict=True)
    hot, hot_of_user = (_desks.read(key, desk, said) for (key, desk), said in told)
    desk = parse_desk(directive=answer[2], hot=hot, hot_of_user=hot_of_user if end_user else None, shown=answer[7])
    return TurnStart(
        usage=usage,
        desk=desk,
        session=_session(answer, turn.prints, fallback),
        open_breakers=frozenset(u.id for u, state in zip(turn.upstreams, answer[8], strict=True) if state),
    )


async def _ask(
    turn: Turn,
    agent: AgentCard,
    fallback: SessionRef,
    limits: Sequence[Limit],
    now: float,
    known: Mapping[str, KnownDesk],
    *,
    looks_only: bool,
) -> list[Any]:
    called = keys_of(agent.org_id, agent.id, turn.switches.end_user if turn.switches else "")
    session = turn.switches.session if turn.switches else ""
    named = str(parse_uuid(session) or "")
    keys = [
        called.directive,
        *known,
        called.sessions + named,
        called.writes,
        called.writes_of_user,
        *(key for limit in limits for key in limit.keys(now)),
        *(open_key(agent.org_id, upstream.id) for upstream in turn.upstreams),
    ]
    arguments: list[bytes | str | int | float] = [
        2 * WINDOW_S,
        len(limits),
        *chain.from_iterable(_checked(limit, now) for limit in limits),
        called.fingerprints,
        called.shown,
        str(fallback.id),
        # A session that the caller names rules out looking for the conversation.
        named or ("-" if session else ""),
        called.sessions,
        turn.prints.whole.hex(),
        int(looks_only),
        *(desk.edition for desk in known.values()),
        *(candidate for candidate, _ in turn.prints.candidates),
    ]
    return list(await wire().run(_SCRIPT, keys, arguments, timeout_s=TIMEOUT_S))


def _checked(limit: Limit, now: float) -> tuple[int, float, int]:
    """What the script asks of a limit. Tokens and dollars are counted when the turn has ended."""
    return limit.allowed, limit.weight(now), int(limit.measure is Measure.REQUESTS)


def _session(answer: list[Any], prints: Fingerprint, fallback: SessionRef) -> SessionRef:
    matched = int(answer[6])
    known = prints.candidates[matched - 1][1] if matched else 0
    session_id = UUID(answer[5].decode())
    is_new = fallback.is_new and session_id == fallback.id
    return SessionRef(id=session_id, external_id=fallback.external_id, known_messages=known, is_new=is_new)
