"""What a session was shown before, found again in the receipts when the desk has forgotten it.

A block is made of the memories that its turn was given, in the versions that they had, of its excerpts, its own nonce
and its wording, so that it comes out byte for byte as it was; its digest says so, and one that comes out otherwise, as
after an organization changed its words, is not used. The session is the call's own, and for turns of the history that
this one does not have, the sessions that do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from agents.prints import line_prints
from context.desk_read import MAX_BLOCKS, HotMemory, ShownBlock
from context.mode import Mode
from context.render import render
from context.told import digest_of
from context.values import Arm
from context.wording import DEFAULT, WORDINGS, Wording

SESSIONS_MAX = 8
"""Sessions that one history may continue: after each time that the desk forgets, it goes on in a new one."""
PAST_TURNS = 6
"""Of a history, the latest turns that its sessions are found by."""

_STATEMENT = f"""
WITH told AS (
  SELECT c.session_id AS id
    FROM unnest(%(asked)s::text[], %(lines)s::text[], %(answers)s::text[]) AS past(asked, lines, answer)
    JOIN agents_checkpoint c ON c.org_id = %(org)s AND c.agent_id = %(agent)s AND c.answer_print = past.answer
     AND c.answer_print = ANY(%(answers)s) AND c.end_user = %(user)s AND NOT c.is_imported
     AND CASE WHEN c.stripped_at IS NULL THEN position(past.asked IN c.user_text) > 0
              ELSE c.asked_prints @> past.lines::bigint[] END
   WHERE NOT EXISTS (
     SELECT 1 FROM agents_checkpoint own
      WHERE own.org_id = %(org)s AND own.session_id = %(session)s AND own.answer_print = past.answer
   )
   GROUP BY c.session_id ORDER BY max(c.finished_at) DESC LIMIT {SESSIONS_MAX}
), block AS (
  SELECT * FROM context_assembly a
   WHERE a.org_id = %(org)s AND a.session_id = ANY(%(session)s::uuid || ARRAY(SELECT id FROM told))
     AND a.agent_id = %(agent)s AND a.end_user = %(user)s AND a.mode = '{Mode.ON}'
     AND (a.block_nonce <> '' OR a.forgotten <> '{{{{}}}}')
     AND (%(before)s::timestamptz IS NULL OR a.assembled_at < %(before)s)
   ORDER BY a.assembled_at DESC LIMIT {MAX_BLOCKS}
)
SELECT b.turn_id, b.session_id, b.block_anchor, b.block_nonce, b.block_tokens, b.block_digest, b.wording, b.forgotten,
       i.memory_id, i.memory_version, v.snapshot, e.id, e.content, e.said_at, e.role, e.speaker, {{alive}}
  FROM block b
  LEFT JOIN context_injection i
    ON i.org_id = b.org_id AND i.turn_id = b.turn_id AND i.is_packed AND i.arm <> '{Arm.REPLAYED}'
  LEFT JOIN memories_memoryversion v
    ON v.org_id = i.org_id AND v.memory_id = i.memory_id AND v.number = i.memory_version
  LEFT JOIN memories_excerpt e ON e.org_id = i.org_id AND e.id = i.excerpt_id
 ORDER BY b.assembled_at, b.turn_id
