"""Short names for addresses and headers."""

from __future__ import annotations

import re
from collections.abc import Container

from django.utils.text import slugify

from agents.errors import SlugTaken
from ibex.core.errors import FieldCode, FieldError, InvalidRequest
from ibex.core.ids import parse_uuid

SLUG_MAX = 63
ENDING_MAX = 6
"""Characters kept free for the number that tells two of one name apart."""
_FORM = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?", re.ASCII)


def choose(slug: str, *, name: str, fallback: str, taken: Container[str]) -> str:
    """The given slug, or one made from `name` that is not taken. Raises InvalidRequest, SlugTaken."""
    if not slug:
        return _free(slugify(name)[: SLUG_MAX - ENDING_MAX].strip("-_") or fallback, taken)
    slug = slug.lower()
    if len(slug) > SLUG_MAX:
        raise _refused(FieldCode.TOO_LONG, f"It is too long: at most {SLUG_MAX} characters.")
    if not _FORM.fullmatch(slug) or parse_uuid(slug):
        raise _refused(FieldCode.INVALID_FORMAT, "Lower-case letters, digits and single dashes, and not a UUID.")
    if slug in taken:
        raise SlugTaken
    return slug


def _free(base: str, taken: Container[str]) -> str:
    if parse_uuid(base):
        base = f"{base[:8]}-agent"
    number = 2
    slug = base
    while slug in taken:
        slug = f"{base}-{number}"
        number += 1
    return slug


def _refused(code: FieldCode, sentence: str) -> InvalidRequest:
    return InvalidRequest(field_errors=[FieldError("slug", code, sentence)])
