"""Hybrid search over what an agent knows: vectors and words, fused with what stands around (QUALITY section 1).

The steps are written once, as a generator of statements; the hot path drives it over its own pool, pages and REST over
Django's connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from ibex.core.tenancy import scope
from memories.embedding import Vector
from memories.retrieval import indexes, statements
from memories.retrieval.asked import whose_words
from memories.retrieval.candidates import read_candidates
from memories.retrieval.drive import Plan, Rows, Step, drive, drive_sync
from memories.retrieval.fusion import fuse, places
from memories.retrieval.held import Held, shelf
from memories.retrieval.in_memory import search_held
from memories.retrieval.lexemes import lexemes_of
from memories.retrieval.perspective import first_person
from memories.retrieval.profile import profile_of, profile_of_sync
from memories.retrieval.query import Arm, Found, Query
from memories.retrieval.time_of import named_times
from memories.retrieval.vocabulary import Profile
from memories.retrieval.words import Vocabulary, weigh
from memories.slots import Serving, Slot, ready, serving

VECTOR_DIGITS = 5
"""Decimals of a question's vector: more than a halfvec keeps."""

__all__ = ["Arm", "Found", "Query", "search", "search_sync"]


async def search(query: Query) -> list[Found]:
    """The best `query.limit` memories and excerpts, best first: on the hot path, as the application under its policies.

    Never fewer than the limit when as many exist. Raises EmbeddingBusy, or psycopg's errors when the vault is away.
    """
    current = await ready()
    held = _held(query, current.slot)
    if held is not None:
        return await _search_held(held, query, current)
    asked = asyncio.create_task(lexemes_of(query.text))
    try:
        found = {kind: await profile_of(query, kind, current.slot) for kind in query.kinds}
        vector = query.embedding
        if vector is None:
            vector = await current.queries.embed(_spoken(query, found))
        lexemes = await asked
    finally:
        asked.cancel()
    return await drive(query.org_id, _search(query, current.slot, vector, found, lexemes))


def _held(query: Query, slot: Slot) -> Held | None:
    if query.agent_id is None or query.end_user is None or not query.is_for_a_prompt:
        return None
    return shelf.get((query.org_id, query.agent_id, query.end_user, query.kinds[0]), query.cuts, slot)


async def _search_held(held: Held, query: Query, current: Serving) -> list[Found]:
    if not held.rows:
        return []
    asked = asyncio.create_task(lexemes_of(query.text))
    try:
        vector = query.embedding
        if vector is None:
            vector = await current.queries.embed(first_person(query.text, held.speakers))
        return search_held(held, query, vector, await asked)
    finally:
        asked.cancel()


def search_sync(query: Query) -> list[Found]:
    """The same for pages, REST and workers. Opens the tenant's scope itself, and none while the query is embedded."""
    current = serving()
    found = {kind: profile_of_sync(query, kind, current.slot) for kind in query.kinds}
    vector = query.embedding
    if vector is None:
        vector = current.embed([_spoken(query, found)])[0]
    with scope(query.org_id):
        lexemes = drive_sync(read_lexemes(query.text))
        return drive_sync(_search(query, current.slot, vector, found, lexemes))


def read_lexemes(text: str) -> Plan[list[str]]:
    """The stems of a question's words, as the vault makes them."""
    found: list[str] = (yield Step(statement=statements.LEXEMES, given={"text": text}))[0][0] or []
    return found


def _search(
    query: Query, slot: Slot, vector: Vector, known: dict[str, Profile], lexemes: Sequence[str]
) -> Plan[list[Found]]:
    vocabulary = _joined([profile.vocabulary for profile in known.values()])
    speakers = [name for profile in known.values() for name in profile.speakers]
    terms = weigh(lexemes, vocabulary)
    given = statements.parameters(query, slot, _vector_text(vector), terms)
    raw: dict[str, Rows] = {}
    for kind, profile in known.items():
        raw[kind] = yield from _candidates(kind, query, given, profile, slot, len(vector))
    candidates = read_candidates(
        raw, len(terms.lexemes), asked=whose_words(query.text, speakers), times=named_times(query.text)
    )
    scores = fuse(candidates.rows, terms.weights)
    vector_ranks = places(candidates.rows.cosine, candidates.near)
    word_ranks = places(scores.text_rank, candidates.worded)
    order = np.argsort(-scores.score, kind="stable")
    if query.excerpt_tokens is not None:
        order = order[candidates.rows.tokens[order] <= query.excerpt_tokens]
    order = order[: query.limit]
    contents = yield from _contents(query, [(candidates.kinds[at], candidates.ids[at]) for at in order])
    return [
        Found.of(
            contents[candidates.ids[at]],
            kind=candidates.kinds[at],
            cosine=float(candidates.rows.cosine[at]),
            text_rank=float(scores.text_rank[at]),
            relevance=float(scores.relevance[at]),
            score=float(scores.score[at]),
            arm=candidates.arms[at],
            vector_rank=vector_ranks[at],
            word_rank=word_ranks[at],
        )
        for at in order
        if candidates.ids[at] in contents
    ]


def _candidates(kind: str, query: Query, given: dict[str, Any], profile: Profile, slot: Slot, width: int) -> Plan[Rows]:
    exact = statements.candidates(kind, query, slot, words=len(given["terms"]))
    if profile.has_index:
        exact = statements.by_own_words(exact)
    if not _is_approximate(kind, query, profile):
        return (yield Step(statement=exact, given=given))
    agent_id = query.agent_id
    assert agent_id is not None  # noqa: S101 - only one agent's rows have an index of their own
    settings, statement = indexes.approximate(kind, agent_id, slot, width, exact)
    rows: Rows = yield Step(statement=statement, given=given, settings=settings)
    near = sum(row[7] for row in rows)
    # An index that finds fewer rows than exist is never the last word.
    return rows if near >= given["rows"] else (yield Step(statement=exact, given=given))


def _is_approximate(kind: str, query: Query, profile: Profile) -> bool:
    if (
        query.is_exact
        or query.agent_id is None
        or not profile.has_index
        or profile.vocabulary.rows <= indexes.EXACT_ROWS
    ):
        return False
    return kind == "excerpt" or query.statuses == ("active",)


def _contents(query: Query, wanted: Sequence[tuple[str, UUID]]) -> Plan[dict[UUID, Rows]]:
    found: dict[UUID, Rows] = {}
    ids = {kind: [row_id for its_kind, row_id in wanted if its_kind == kind] for kind in statements.CONTENTS}
    kinds = [kind for kind in ids if ids[kind]]
    for kind in kinds:
        given = {"org": query.org_id, "ids": ids[kind]}
        rows = yield Step(statement=statements.CONTENTS[kind], given=given, is_last=kind == kinds[-1])
        found |= {row[0]: row for row in rows}
    return found


def _spoken(query: Query, known: dict[str, Profile]) -> str:
    return first_person(query.text, [name for profile in known.values() for name in profile.speakers])


def _joined(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """One vocabulary of memories and excerpts, so that a question's words weigh the same for both."""
    if len(vocabularies) == 1:
        return vocabularies[0]
    counts: dict[str, int] = {}
    for vocabulary in vocabularies:
        for word, count in vocabulary.counts.items():
            counts[word] = counts.get(word, 0) + count
    rows, sampled = (sum(getattr(v, name) for v in vocabularies) for name in ("rows", "sampled"))
    return Vocabulary(rows=rows, sampled=sampled, counts=counts)


def _vector_text(vector: Vector) -> str:
    return orjson.dumps(np.round(vector, VECTOR_DIGITS), option=orjson.OPT_SERIALIZE_NUMPY).decode()
