"""What a past turn was given, what it is given when it is assembled again, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from context.models import Injection
from context.time_machine.assembling import assemble_again, then, today
from context.time_machine.past_turn import PastTurn
from context.told import digest_of
from context.values import Assembly, Considered, Level
from memories.choices import Operation
from memories.models import Excerpt, Memory, MemoryVersion
from memories.retrieval.held import ROWS_MAX

SCORE_SLACK = 0.005
"""Scores are told apart from here on: vectors are kept in half precision, and bookkeeping in four digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where one memory, or excerpt, stood in one receipt."""

    is_packed: bool
    rank: int
    score: float
    version: int
    arm: str
    reason: str

    @classmethod
    def of(cls, line: Injection | Considered) -> Standing:
        version = line.memory_version if isinstance(line, Injection) else line.version
        return cls(
            is_packed=line.is_packed,
            rank=line.rank,
            score=line.score,
            version=version,
            arm=line.arm,
            reason=line.reason,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One memory or excerpt in the three receipts; None: not considered, or below the lines that a receipt names."""

    subject_id: UUID
    is_excerpt: bool = False
    content: str
    """Today's; empty when it has been deleted."""
    recorded: Standing | None
    then: Standing | None
    now: Standing | None
    since: tuple[str, ...]
    """What became of it after that turn."""

    @property
    def change(self) -> str:
        """same, only_then or only_now; out when no prompt holds it."""
        was, is_now = (bool(standing and standing.is_packed) for standing in (self.recorded, self.now))
        return {(True, True): "same", (True, False): "only_then", (False, True): "only_now"}.get((was, is_now), "out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The whole answer. `deviations`: where the turn as of its time is not what was recorded."""

    past: PastTurn
    then: Assembly
    now: Assembly
    lines: Sequence[Difference]
    deviations: Sequence[str]
    limits: Sequence[str]
    """What cannot be made again exactly, in plain words."""


def compare(past: PastTurn, now: datetime) -> Comparison:
    """Assemble the turn twice, inside its organization's scope."""
    as_of = assemble_again(past, then(past))
    with_todays = assemble_again(past, today(past, now))
    lines = _lines(past, as_of, with_todays)
    return Comparison(
        past=past,
        then=as_of,
        now=with_todays,
        lines=lines,
        deviations=list(_deviations(past, as_of, lines)),
        limits=list(_limits(past)),
    )


def _lines(past: PastTurn, as_of: Assembly, with_todays: Assembly) -> list[Difference]:
    recorded = {line.subject_id: Standing.of(line) for line in past.receipt}
    was, is_now = _standings(as_of.considered), _standings(with_todays.considered)
    ids = list(dict.fromkeys([*recorded, *was, *is_now]))
    org_id = past.record.org_id
    contents = dict(Memory.objects.of(org_id).filter(pk__in=ids).values_list("pk", "content"))
    excerpts = dict(Excerpt.objects.of(org_id).filter(pk__in=ids).values_list("pk", "content"))
    contents |= excerpts
    since = _since(past, ids)
    return [
        Difference(
            subject_id=subject_id,
            is_excerpt=subject_id in excerpts,
            content=contents[subject_id],
            recorded=recorded.get(subject_id),
            then=was.get(subject_id),
            now=is_now.get(subject_id),
            since=since.get(subject_id, ()),
        )
        for subject_id in ids
        if subject_id in contents
    ]


def _standings(lines: Iterable[Considered]) -> dict[UUID, Standing]:
    return {line.id: Standing.of(line) for line in lines}


def _since(past: PastTurn, ids: Sequence[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    """What was done to each memory after the turn, the first thing first."""
    rows = MemoryVersion.objects.of(past.record.org_id).filter(
        memory_id__in=ids, created_at__gt=past.record.assembled_at
    )
    done: dict[UUID, tuple[str, ...]] = {}
    for row in rows.order_by("number"):
        word = "learned" if row.operation == Operation.CREATED else row.operation
        done[row.memory_id] = (*done.get(row.memory_id, ()), word)
    return done


def _deviations(past: PastTurn, as_of: Assembly, lines: Sequence[Difference]) -> Iterable[str]:
    if past.record.level == Level.UNTOUCHED:
        return
    for line in lines:
        was, again = line.recorded, line.then
        if (was and was.is_packed) != (again and again.is_packed):
            where = "the prompt" if was and was.is_packed else "the prompt made again"
            yield f"{line.subject_id} is only in {where}."
        elif was and again and was.rank and (was.rank != again.rank or abs(was.score - again.score) > SCORE_SLACK):
            yield (
                f"{line.subject_id} stood at {was.rank} with {was.score:.3f}, and stands at {again.rank} with "
                f"{again.score:.3f}."
            )
    digest = digest_of(as_of.new_block.text) if as_of.new_block else ""
    if digest != past.record.block_digest:
        yield "The block that the turn added is not the same, byte for byte."


def _limits(past: PastTurn) -> Iterable[str]:
    record, packed = past.record, sum(line.is_packed and line.memory_id is not None for line in past.receipt)
    yield (
        "Instructions (system messages) are not kept: they are left out here; the budget that they had left is the "
        "recorded one."
    )
    yield (
        "How useful a memory was and how often it had been shown is known for the lines of the receipt; for others it "
        "is today's. Which memories were at hand on the desk is worked out again."
    )
    if len(past.messages) < record.message_count:
        yield (
            f"Of the {record.message_count} messages that the call sent {len(past.messages)} are kept with its session."
        )
    if past.trace.memories_injected > packed:
        gone = past.trace.memories_injected - packed
        yield f"{gone} of the memories that were in the prompt are not in the receipt: they have been erased since."
    if record.level == Level.UNTOUCHED:
        yield "The assembly of then was over its time and sent nothing: what stands under `then` is what it missed."
    elif record.missing:
        yield f"Late or failed then, and left out again: {', '.join(record.missing)}."
    if Memory.objects.of(record.org_id).filter(agent_id=record.agent_id).count() > ROWS_MAX:
        yield "The search of then may have gone through an approximate index; here it is exact."


def as_json(comparison: Comparison, *, with_messages: bool) -> dict[str, Any]:
    """All of it, for programs."""
    record, trace = comparison.past.record, comparison.past.trace
    told: dict[str, Any] = {
        "request_id": trace.request_id,
        "turn_id": str(record.turn_id),
        "agent_id": str(record.agent_id),
        "assembled_at": record.assembled_at.isoformat(),
        "level": record.level,
        "missing": record.missing,
        "directive_version": {"then": comparison.then.directive_version, "now": comparison.now.directive_version},
        "is_reproduced": not comparison.deviations,
        "deviations": list(comparison.deviations),
        "limits": list(comparison.limits),
        "memories": [_line_as_json(line) for line in comparison.lines],
    }
    if with_messages:
        told["messages"] = {"then": comparison.then.messages, "now": comparison.now.messages}
    return told


def _line_as_json(line: Difference) -> dict[str, Any]:
    standings = {"recorded": line.recorded, "then": line.then, "now": line.now}
    return {
        "memory_id": None if line.is_excerpt else str(line.subject_id),
        "excerpt_id": str(line.subject_id) if line.is_excerpt else None,
        "content": line.content,
        "change": line.change,
        "since": list(line.since),
        **{name: _standing_as_json(standing) for name, standing in standings.items()},
    }


def _standing_as_json(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {
        "is_packed": standing.is_packed,
        "rank": standing.rank,
        "score": round(standing.score, 4),
        "version": standing.version,
        "arm": standing.arm,
        "reason": standing.reason,
    }
