"""The same turn assembled again, from what its agent knew at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from agents.models import Directive as DirectiveVersion
from agents.principal import AgentCard
from context.budget import Budget
from context.compose import compose
from context.desk_read import DeskRead, HotMemory
from context.mode import Mode
from context.render import make_nonce
from context.retrieve import COLD, EXCERPTS, HOT, Directive, Retrieved
from context.score import FREQUENT_INJECTIONS, score
from context.shown_before import ShownBefore, Talk, made_again, parameters, read_rows, statement
from context.stopwatch import Stopwatch
from context.time_machine.past_turn import PastTurn
from context.turn import read_turn
from context.values import Assembly, Question
from context.vault import COLD_LIMIT, PINNED_LIMIT, candidate_of, excerpt_query
from context.wording import wording_of
from ibex.core.tokens import count
from memories import desk
from memories.retrieval.held import Held
from memories.retrieval.past import Bookkeeping, all_of, heard, knew, search_past
from memories.retrieval.query import Found, Query


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What a turn is assembled under."""

    moment: datetime
    directive: Directive
    budget: Budget
    placement: str
    missing: tuple[str, ...] = ()
    """What was late or failed, and so is left out again."""
    cold_desk: tuple[str, ...] = ()
    """What the desk did not know, of: hot, hot_of_user."""
    noted: Mapping[UUID, Bookkeeping]
    nonce: str


def then(past: PastTurn) -> Circumstances:
    """As they were."""
    record = past.record
    return Circumstances(
        moment=record.assembled_at,
        directive=_directive(past, record.directive_version),
        budget=Budget(**record.budget) if record.budget else _no_budget(),
        placement=record.placement,
        missing=tuple(record.missing),
        cold_desk=tuple(record.cold_desk or ()),
        noted={
            line.memory_id: noted
            for line in past.receipt
            if line.memory_id and (noted := _bookkeeping(line.components))
        },
        nonce=record.block_nonce or make_nonce(),
    )


def today(past: PastTurn, now: datetime) -> Circumstances:
    """As they are now: the directive in force, what the agent allows, and nothing late."""
    recorded = then(past)
    version = past.agent.directive.version if past.agent.directive else 0
    directive = _directive(past, version)
    return Circumstances(
        moment=now,
        directive=directive,
        budget=replace(
            recorded.budget,
            directive=directive.tokens or 0,
            cap=past.agent.memory_tokens if recorded.budget.cap else 0,
        ),
        placement=past.agent.injection_mode,
        noted={},
        nonce=make_nonce(),
    )


def assemble_again(past: PastTurn, under: Circumstances) -> Assembly:
    """What `assemble` would have made of it, with an exact search and all the time it wants. Inside the scope."""
    record = past.record
    held = knew(record.org_id, record.agent_id, record.end_user, under.moment, under.noted)
    shown, agent = _shown(past), _card(past, under)
    wording = wording_of(agent.locale, agent.org_wording)
    question = Question(
        org_id=record.org_id,
        agent=agent,
        end_user=record.end_user,
        session_id=record.session_id,
        model=past.trace.model,
        body={"messages": past.messages},
        desk=DeskRead(hot=tuple(_hot(held, record.end_user, under)), shown_blocks=made_again(shown, wording)),
        joins_blocks=record.joins_blocks,
        reads=under.budget.cap > 0,
        mode=Mode.SHADOW if record.mode == Mode.SHADOW else Mode.ON,
        now=under.moment.timestamp(),
    )
    turn = read_turn(question)
    query = Query(
        org_id=record.org_id, agent_id=record.agent_id, end_user=record.end_user, text=turn.query, limit=COLD_LIMIT
    )
    searches = bool(turn.query) and COLD not in under.missing
    said = heard(record.org_id, record.agent_id, record.end_user, under.moment)
    quotes = bool(turn.query) and EXCERPTS not in under.missing and question.agent.quotes
    there = {row[0] for copy in (held, said) for row in copy.rows}
    retrieved = Retrieved(
        directive=under.directive,
        hot=question.desk.hot if turn.adds and HOT not in under.missing else None,
        cold=[candidate_of(found) for found in search_past(held, query)] if searches else None,
        excerpts=[candidate_of(found) for found in search_past(said, excerpt_query(query))] if quotes else None,
        missing=under.missing,
        gone=frozenset(memory.id for block in shown.blocks for memory in block.memories if memory.id not in there),
    )
    now = under.moment.timestamp()
    return compose(question, turn, retrieved, under.budget, now=now, nonce=under.nonce, watch=Stopwatch())


def _shown(past: PastTurn) -> ShownBefore:
    """The blocks that stood in the session before this turn."""
    record = past.record
    talk = Talk(
        org_id=record.org_id,
        agent_id=record.agent_id,
        end_user=record.end_user,
        session_id=record.session_id,
        before=record.assembled_at,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement("true"), parameters(talk))
        return read_rows(cursor.fetchall())


def _hot(held: Held, end_user: str, under: Circumstances) -> list[HotMemory]:
    """What the two desks would hold, the agent's and the end user's own: of each the best whatever the question. Where
    neither was warm, the pinned ones, which the vault was asked for.
    """
    now, cold = under.moment.timestamp(), under.cold_desk
    known = [(found.end_user, _as_on_desk(found)) for found in all_of(held)]
    warm = {"": "hot" not in cold, end_user: ("hot_of_user" if end_user else "hot") not in cold}
    if not any(warm.values()):
        return [memory for _, memory in known if memory.is_pinned][:PINNED_LIMIT]
    best: list[HotMemory] = []
    for owner in sorted(owner for owner, is_warm in warm.items() if is_warm):
        own = [memory for whose, memory in known if whose == owner]
        own.sort(key=lambda m: (m.is_pinned, score(m, 0.0, now)[0]), reverse=True)
        best += own[: desk.SIZE]
    return best


def _as_on_desk(found: Found) -> HotMemory:
    return HotMemory._make(getattr(found, name) for name in HotMemory._fields)


def _card(past: PastTurn, under: Circumstances) -> AgentCard:
    agent = past.agent
    return AgentCard(
        id=agent.pk,
        org_id=agent.org_id,
        slug=agent.slug,
        name=agent.name,
        status=agent.status,
        injection_mode=under.placement,
        memory_tokens=under.budget.cap,
        learns=agent.learns,
        remembers=True,
        trusts_body_user=agent.trusts_body_user,
        idle_minutes=agent.idle_minutes,
        quotes=agent.quotes,
        locale=agent.locale,
        org_wording=orjson.dumps(agent.org.wording).decode(),
    )


def _directive(past: PastTurn, version: int) -> Directive:
    row = DirectiveVersion.objects.of(past.agent.org_id).filter(agent=past.agent, version=version).first()
    if row is None:
        return Directive(content="", version=0, tokens=0)
    return Directive(content=row.content, version=row.version, tokens=row.tokens or count(row.content))


def _bookkeeping(said: Mapping[str, Any]) -> Bookkeeping | None:
    """What the scores of then say; a replayed memory that was not found again has none."""
    if not {"usefulness", "frequency"} <= said.keys():
        return None
    return Bookkeeping(usefulness=said["usefulness"], injections=round(said["frequency"] * FREQUENT_INJECTIONS))


def _no_budget() -> Budget:
    """Of a call that put nothing in."""
    return Budget(window=0, messages=0, how="bound", reserve=0, safety=0, directive=0, cap=0)


__all__ = ["Circumstances", "assemble_again", "then", "today"]
