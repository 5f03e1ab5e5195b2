"""What a memory is tied to, and what that is tied to, as a small drawing: three columns, read from left to right."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from memories.models import Memory, Relationship
from memories.selectors import ONLY_FOR_SEARCH
from memories.views.surroundings import Tie, phrase_of

COLUMN_MAX = 7
"""Memories drawn in one column; the list beside the drawing has the others."""
NODE_WIDTH, NODE_HEIGHT = 134, 40
GAP_X, GAP_Y = 84, 12
MARGIN = 2
LINE_CHARACTERS, LINES = 20, 2
BASELINE_1, BASELINE_2, BASELINE_ONLY = 17, 31, 24
"""Distances of a text's lines from the top of its box."""
PHRASE_GAP = 4
"""Between a phrase and its line, and between it and the box. All lengths are pixels of the drawing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A memory's box, from its upper left corner. `lines`: the beginning of its text, each with its baseline."""

    memory: Memory
    x: int
    y: int
    lines: Sequence[tuple[int, str]]
    is_here: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An edge from a box to one in the next column. `phrase` reads from left to right and ends at (x, y), before the
    right box: there each edge is alone.
    """

    path: str
    phrase: str
    x: int
    y: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """The drawing."""

    nodes: Sequence[Node]
    links: Sequence[Link]
    width: int
    height: int
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT


def graph_of(memory: Memory, ties: Sequence[Tie]) -> Graph | None:
    """The drawing around `memory`; None when its list of ties says it all. One query."""
    near = _distinct(tie.other for tie in ties if tie.other.deleted_at is None and tie.other.pk != memory.pk)
    if not near:
        return None
    edges = _edges(memory.org_id, [one.pk for one in near])
    known = {memory.pk, *(one.pk for one in near)}
    # In the order of what they are tied to, so that few lines cross.
    ends = [edge_end for one in near for edge in edges for edge_end in _ends(edge, one)]
    far = _distinct(end for end in ends if end.pk not in known)
    if len(near) == 1 and not far:
        return None
    columns = [[memory], near, far] if far else [[memory], near]
    height = max(len(column) for column in columns) * (NODE_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    nodes = {node.memory.pk: node for at, column in enumerate(columns) for node in _column(column, at, height)}
    return Graph(
        nodes=list(nodes.values()),
        links=[link for edge in edges if (link := _link(edge, nodes))],
        width=len(columns) * (NODE_WIDTH + GAP_X) - GAP_X + 2 * MARGIN,
        height=height,
    )


def _edges(org_id: UUID, near: Sequence[UUID]) -> list[Relationship]:
    """Every edge of the nearest memories: those to the one shown, and those to the next column."""
    rows = (
        Relationship.objects.of(org_id)
        .filter(Q(source__in=near) | Q(target__in=near), source__deleted_at=None, target__deleted_at=None)
        .select_related("source", "target")
        .defer(*(f"{end}__{field}" for end in ("source", "target") for field in ONLY_FOR_SEARCH))
        .order_by("-created_at", "-pk")[: COLUMN_MAX * COLUMN_MAX]
    )
    return list(rows)


def _ends(edge: Relationship, memory: Memory) -> tuple[Memory, ...]:
    """The other end of an edge of `memory`; nothing for the edges of others."""
    if memory.pk not in {edge.source_id, edge.target_id}:
        return ()
    return (edge.target if edge.source_id == memory.pk else edge.source,)


def _distinct(memories: Iterable[Memory]) -> list[Memory]:
    return list({memory.pk: memory for memory in memories}.values())[:COLUMN_MAX]


def _column(memories: Sequence[Memory], at: int, height: int) -> list[Node]:
    own_height = len(memories) * (NODE_HEIGHT + GAP_Y) - GAP_Y
    top = (height - own_height) // 2
    return [
        Node(
            memory=memory,
            x=MARGIN + at * (NODE_WIDTH + GAP_X),
            y=top + row * (NODE_HEIGHT + GAP_Y),
            lines=_lines(memory.content),
            is_here=at == 0,
        )
        for row, memory in enumerate(memories)
    ]


def _lines(text: str) -> list[tuple[int, str]]:
    lines = textwrap.wrap(text, width=LINE_CHARACTERS, max_lines=LINES, placeholder="…")
    baselines = (BASELINE_1, BASELINE_2) if len(lines) > 1 else (BASELINE_ONLY,)
    return list(zip(baselines, lines, strict=False))


def _link(edge: Relationship, nodes: Mapping[UUID, Node]) -> Link | None:
    """None where an end is not drawn, or both stand in one column."""
    source, target = nodes.get(edge.source_id), nodes.get(edge.target_id)
    if source is None or target is None or source.x == target.x:
        return None
    left, right = (source, target) if source.x < target.x else (target, source)
    start, end = left.x + NODE_WIDTH, right.x
    y1, y2 = left.y + NODE_HEIGHT // 2, right.y + NODE_HEIGHT // 2
    middle = (start + end) // 2
    return Link(
        path=f"M{start} {y1}C{middle} {y1} {middle} {y2} {end} {y2}",
        phrase=phrase_of(edge, left.memory),
        x=end - PHRASE_GAP,
        y=y2 - PHRASE_GAP,
    )
