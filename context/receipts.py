"""Keeping receipts: what the drain writes of each turn's assembly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from context.values import Considered
from ibex.core.bulk import send
from ibex.core.ids import uuid7

Lines = Sequence[Sequence[Any]]
"""`Considered.as_row`, through JSON, of each line of a receipt."""
TurnReceipt = tuple[UUID, UUID, Lines]
"""(agent, turn, its lines)."""
_Packed = tuple[str, str, Sequence[Any]]
"""(agent, turn, line) of one memory or excerpt that was put in."""

_AT = {name: place for place, name in enumerate(Considered._fields)}
"""Where a line says what. Lines are read where they lie: making a `Considered` of each took as long as parsing them."""

_OWNED = "SELECT id::text, agent_id::text FROM {table} WHERE org_id = %s AND id = ANY(%s::uuid[]){hold}"
_MEMORIES = _OWNED.format(table="memories_memory", hold="")
# A memory goes with its agent, which the turn's trace holds; an excerpt goes when its time is over. It waits until what
# is written of it here can be removed with it.
_EXCERPTS = _OWNED.format(table="memories_excerpt", hold=" ORDER BY id FOR KEY SHARE")
_KEPT = "SELECT DISTINCT turn_id::text FROM context_injection WHERE org_id = %s AND turn_id = ANY(%s::uuid[])"
_INJECTED = {
    "id": "uuid",
    "turn_id": "uuid",
    "memory_id": "uuid",
    "excerpt_id": "uuid",
    "memory_version": "int",
    "rank": "int",
    "score": "float8",
    "arm": "text",
    "tokens": "int",
}
_said = itemgetter(*(_AT[name] for name in ("version", "rank", "score", "arm", "tokens")))
"""What a line says of the last five."""
# A row takes PostgreSQL 15 µs, of which its indexes 9. With JSON, joins and keys in place of arrays and one look a
# batch at which memories are there it took 60; ON CONFLICT takes 8.
_WRITE = f"""
    INSERT INTO context_injection (org_id, created_at, components, is_packed, reason, {", ".join(_INJECTED)})
    SELECT %s, now(), '{{}}', true, '', {", ".join(f"line.{name}" for name in _INJECTED)}
      FROM unnest({", ".join(f"%s::{kind}[]" for kind in _INJECTED.values())}) AS line({", ".join(_INJECTED)})
"""  # noqa: S608 - names of ours

AssemblyTold = tuple[UUID, UUID, UUID | None, str, Mapping[str, Any], Lines]
"""(agent, turn, its session if it was answered, end user, `context.told.told`, its lines)."""

_COLUMNS = {
    "agent_id": "uuid",
    "turn_id": "uuid",
    "end_user": "text",
    "mode": "text",
    "level": "int",
    "missing": "text[]",
    "cold_desk": "text[]",
    "directive_version": "int",
    "budget": "jsonb",
    "placement": "text",
    "joins_blocks": "bool",
    "message_count": "int",
    "wording": "text",
    "block_anchor": "text",
    "block_nonce": "text",
    "block_tokens": "int",
    "block_digest": "text",
    "forgotten": "text[]",
    "considered": "text",
}
_UNSAID = {"wording": "", "block_anchor": "", "block_nonce": "", "block_tokens": 0, "block_digest": ""}
_WRITE_ASSEMBLIES = f"""
    INSERT INTO context_assembly (id, org_id, created_at, assembled_at, session_id, {", ".join(_COLUMNS)})
    SELECT told.id, %s, now(), to_timestamp(told.assembled_at), session.id, {", ".join(f"told.{c}" for c in _COLUMNS)}
      FROM json_to_recordset(%s::json) AS told(id uuid, assembled_at float8, session_id uuid,
           {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
      LEFT JOIN agents_session session ON session.org_id = %s AND session.id = told.session_id
        ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of ours


def keep_assemblies(org_id: UUID, told: Iterable[AssemblyTold]) -> None:
    """Write how the contexts of turns came about, inside the caller's scope and transaction, in one statement.

    What is written already stays as it is. What a process of a later version tells besides is left out.
    """
    rows = [
        _UNSAID
        | {name: value for name, value in said.items() if name in _COLUMNS or name == "assembled_at"}
        | {"id": uuid7(), "agent_id": agent_id, "turn_id": turn_id, "session_id": session_id, "end_user": end_user}
        | {"considered": orjson.dumps(lines).decode()}
        for agent_id, turn_id, session_id, end_user, said, lines in told
    ]
    if rows:
        send(_WRITE_ASSEMBLIES, [org_id, orjson.dumps(rows).decode(), org_id])


def keep(org_id: UUID, turns: Iterable[TurnReceipt]) -> None:
    """Write what was put into the prompts of turns of one organization, inside the caller's scope and transaction, with
    a statement for all of them.

    Lines about memories and excerpts that are no longer there, or are not that agent's, are left out; a turn of which
    something is written already stays as it is.
    """
    packed = list(_packed(turns))
    if packed:
        kept = {turn for (turn,) in _asked(_KEPT, org_id, {turn for _, turn, _ in packed})}
        rows = list(_rows([each for each in packed if each[1] not in kept], _owned(org_id, packed)))
        if rows:
            send(_WRITE, [org_id, *(_array(column) for column in zip(*rows, strict=True))])


def _packed(turns: Iterable[TurnReceipt]) -> Iterator[_Packed]:
    is_packed = _AT["is_packed"]
    for agent_id, turn_id, lines in turns:
        agent, turn = str(agent_id), str(turn_id)
        for line in lines:
            if line[is_packed]:
                yield agent, turn, line


def _owned(org_id: UUID, packed: Sequence[_Packed]) -> AbstractSet[tuple[str, str]]:
    """(memory or excerpt, its agent) of those that are there."""
    found: set[tuple[str, str]] = set()
    for statement, place in ((_MEMORIES, _AT["memory_id"]), (_EXCERPTS, _AT["excerpt_id"])):
        ids = {str(line[place]) for _, _, line in packed if len(line) > place and line[place]}
        if ids:
            found |= _asked(statement, org_id, ids)
    return found


def _rows(packed: Iterable[_Packed], owned: AbstractSet[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
    """By the columns of `_INJECTED`; of what a turn names twice, the first."""
    memory_at, excerpt_at = _AT["memory_id"], _AT["excerpt_id"]
    first, written = uuid7().int, set[tuple[str, str]]()
    for place, (agent, turn, line) in enumerate(packed):
        memory, excerpt = line[memory_at], line[excerpt_at] if len(line) > excerpt_at else None
        about = str(memory or excerpt)
        if (about, agent) in owned and (about, turn) not in written:
            written.add((about, turn))
            yield f"{first + place:032x}", turn, memory, excerpt, *_said(line)


def _asked(statement: str, org_id: UUID, ids: Iterable[str]) -> set[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [org_id, _array(sorted(ids))])
        return set(cursor.fetchall())


def _array(values: Sequence[Any]) -> str:
    """PostgreSQL's text of an array of ids, numbers and plain names. psycopg's own takes thirty times as long."""
    return "{" + orjson.dumps(values).decode()[1:-1] + "}"
