"""What the desk does not know, from the vault: raw SQL on the hot path's own pool, under the tenant's scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.directive_desk import load
from context.desk_read import HotMemory
from context.retrieve import Directive, Lookup
from context.shown_before import ShownBefore, Talk, parameters, read_rows, statement
from context.values import Arm, Candidate
from ibex.core.tenancy import async_scope
from memories.retrieval.query import PROMPT_EXCERPT_TOKENS
from memories.retrieval.search import Found, Query, search

COLD_LIMIT = 50
"""Memories that the search returns at most (SPEC section 6)."""
EXCERPT_LIMIT = 20
"""Excerpts, at most: the gates leave a third of them."""
PINNED_LIMIT = 50
"""As many as the desk would hold."""

# Only such a memory is ever put into a prompt (SPEC section 5).
_INJECTABLE = """status = 'active' AND deleted_at IS NULL
    AND (expires_at IS NULL OR expires_at > now()) AND (valid_until IS NULL OR valid_until > now())"""
_DIRECTIVE = """
    SELECT d.content, d.version, d.tokens
    FROM agents_agent a JOIN agents_directive d ON d.org_id = a.org_id AND d.id = a.directive_id
    WHERE a.org_id = %s AND a.id = %s
"""
_PINNED = f"""
    SELECT id, content, category, confidence, usefulness, injection_count, observed_at, tokens, version, valid_from,
           source, by_operator
    FROM memories_memory
    WHERE org_id = %s AND agent_id = %s AND end_user IN ('', %s) AND is_pinned AND {_INJECTABLE}
    ORDER BY usefulness DESC, observed_at DESC LIMIT {PINNED_LIMIT}
"""  # noqa: S608 - constants only
_THOSE = "org_id = %(org)s AND agent_id = %(agent)s AND end_user IN ('', %(user)s) AND id = ANY(%(shown)s)"
_ALIVE = f"""
    SELECT id FROM memories_memory WHERE {_THOSE} AND {_INJECTABLE}
    UNION ALL
    SELECT id FROM memories_excerpt WHERE {_THOSE} AND (expires_at IS NULL OR expires_at > now())
"""  # noqa: S608 - constants only
_SHOWN = statement(f"""EXISTS (
    SELECT 1 FROM memories_memory
    WHERE org_id = i.org_id AND id = i.memory_id AND end_user IN ('', %(user)s) AND {_INJECTABLE}
) OR (e.end_user IN ('', %(user)s) AND (e.expires_at IS NULL OR e.expires_at > now())) IS TRUE""")  # noqa: S608 - constants only

_COLD = Arm.COLD  # looked up once: each call makes fifty candidates
NO_DIRECTIVE = Directive(content="", version=0)


class VaultRetriever:
    """`context.retrieve.Retriever` on PostgreSQL. Stateless."""

    async def directive(self, lookup: Lookup) -> Directive:
        """The directive in force; empty when the agent has none. It is put back on a desk that answers."""
        if lookup.desk_answers:
            standing = await load(lookup.org_id, lookup.agent_id)
            if standing is None:
                return NO_DIRECTIVE
            return Directive(content=standing.content, version=standing.version or 0, tokens=standing.tokens)
        # A desk that hangs would make the directive late, which the vault has in a millisecond.
        rows = await _rows(lookup.org_id, _DIRECTIVE, [lookup.org_id, lookup.agent_id])
        return Directive(content=rows[0][0], version=rows[0][1], tokens=rows[0][2]) if rows else NO_DIRECTIVE

    async def hot(self, lookup: Lookup) -> Sequence[HotMemory]:
        """The pinned memories. The rest of what would be on the desk is found by the search if it matters here."""
        rows = await _rows(lookup.org_id, _PINNED, [lookup.org_id, lookup.agent_id, lookup.end_user])
        return [_pinned(row) for row in rows]

    async def cold(self, lookup: Lookup) -> Sequence[Candidate]:
        """What the search finds; it embeds the query itself. Raises EmbeddingBusy when too many queries wait."""
        return [candidate_of(found) for found in await search(_query(lookup))]

    async def excerpts(self, lookup: Lookup) -> Sequence[Candidate]:
        """What was said, by the same search. Raises as `cold` does; both embed the query once."""
        return [candidate_of(found) for found in await search(excerpt_query(_query(lookup)))]

    async def alive(self, lookup: Lookup) -> Collection[UUID]:
        """Which of the shown memories and excerpts may still be shown."""
        whose = {"org": lookup.org_id, "agent": lookup.agent_id, "user": lookup.end_user}
        rows = await _rows(lookup.org_id, _ALIVE, whose | {"shown": list(lookup.shown)})
        return {row[0] for row in rows}

    async def shown(self, talk: Talk) -> ShownBefore:
        """What a conversation was shown, from the receipts."""
        return read_rows(await _rows(talk.org_id, _SHOWN, parameters(talk)))


def excerpt_query(query: Query) -> Query:
    """The same question to what was said."""
    return replace(
        query,
        limit=EXCERPT_LIMIT,
        include_memories=False,
        include_excerpts=True,
        excerpt_tokens=PROMPT_EXCERPT_TOKENS,
    )


def _query(lookup: Lookup) -> Query:
    return Query(
        org_id=lookup.org_id,
        agent_id=lookup.agent_id,
        end_user=lookup.end_user,
        text=lookup.query.replace("\0", " "),  # PostgreSQL holds no NUL
        limit=COLD_LIMIT,
        cuts=lookup.cuts,
    )


async def _rows(org_id: UUID, statement: str, arguments: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    async with async_scope(org_id, waits=False) as connection:
        cursor = await connection.execute(statement, arguments)
        return await cursor.fetchall()


def _pinned(row: Sequence[Any]) -> HotMemory:
    memory_id, content, category, confidence, usefulness, injections, observed, tokens, version, since, *origin = row
    source, by_operator = origin
    return HotMemory(
        id=memory_id,
        content=content,
        category=category,
        confidence=confidence,
        usefulness=usefulness,
        injections=injections,
        observed_at=observed.timestamp(),
        tokens=tokens,
        version=version,
        is_pinned=True,
        valid_from=_seconds(since),
        source=source,
        by_operator=by_operator,
    )


def candidate_of(found: Found) -> Candidate:
    return Candidate(found, _COLD, found.relevance, found.vector_rank, found.word_rank)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
