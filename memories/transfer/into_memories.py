"""Records that are memories, through the nine steps of refinement, with an outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from django.db import DataError, transaction
from django.utils import timezone

from agents.models import Agent
from ibex.core.errors import FieldError
from ibex.core.tenancy import scope
from memories.models import ImportItem, ImportRun, Memory
from memories.models.imports import ImportResult
from memories.refinement.draft import Draft, Outcome, Prepared, Result
from memories.refinement.pipeline import before_write, write_all
from memories.transfer.formats import Record
from memories.transfer.rows import Ground, draft_of

BATCH = 32
"""Drafts that are embedded and written at once: the agent's other writers wait about a fifth of a second."""
BATCH_BY_MODEL = 4
"""Fewer, where a model is asked about each: a task must be done before its time is up."""
DIGEST_BYTES = 16
REASON_MAX = 200
_REFUSED = Outcome(result=Result.REJECTED, reason="The database cannot hold it.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Records before they are written: what is wrong with each, or its draft prepared."""

    records: Sequence[Record]
    problems: Sequence[FieldError | None]
    prepared: Sequence[Prepared]


def batch_size(run: ImportRun) -> int:
    """How many records are written at once."""
    with scope(run.org_id):
        asks = Agent.objects.of(run.org_id).filter(pk=run.agent_id).exclude(refinement_model="").exists()
    return BATCH_BY_MODEL if asks else BATCH


def prepare(run: ImportRun, records: Sequence[Record]) -> Batch:
    """The slow half, outside any transaction: parsing, personal data, embedding, questions to a model."""
    ground = Ground(org_id=run.org_id, agent_id=run.agent_id, end_user=run.end_user, actor=run.tag, now=timezone.now())
    read = [record.problem or draft_of(record.value or {}, ground) for record in records]
    return Batch(
        records=records,
        problems=[one if isinstance(one, FieldError) else None for one in read],
        prepared=before_write([one for one in read if isinstance(one, Draft)]),
    )


def write(run: ImportRun, batch: Batch) -> list[ImportItem]:
    """What came of each record, not saved; inside the organization's scope."""
    digests = [_digest(prepared) for prepared in batch.prepared] if run.is_dry_run else [b""] * len(batch.prepared)
    outcomes = _planned(run, batch.prepared, digests) if run.is_dry_run else _written(batch.prepared)
    told = iter(zip(outcomes, digests, strict=True))
    items = []
    for record, problem in zip(batch.records, batch.problems, strict=True):
        if problem is not None:
            items.append(refused(run, record, problem))
        else:
            outcome, digest = next(told)
            items.append(_item(run, record, outcome, digest))
    return items


def refused(run: ImportRun, record: Record, problem: FieldError) -> ImportItem:
    """A record that nothing was made of."""
    return ImportItem(
        org_id=run.org_id,
        run=run,
        line=record.line,
        result=ImportResult.REJECTED,
        field=problem.field,
        reason=problem.message[:REASON_MAX],
    )


def _item(run: ImportRun, record: Record, outcome: Outcome, digest: bytes) -> ImportItem:
    return ImportItem(
        org_id=run.org_id,
        run=run,
        line=record.line,
        result=outcome.result.value,
        reason=outcome.reason[:REASON_MAX],
        memory_id=outcome.memory_id,
        digest=digest,
    )


def _written(batch: Sequence[Prepared]) -> list[Outcome]:
    """One text that the database cannot hold must not stop the others."""
    try:
        with transaction.atomic():
            return write_all(batch)
    except (DataError, UnicodeError):
        if len(batch) == 1:
            return [_REFUSED]
        return [outcome for prepared in batch for outcome in _written([prepared])]


def _planned(run: ImportRun, batch: Sequence[Prepared], digests: Sequence[bytes]) -> list[Outcome]:
    """What writing the batch would come to: it is written, and taken back. What earlier batches of the same dry run
    would have stored is known by its words only.
    """
    with transaction.atomic():
        outcomes = _written(batch)
        transaction.set_rollback(True)
    ids = [outcome.memory_id for outcome in outcomes if outcome.memory_id]
    there = set(Memory.objects.of(run.org_id).filter(pk__in=ids).values_list("pk", flat=True))
    earlier = ImportItem.objects.of(run.org_id).filter(run=run, digest__in=[one for one in digests if one])
    lines = {bytes(digest): line for digest, line in earlier.order_by("-line").values_list("digest", "line")}
    return [_foreseen(outcome, lines.get(digest), there) for outcome, digest in zip(outcomes, digests, strict=True)]


def _foreseen(outcome: Outcome, line: int | None, there: set[UUID]) -> Outcome:
    if line is not None and outcome.result != Result.REJECTED:
        return Outcome(result=Result.DUPLICATE_OF, reason=f"the same words as line {line}")
    known = outcome.memory_id if outcome.memory_id in there else None
    return Outcome(result=outcome.result, memory_id=known, reason=outcome.reason)


def _digest(prepared: Prepared) -> bytes:
    if prepared.refused:
        return b""
    return blake2b(prepared.content_hash + prepared.draft.end_user.encode(), digest_size=DIGEST_BYTES).digest()
