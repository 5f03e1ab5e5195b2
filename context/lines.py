"""The lines of a receipt as a turn's assembly keeps them: lists of values, which cost a twelfth of as many rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from context.score import COMPONENT_DIGITS, WEIGHTS
from context.values import Considered


def line_of(said: Mapping[str, Any]) -> list[Any]:
    """`Considered.as_row` of the line that `Considered.as_json` says. Raises KeyError on what is none."""
    parts = said["components"]
    known = {**said, "components": [parts.get(name) for name in WEIGHTS] if parts else []}
    return [known.get(name) for name in Considered._fields]


def kept(considered: str, lines: Sequence[Sequence[Any]] | None) -> Sequence[Sequence[Any]]:
    """The lines of an assembly, whichever of its two columns has them; none of one that has neither."""
    return orjson.loads(considered) if considered else lines or ()


def read(lines: Sequence[Sequence[Any]]) -> Iterator[tuple[Considered, dict[str, float]]]:
    """Lines as they were considered, each with its components by name, as far as they are known."""
    for row in lines:
        line = Considered.from_row(row)
        said: Sequence[float | None] = line.components
        parts = {
            name: round(part, COMPONENT_DIGITS) for name, part in zip(WEIGHTS, said, strict=False) if part is not None
        }
        yield line._replace(memory_id=_id(line.memory_id), excerpt_id=_id(line.excerpt_id)), parts


def _id(text: Any) -> UUID | None:
    return UUID(text) if text else None
