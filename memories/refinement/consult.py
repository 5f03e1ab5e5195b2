"""Asking a model about pairs that code cannot be sure of: an agent's option, off by default, for steps 5 and 6.

All questions are put before the transaction opens, many pairs in one. Whatever goes wrong, the local rules decide: the
memory path never depends on a model. What is asked and answered never reaches a log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Q

from agents.models import Agent
from agents.services.asking import ask
from ibex.core import metrics
from ibex.core.errors import IbexError
from ibex.core.tenancy import scope
from ibex.providers.structured import Question
from memories.refinement import exact
from memories.refinement.claims import Claim
from memories.refinement.conflict import in_order
from memories.refinement.draft import Prepared
from memories.refinement.guards import difference
from memories.refinement.judge import by_intervals, judge
from memories.refinement.near import is_plainly_same
from memories.refinement.neighbours import Neighbour, neighbours
from memories.refinement.opinions import SAMENESS_VETOES, Opinion, Opinions, Verdict, Version
from memories.refinement.thresholds import SEMANTIC

PURPOSE = "refinement"
PAIRS_AT_ONCE = 40
"""Pairs in one question: about 3,000 tokens of short memories."""
PAIRS_MAX = 400
"""Pairs of one batch; those beyond it are left to the local rules."""
DEADLINE_S = 30.0
"""For one question. A write through the API waits for it, in an agent that asks."""
REASON_MAX = 140
SANDBOX = "Sandbox: "
"""How a reason begins that no model gave."""

INSTRUCTIONS = """You compare memories: short statements that an assistant keeps about a user or about its work.
Each pair has a newer and an older one. Say for each what the newer one does to the older one:
- same: both say the same thing in other words.
- supersedes: the newer one tells of a change, or gives another value of something that has one value at a time.
- contradicts: both cannot be true, and nothing tells of a change.
- specializes: the newer one says all that the older one says, and more.
- overlaps: the newer one says nearly all that the older one says, so that the older one is no longer needed.
- none: both can stand beside each other. Two different likes, events or belongings are none.
Texts with different numbers, names, dates or negations never say the same.
Give your confidence from 0 to 1, and a reason of at most twelve words."""
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pair": {"type": "integer"},
                    "relation": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
                    "confidence": {"type": "number"},
                    "reason": {"type": "string"},
                },
                "required": ["pair", "relation", "confidence", "reason"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["pairs"],
    "additionalProperties": False,
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One pair that the model is asked about: the draft by its place in the batch, and the stored memory's version."""

    place: int
    version: Version
    newer: Claim
    older: Claim
    cosine: float


def consulted(batch: Sequence[Prepared]) -> list[Prepared]:
    """The batch with the model's opinions on those drafts whose agents ask one. Never raises for what a model does.

    Opens its own short scope to read what there is to compare with; the model is asked outside of it.
    """
    done = list(batch)
    wanted = [place for place, prepared in enumerate(batch) if not prepared.refused and not prepared.doubts]
    if not wanted:
        return done
    org_id = batch[wanted[0]].draft.org_id
    with scope(org_id):
        agents = _agents_that_ask(org_id, {batch[place].draft.agent_id for place in wanted})
        asked = [
            pair for place in wanted if (agent := agents.get(batch[place].draft.agent_id))
            for pair in _pairs(place, batch[place], agent)
        ]  # fmt: skip
    for agent in agents.values():
        own = [pair for pair in asked if batch[pair.place].draft.agent_id == agent.pk]
        for place, answers in _answers(agent, own[:PAIRS_MAX]).items():
            opinions = Opinions(
                answers=answers, on_duplicates=agent.asks_for_duplicates, on_conflicts=agent.asks_for_conflicts
            )
            done[place] = replace(done[place], opinions=opinions)
    return done


def _agents_that_ask(org_id: UUID, ids: set[UUID]) -> dict[UUID, Agent]:
    asks = Q(asks_for_duplicates=True) | Q(asks_for_conflicts=True)
    return Agent.objects.of(org_id).filter(asks, pk__in=ids).exclude(refinement_model="").in_bulk()


