"""Step 1: whether a draft can become a memory at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unicodedata import normalize

import orjson

from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.unseen import visible
from memories.choices import Category, Source
from memories.models.memory import CONTENT_MAX, END_USER_MAX, TAG_MAX
from memories.refinement.draft import Draft

LABELS_MAX = 3
TAGS_MAX = 32
METADATA_MAX_KEYS = 64
METADATA_MAX_DEPTH = 16
"""Lists and objects inside each other."""
METADATA_MAX_BYTES = 16_384
"""Of its JSON: every version of a memory holds it once more."""
NUMBER_MAX = 2**63
"""A number has at most 64 bits: no reader could be sure of more."""
SLOT_MAX = 120
"""Characters of a subject or an attribute."""


def tidied(draft: Draft) -> Draft:
    """The draft with its texts trimmed: what nobody could see, NUL among it, and white space around them are gone."""
    return replace(
        draft,
        content=_clean(draft.content),
        evidence=_clean(draft.evidence),
        end_user=draft.end_user.strip(),
        subject=_clean(draft.subject)[:SLOT_MAX],
        attribute=_clean(draft.attribute)[:SLOT_MAX],
        tags=tuple(dict.fromkeys(_clean(tag) for tag in draft.tags)),
    )


def check(draft: Draft) -> None:
    """Raise InvalidRequest with every problem of `draft`: for surfaces that talk to people and programs."""
    if wrong := problems(tidied(draft)):
        raise InvalidRequest(field_errors=wrong)


def problems(draft: Draft) -> list[FieldError]:
    """Everything that is wrong with a tidied draft, in the words of the error envelope; empty when it may go on."""
    found: list[FieldError] = []
    if not draft.content:
        found.append(FieldError("content", FieldCode.REQUIRED, "A memory needs a text."))
    if len(draft.content) > CONTENT_MAX:
        found.append(FieldError("content", FieldCode.TOO_LONG, f"At most {CONTENT_MAX} characters."))
    if draft.category not in Category.values:
        found.append(FieldError("category", FieldCode.INVALID_ENUM, f"One of {', '.join(Category.values)}."))
    if draft.source not in Source.values:
        found.append(FieldError("source", FieldCode.INVALID_ENUM, f"One of {', '.join(Source.values)}."))
    if len(draft.end_user) > END_USER_MAX:
        found.append(FieldError("end_user", FieldCode.TOO_LONG, f"At most {END_USER_MAX} characters."))
    elif not draft.end_user.isprintable():
        found.append(FieldError("end_user", FieldCode.INVALID_FORMAT, "Printable characters, as in X-IBEX-User-ID."))
    return (
        found
        + _label_problems(draft)
        + _tag_problems(draft)
        + _number_problems(draft)
        + _metadata_problems(draft.metadata)
    )


def _label_problems(draft: Draft) -> list[FieldError]:
    if len(draft.labels) > LABELS_MAX:
        return [FieldError("labels", FieldCode.TOO_MANY, f"At most {LABELS_MAX} labels.")]
    if any(not name.strip() or not 0 <= confidence <= 1 for name, confidence in draft.labels):
        return [FieldError("labels", FieldCode.INVALID_FORMAT, "A label has a name and a confidence from 0 to 1.")]
    return []


def _tag_problems(draft: Draft) -> list[FieldError]:
    if len(draft.tags) > TAGS_MAX:
        return [FieldError("tags", FieldCode.TOO_MANY, f"At most {TAGS_MAX} tags.")]
    if any(not 1 <= len(tag) <= TAG_MAX for tag in draft.tags):
        return [FieldError("tags", FieldCode.INVALID_FORMAT, f"A tag has 1 to {TAG_MAX} characters.")]
    return []


def _number_problems(draft: Draft) -> list[FieldError]:
    found = []
    if not 0 <= draft.confidence <= 1:
        found.append(FieldError("confidence", FieldCode.INVALID_FORMAT, "A number from 0 to 1."))
    if draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from:
        found.append(FieldError("valid_until", FieldCode.INVALID_FORMAT, "Not before valid_from."))
    return found


def _metadata_problems(metadata: dict[str, Any]) -> list[FieldError]:
    """What the database, or a reader in another language, could not hold."""
    if len(metadata) > METADATA_MAX_KEYS:
        return [FieldError("metadata", FieldCode.TOO_MANY, f"At most {METADATA_MAX_KEYS} keys.")]
    for value, depth in _inside(metadata):
        if depth > METADATA_MAX_DEPTH:
            return [_wrong_metadata(f"At most {METADATA_MAX_DEPTH} lists and objects inside each other.")]
        if isinstance(value, str) and "\x00" in value:
            return [_wrong_metadata("It holds a NUL character.")]
        if isinstance(value, int | float) and abs(value) >= NUMBER_MAX:
            return [_wrong_metadata("A number in it is too large.")]
    if len(orjson.dumps(metadata)) > METADATA_MAX_BYTES:
        return [FieldError("metadata", FieldCode.TOO_LONG, f"At most {METADATA_MAX_BYTES} bytes of JSON.")]
    return []


def _wrong_metadata(message: str) -> FieldError:
    return FieldError("metadata", FieldCode.INVALID_FORMAT, message)


def _inside(value: Any, depth: int = 1) -> Iterator[tuple[Any, int]]:
    """Every key and value within, and how many lists and objects stand around it; nothing below what is too deep."""
    if isinstance(value, dict | list) and depth <= METADATA_MAX_DEPTH + 1:
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            yield inner, depth
            yield from _inside(inner, depth + 1)


def _clean(text: str) -> str:
    # A lone surrogate, half a pair from someone's JSON, is no text that a database would take.
    # One form for letters that can be written in two ways: "é" and "e" with an accent after it are the same words.
    return normalize("NFC", visible(text).encode("utf-8", "replace").decode()).strip()
