"""Step 11: what the journal keeps of a call."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from agents.holdout import is_held_out, share_of
from context.desk_read import dump_blocks
from context.told import told
from ibex.core import metrics
from ibex.providers.base import Usage
from ibex.providers.sse import ChatOutcome
from proxy import journal
from proxy.conversation import after_answer, brought, endings, user_text
from proxy.dialects.base import thread_print
from proxy.entry import TurnEntry
from proxy.imported import within_limits
from proxy.keys import CallKeys, keys_of
from proxy.spending import NOTHING, spending_of, usage_of
from proxy.turn import Turn
from proxy.turn_start import SESSION_TTL_S

_log = structlog.get_logger(__name__)


async def record_answer(turn: Turn, outcome: ChatOutcome, status: int = 200) -> None:
    """Journal a turn that was answered, in whole or in part, and remember its conversation. Never raises."""
    with _boundary("journal"), turn.stage("journal"):
        spending = NOTHING
        with _boundary("spending"):
            spending = spending_of(turn, usage_of(turn, outcome), outcome.model or "")
        trace = {**_trace(turn, status, outcome=outcome), **spending.columns}
        entry = _entry(turn, _checkpoint(turn, outcome), trace)
        claims = _claims(turn, outcome)
        remembered = _remembered(turn, outcome, claims)
        await journal.append(
            entry,
            remember=remembered,
            renew=_renewed(turn, remembered),
            claims=claims,
            ttl_s=SESSION_TTL_S,
            spent=spending.counters,
        )


async def record_call(turn: Turn, status: int, code: str = "", usage: Usage | None = None) -> None:
    """Journal the trace of a call without a turn. Calls of strangers leave none: they have no organization.

    `usage`: what it used, where a provider answered. Never raises.
    """
    metrics.calls(turn.endpoint, status).inc()
    if turn.start is not None:
        with _boundary("journal"):
            spending = NOTHING
            with _boundary("spending"):
                spending = spending_of(turn, usage) if usage else NOTHING
            entry = _entry(turn, None, {**_trace(turn, status, code=code), **spending.columns})
            await journal.append(entry, remember=_released(turn), ttl_s=SESSION_TTL_S, spent=spending.counters)


@contextmanager
def _boundary(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the boundary: what is kept of a call never breaks it
        metrics.BOUNDARY_ERRORS.labels(boundary=name).inc()
        _log.error("turn_not_recorded", part=name, error=type(error).__name__)


def _entry(turn: Turn, checkpoint: dict[str, Any] | None, trace: dict[str, Any]) -> TurnEntry:
    assert turn.agent is not None  # noqa: S101 - only identified calls are recorded
    assert turn.start is not None  # noqa: S101
    assert turn.switches is not None  # noqa: S101
    considered = turn.assembly.considered if turn.assembly else ()
    return TurnEntry(
        turn_id=str(turn.turn_id),
        org_id=str(turn.agent.org_id),
        agent_id=str(turn.agent.id),
        session_id=str(turn.start.session.id),
        external_id=turn.start.session.external_id,
        end_user=turn.switches.end_user,
        trace=trace,
        checkpoint=checkpoint,
        lines=[line.as_row() for line in considered],
        assembly=told(turn.question, turn.assembly) if turn.question and turn.assembly else None,
    )


def _checkpoint(turn: Turn, outcome: ChatOutcome) -> dict[str, Any]:
    assert turn.agent is not None  # noqa: S101
    assert turn.start is not None  # noqa: S101
    assert turn.switches is not None  # noqa: S101
    new = brought(turn.payload["messages"], turn.start.session)
    usage = outcome.usage
    return {
        "imported": within_limits(new.imported),
        "messages": new.live,
        "user_text": user_text(new.live),
        "assistant_text": outcome.text,
        "tool_calls": list(outcome.tool_calls),
        "finish_reason": (outcome.finish_reason or "")[:64],
        "is_complete": outcome.is_complete,
        "may_learn": turn.switches.writes and turn.agent.learns,
        "holdout_share": share_of(turn.agent),
        "is_held_out": is_held_out(turn.agent, turn.start.session.id),
        "model": (outcome.model or turn.model)[:256],
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "said_at": turn.switches.said_at.timestamp() if turn.switches.said_at else turn.began_at,
        "finished_at": time.time(),
    }


def _trace(turn: Turn, status: int, *, code: str = "", outcome: ChatOutcome | None = None) -> dict[str, Any]:
    assembly = turn.assembly
    if outcome is not None:
        metrics.calls(turn.endpoint, status).inc()
    return {
        "request_id": turn.request_id,
        "trace_id": turn.trace_id,
        "token_id": str(turn.principal.token_id) if turn.principal else None,
        "endpoint": turn.endpoint,
        "provider": turn.upstream.name if turn.upstream else "",
        "model": ((outcome.model if outcome else "") or turn.model)[:256],
        "is_stream": turn.is_stream,
        "status": status,
        "error_code": code,
        "level": assembly.level if assembly else 0,
        "is_fallback": bool(assembly and assembly.is_fallback),
        "memories_injected": assembly.memories_injected if assembly else 0,
        "context_tokens": assembly.context_tokens if assembly else 0,
        "stages": {name: round(spent, 3) for name, spent in turn.stages.items()}
        | {f"assemble.{name}": round(spent, 3) for name, spent in (assembly.stages if assembly else {}).items()},
        "overhead_ms": round(turn.overhead_ms, 3),
        "duration_ms": round(turn.duration_ms, 3),
        "started_at": turn.began_at,
    }


def _claims(turn: Turn, outcome: ChatOutcome) -> list[str]:
    """Keys of the prints by which the turn is known where the history itself has changed."""
    found = [turn.prints.asked]
    if outcome.is_complete:
        found += endings(turn.prints, outcome.text, outcome.tool_calls)
    return [_keys(turn).fingerprints + each for each in found if each]


def _remembered(turn: Turn, outcome: ChatOutcome, claims: Sequence[str]) -> dict[str, str | bytes]:
    assert turn.start is not None  # noqa: S101
    keys, session_id = _keys(turn), str(turn.start.session.id)
    after = after_answer(turn.prints, outcome.text, outcome.tool_calls)
    threads = [thread_print(name).hex() for name in outcome.names] if outcome.is_complete else []
    # A caller who goes on by id sends no history, so its fingerprint stands where that of a repeated call would.
    claimed = (claim.removeprefix(keys.fingerprints) for claim in claims)
    state = [after[0], turn.prints.whole.hex(), *threads, *after[1:], *claimed]
    remembered: dict[str, str | bytes] = {keys.sessions + session_id: ":".join(state)}
    remembered |= {keys.fingerprints + known: session_id for known in (*after, *threads)}
    if turn.assembly is not None and turn.assembly.blocks is not None:
        remembered[_shown_key(turn)] = dump_blocks(turn.assembly.blocks)
    return remembered


def _renewed(turn: Turn, remembered: Mapping[str, str | bytes]) -> list[str]:
    """The blocks of a session that goes on live as long as the session, though they have not changed."""
    key = _shown_key(turn)
    return [] if key in remembered else [key]


def _released(turn: Turn) -> dict[str, str | bytes]:
    """The session that a failed call was to go on with still ends where it ended before."""
    assert turn.start is not None  # noqa: S101
    session = turn.start.session
    ends = [known for known, index in turn.prints.candidates if index == session.known_messages]
    if not ends:
        return {}
    return {f"{_keys(turn).sessions}{session.id}": ":".join([*ends, turn.prints.whole.hex()])}


def _shown_key(turn: Turn) -> str:
    assert turn.start is not None  # noqa: S101
    return f"{_keys(turn).shown}{turn.start.session.id}"


def _keys(turn: Turn) -> CallKeys:
    assert turn.agent is not None  # noqa: S101
    assert turn.switches is not None  # noqa: S101
    return keys_of(turn.agent.org_id, turn.agent.id, turn.switches.end_user)
