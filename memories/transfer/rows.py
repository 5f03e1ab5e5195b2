"""One record of a file as a draft of a memory. Values are as JSON has them, or texts as CSV does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from ibex.core.errors import FieldCode, FieldError
from memories.choices import Category, Source
from memories.models.memory import TAG_MAX
from memories.refinement.draft import Draft
from memories.refinement.validate import problems, tidied
from memories.transfer.columns import PASSED_OVER, READ

YEARS = range(1000, 3000)
"""Outside of them a time may have no place in another time zone's calendar."""
_YES, _NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What all drafts of an import have in common."""

    org_id: UUID
    agent_id: UUID
    end_user: str
    actor: str
    now: datetime


class _Refused(Exception):
    """A value that cannot be read; the sentence says what would be."""


def draft_of(row: Mapping[str, Any], ground: Ground) -> Draft | FieldError:
    """The draft, or the first thing that is wrong with it."""
    given = {name: value for name, value in row.items() if value is not None and value != ""}
    if unknown := next((name for name in given if name not in READ and name not in PASSED_OVER), None):
        place = list(given).index(unknown) + 1
        return FieldError("line", FieldCode.INVALID_ENUM, f"Its field number {place} has a name that is not known.")
    fields: dict[str, Any] = {}
    for name, read in _READERS.items():
        if name in given:
            try:
                fields[name] = read(given[name])
            except _Refused as refused:
                return FieldError(name, FieldCode.INVALID_FORMAT, str(refused))
    draft = tidied(_draft(fields, ground))
    return next(iter(problems(draft)), draft)


def _draft(fields: dict[str, Any], ground: Ground) -> Draft:
    observed_at = min(fields.pop("observed_at", ground.now), ground.now)
    given = {"content": "", "category": Category.FACTUAL, "end_user": ground.end_user} | fields
    return Draft(
        org_id=ground.org_id,
        agent_id=ground.agent_id,
        source=Source.IMPORTED,
        observed_at=observed_at,
        actor=ground.actor,
        **given,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Refused("It must be a text.")
    return value


def _word(value: Any) -> str:
    return _text(value).strip().lower()


def _number(value: Any) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise _Refused("It must be a number from 0 to 1.")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word not in _YES | _NO:
        raise _Refused("It must be true or false.")
    return word in _YES


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value).strip())
    except ValueError:
        raise _Refused("It must be a date or time as in 2026-03-02 or 2026-03-02T09:00:00Z.") from None
    if moment.year not in YEARS:
        raise _Refused(f"Its year must be from {YEARS.start} to {YEARS.stop - 1}.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tags(value: Any) -> tuple[str, ...]:
    return tuple(tag for tag in map(_text, _listed(value)) if tag.strip())


def _labels(value: Any) -> tuple[tuple[str, float], ...]:
    labels = tuple(map(_label, _listed(value)))
    if any(len(name) > TAG_MAX for name, _ in labels):
        raise _Refused(f"A label has at most {TAG_MAX} characters.")
    return labels


def _label(value: Any) -> tuple[str, float]:
    if isinstance(value, Mapping):
        return _clean(_text(value.get("name"))), _number(value.get("confidence", 1.0))
    name, separator, confidence = _text(value).rpartition(":")
    return (_clean(name), _number(confidence)) if separator else (_clean(confidence), 1.0)


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()


def _listed(value: Any) -> Iterable[Any]:
    """A list, or a text with semicolons between its parts."""
    if isinstance(value, list):
        return value
    return [part for part in _text(value).split(";") if part.strip()]


def _metadata(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise _Refused("It must be a JSON object.")
    return value


_READERS = {
    "content": _text,
    "category": _word,
    "labels": _labels,
    "tags": _tags,
    "confidence": _number,
    "end_user": _text,
    "is_pinned": _flag,
    "valid_from": _moment,
    "valid_until": _moment,
    "observed_at": _moment,
    "expires_at": _moment,
    "subject": _text,
    "attribute": _text,
    "metadata": _metadata,
}