def _pairs(place: int, prepared: Prepared, agent: Agent) -> Iterator[Asked]:
    """What code alone cannot decide: not the same words, not plainly the same, not one period after another."""
    if exact.counts_for_another(prepared):
        return
    found = neighbours(prepared)
    if any(is_plainly_same(prepared.draft, neighbour) for neighbour in found):
        return
    for neighbour in found:
        memory = neighbour.memory
        newer, older = in_order(prepared.draft, memory)
        if by_intervals(newer, older, neighbour.cosine):
            continue
        if agent.asks_for_conflicts or _may_be_the_same(prepared, neighbour):
            version = (memory.pk, memory.version)
            yield Asked(place=place, version=version, newer=newer, older=older, cosine=neighbour.cosine)


def _may_be_the_same(prepared: Prepared, neighbour: Neighbour) -> bool:
    differs_in = difference(prepared.draft.content, neighbour.memory.content)
    return neighbour.cosine >= SEMANTIC and differs_in not in SAMENESS_VETOES


def _answers(agent: Agent, asked: Sequence[Asked]) -> dict[int, dict[Version, Opinion]]:
    """By the draft's place in the batch. After a failure nothing more is asked: the rest is left to the local rules."""
    answers: dict[int, dict[Version, Opinion]] = {}
    for start in range(0, len(asked), PAIRS_AT_ONCE):
        pairs = asked[start : start + PAIRS_AT_ONCE]
        try:
            said = ask(agent.org_id, agent.pk, _question(agent, pairs), purpose=PURPOSE, deadline_s=DEADLINE_S)
        except IbexError as error:
            metrics.FAIL_OPEN.labels(step="refinement_model").inc()
            _log.warning("refinement_model_failed", agent_id=str(agent.pk), code=error.code)
            break
        for pair, opinion in _read(said, pairs):
            answers.setdefault(pair.place, {})[pair.version] = opinion
    return answers


def _question(agent: Agent, pairs: Sequence[Asked]) -> Question:
    data = [{"pair": n, "newer": _told(pair.newer), "older": _told(pair.older)} for n, pair in enumerate(pairs, 1)]
    return Question(
        name="pairs",
        model=agent.refinement_model.strip(),
        instructions=INSTRUCTIONS,
        data=data,
        schema=SCHEMA,
        stand_in=lambda: {"pairs": [_stand_in(n, pair) for n, pair in enumerate(pairs, 1)]},
    )


def _told(claim: Claim) -> dict[str, str]:
    times = {"valid_from": claim.valid_from, "valid_until": claim.valid_until}
    return {"text": claim.content} | {name: moment.date().isoformat() for name, moment in times.items() if moment}


def _read(said: Mapping[str, Any], pairs: Sequence[Asked]) -> Iterator[tuple[Asked, Opinion]]:
    for answer in said["pairs"]:
        if 1 <= answer["pair"] <= len(pairs):
            opinion = Opinion(
                verdict=Verdict(answer["relation"]),
                confidence=min(1.0, max(0.0, float(answer["confidence"]))),
                reason=f"the model says: {_one_line(answer['reason'])}",
            )
            yield pairs[int(answer["pair"]) - 1], opinion


def _one_line(text: str) -> str:
    """PostgreSQL's text holds no NUL; a reason is one short line."""
    return " ".join(text.replace("\0", " ").split())[:REASON_MAX]


def _stand_in(number: int, pair: Asked) -> dict[str, Any]:
    """The sandbox's answer: the local rules', and labelled, so that the whole way can be seen without a model."""
    if pair.cosine >= SEMANTIC and difference(pair.newer.content, pair.older.content) is None:
        verdict, confidence, why = Verdict.SAME, 0.9, "the same in other words"
    elif judged := judge(pair.newer, pair.older, pair.cosine):
        verdict, confidence, why = Verdict(judged.kind.value), judged.confidence, judged.reason
    else:
        verdict, confidence, why = Verdict.NONE, 0.9, "nothing speaks against both"
    return {"pair": number, "relation": verdict.value, "confidence": confidence, "reason": f"{SANDBOX}{why}"}