"""  # noqa: S608 - constants only


@dataclass(frozen=True, kw_only=True, slots=True)
class PastBlock:
    """What one block was made of."""

    session_id: UUID
    anchor: str
    nonce: str
    tokens: int
    digest: str
    wording: str = DEFAULT.name
    memories: tuple[HotMemory, ...] = field(repr=False)
    """And excerpts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownBefore:
    """Oldest first."""

    blocks: tuple[PastBlock, ...] = ()
    gone: frozenset[UUID] = frozenset()
    """Of their memories and excerpts, those that must not be shown again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """Which conversation is looked for. `past`: (what was asked, print of the answer) of its latest turns."""

    org_id: UUID
    agent_id: UUID
    end_user: str
    session_id: UUID | None
    past: Sequence[tuple[str, str]] = ()
    before: datetime | None = None
    """Only what was shown before then."""


def statement(alive: str) -> str:
    """What is asked of the vault, with `parameters`; `alive`: whether a line `i` of a receipt is about a
    memory or an excerpt that may be shown.
    """
    return _STATEMENT.format(alive=alive)


def parameters(talk: Talk) -> dict[str, Any]:
    """What the statement is given. PostgreSQL holds no NUL."""
    return {
        "org": talk.org_id,
        "agent": talk.agent_id,
        "user": talk.end_user,
        "session": talk.session_id,
        "asked": [asked.replace("\0", "") for asked, _ in talk.past],
        "lines": ["{" + ",".join(map(str, line_prints(asked.replace("\0", "")))) + "}" for asked, _ in talk.past],
        "answers": [answer for _, answer in talk.past],
        "before": talk.before,
    }


def read_rows(rows: Sequence[Sequence[Any]]) -> ShownBefore:
    """What the statement answered. Of two sessions that stood at one place the latter's blocks count."""
    forgotten = {nonce for row in rows for nonce in row[7]}
    blocks: dict[UUID, PastBlock] = {}
    for turn_id, session_id, anchor, nonce, tokens, digest, wording, _, *line in rows:
        if nonce and nonce not in forgotten:
            known = blocks.get(turn_id)
            memories = (*known.memories, *_memory(line)) if known else tuple(_memory(line))
            blocks[turn_id] = PastBlock(
                session_id=session_id,
                anchor=anchor,
                nonce=nonce,
                tokens=tokens,
                digest=digest,
                wording=wording,
                memories=memories,
            )
    latest = {block.anchor: block.session_id for block in blocks.values()}
    return ShownBefore(
        blocks=tuple(block for block in blocks.values() if latest[block.anchor] == block.session_id),
        gone=frozenset(row[8] or row[11] for row in rows if (row[8] or row[11]) and not row[-1]),
    )


def made_again(before: ShownBefore, wording: Wording = DEFAULT) -> tuple[ShownBlock, ...]:
    """The blocks as they stood in the prompts; without those of which something is not there any more.

    `wording`: the agent's of now, for those that were made with an organization's own words.
    """
    made = (_block(past, WORDINGS.get(past.wording, wording)) for past in before.blocks)
    return tuple(block for block, past in zip(made, before.blocks, strict=True) if digest_of(block.text) == past.digest)


def _block(past: PastBlock, wording: Wording) -> ShownBlock:
    claims = [memory for memory in past.memories if not memory.is_excerpt]
    return ShownBlock(
        anchor=past.anchor,
        text=render(past.memories, past.nonce, wording),
        memory_ids=tuple(memory.id for memory in claims),
        versions=tuple(memory.version for memory in claims),
        excerpt_ids=tuple(memory.id for memory in past.memories if memory.is_excerpt),
        tokens=past.tokens,
        nonce=past.nonce,
    )


def _memory(line: Sequence[Any]) -> list[HotMemory]:
    """One of the block's memories, in the version that it had then, or excerpts; none when that is not kept."""
    memory_id, version, kept, excerpt_id, said, said_at, role, speaker, _ = line
    if excerpt_id is not None:
        quoted = _made(excerpt_id, said, "episodic", said_at)
        return [quoted._replace(is_excerpt=True, role=role, speaker=speaker)]
    snapshot = orjson.loads(kept) if isinstance(kept, str) else kept or {}
    if snapshot.get("content") is None or snapshot.get("observed_at") is None:
        return []
    valid_from = snapshot.get("valid_from")
    memory = _made(
        memory_id, snapshot["content"], snapshot["category"], datetime.fromisoformat(snapshot["observed_at"])
    )
    return [
        memory._replace(
            version=version,
            is_pinned=bool(snapshot.get("is_pinned")),
            by_operator=bool(snapshot.get("by_operator")),
            valid_from=datetime.fromisoformat(valid_from).timestamp() if valid_from else None,
            source=snapshot["source"],
        )
    ]


def _made(row_id: UUID, content: str, category: str, at: datetime) -> HotMemory:
    """What a block shows of it; nothing is scored again."""
    return HotMemory(
        id=row_id,
        content=content,
        category=category,
        confidence=0.0,
        usefulness=0.0,
        injections=0,
        observed_at=at.timestamp(),
        tokens=0,
        version=1,
    )
