"""Step 1: whether a draft can become a memory at all."""

from __future__ import annotations

from dataclasses import replace

from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from memories.choices import Category, Source
from memories.models.memory import CONTENT_MAX, END_USER_MAX, TAG_MAX
from memories.refinement.draft import Draft

LABELS_MAX = 3
TAGS_MAX = 32
METADATA_MAX_KEYS = 64
SLOT_MAX = 120
"""Characters of a subject or an attribute."""


def tidied(draft: Draft) -> Draft:
    """The draft with its texts trimmed: NUL, which PostgreSQL cannot hold, and white space around it are gone."""
    return replace(
        draft,
        content=_clean(draft.content),
        evidence=_clean(draft.evidence),
        end_user=_clean(draft.end_user),
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
    return found + _label_problems(draft) + _tag_problems(draft) + _number_problems(draft)


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
    if len(draft.metadata) > METADATA_MAX_KEYS:
        found.append(FieldError("metadata", FieldCode.TOO_MANY, f"At most {METADATA_MAX_KEYS} keys."))
    return found


def _clean(text: str) -> str:
    # A lone surrogate, half a pair from someone's JSON, is no text that a database would take.
    return text.replace("\x00", "").encode("utf-8", "replace").decode().strip()
