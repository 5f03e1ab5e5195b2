"""The columns of a memory in a file: keys of an NDJSON line, or the header of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from ibex.core.errors import FieldCode
from memories.transfer.errors import UnreadableFile

READ = (
    "content", "category", "labels", "tags", "confidence", "end_user", "is_pinned", "valid_from", "valid_until",
    "observed_at", "expires_at", "subject", "attribute", "metadata",
)  # fmt: skip
PASSED_OVER = frozenset(
    (
        "id", "agent_id", "source", "status", "status_reason", "usefulness", "proof_count", "retrieval_count",
        "injection_count", "last_retrieved_at", "last_injected_at", "tokens", "version", "session_id", "checkpoint_id",
        "evidence", "extractor", "merged_into_id", "created_at", "updated_at",
    )
)  # fmt: skip
"""What the REST API says about a memory besides: IBEX decides it anew."""
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The first line of a CSV file."""

    delimiter: str
    names: Sequence[str]


def header_of(line: str) -> Header:
    """The header that a CSV file begins with. Raises UnreadableFile for one that is none."""
    for delimiter in DELIMITERS:
        names = _names(line, delimiter)
        if "content" in names:
            return _checked(Header(delimiter=delimiter, names=names))
    raise UnreadableFile(
        f"The first line must name the columns of a CSV file; `content` is required, known are {', '.join(READ)}."
    )


def _names(line: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return [name.strip().lower().lstrip("\ufeff") for name in row]


def _checked(header: Header) -> Header:
    unknown = [place for place, name in enumerate(header.names, 1) if name not in READ and name not in PASSED_OVER]
    if unknown:
        places = ", ".join(map(str, unknown[:10]))
        raise UnreadableFile(
            f"Columns that are not known: number {places}. Known are {', '.join(READ)}.",
            code=FieldCode.INVALID_ENUM,
        )
    if len(set(header.names)) != len(header.names):
        raise UnreadableFile("The first line names a column twice.")
    return header
