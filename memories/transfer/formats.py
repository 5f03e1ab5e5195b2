"""Files as records. Each record is a JSON object or a row, or says what is wrong with it; all come with their place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from ibex.core.errors import FieldCode, FieldError
from memories.models.imports import ImportFormat, ImportRun
from memories.transfer.columns import header_of
from memories.transfer.errors import UnreadableFile
from memories.transfer.json_list import objects_of
from memories.transfer.reading import Lines, pieces_from

BOM = b"\xef\xbb\xbf"
VALUE_MAX = 131_072
"""Characters of one value in a CSV file: Python's own default."""
_NOT_JSON = FieldError("line", FieldCode.INVALID_FORMAT, "It is not JSON, too deep, or holds half of a surrogate pair.")
_NO_OBJECT = FieldError("line", FieldCode.INVALID_FORMAT, "It is no JSON object.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """`line`: where it begins. `position` and `next_line`: where the next one does."""

    line: int
    position: int
    next_line: int
    value: dict[str, Any] | None = None
    problem: FieldError | None = None


def records_of(run: ImportRun, *, from_start: bool = False) -> Iterator[Record]:
    """The file's records, from where the run stands. Raises UnreadableFile where nothing behind can be read either."""
    position, line = (0, 1) if from_start else (run.position, run.line)
    match run.format:
        case ImportFormat.CSV:
            return _rows(run, position, line)
        case ImportFormat.CHATGPT:
            return _objects(run, position, line)
        case _:
            return _json_lines(Lines(run, position=position, number=line))


def _json_lines(lines: Lines) -> Iterator[Record]:
    number = lines.number
    for raw in lines:
        text = raw.removeprefix(BOM).strip() if number == 1 else raw.strip()
        if text:
            value, problem = _object(text)
            yield Record(line=number, position=lines.position, next_line=lines.number, value=value, problem=problem)
        number = lines.number


def _object(text: bytes) -> tuple[dict[str, Any] | None, FieldError | None]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, _NOT_JSON
    return (value, None) if isinstance(value, dict) else (None, _NO_OBJECT)


def _rows(run: ImportRun, position: int, line: int) -> Iterator[Record]:
    start = Lines(run)
    header = header_of(next(start).removeprefix(BOM).decode())
    lines = Lines(run, position=position, number=line) if position else start
    reader = csv.reader((raw.decode() for raw in lines), delimiter=header.delimiter, strict=True)
    number = lines.number
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise UnreadableFile(
                f"The row at line {number} is not CSV: a quotation mark is not closed or stands where none may, or a "
                f"value has over {VALUE_MAX:,} characters."
            ) from None
        if row is None:
            return
        if any(value.strip() for value in row):
            value, problem = _row(row, header.names)
            yield Record(line=number, position=lines.position, next_line=lines.number, value=value, problem=problem)
        number = lines.number


def _row(row: list[str], names: Any) -> tuple[dict[str, Any] | None, FieldError | None]:
    if len(row) != len(names):
        said = f"The row has {len(row)} values, and the first line names {len(names)} columns."
        return None, FieldError("line", FieldCode.INVALID_FORMAT, said)
    return dict(zip(names, row, strict=True)), None


def _objects(run: ImportRun, position: int, number: int) -> Iterator[Record]:
    for value, end in objects_of(pieces_from(run, position), position=position, number=number):
        yield Record(line=number, position=end, next_line=number + 1, value=value)
        number += 1
