"""The words around memories in a prompt: one template a locale, and an organization's own words in their place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson
import structlog

from context.wording import de, en
from context.wording.base import FrameTokens, Wording
from ibex.core import metrics

WORDINGS = {"en": en.WORDING, "de": de.WORDING}
DEFAULT_LOCALE = "en"
DEFAULT = WORDINGS[DEFAULT_LOCALE]
WORD_TOKENS = {
    "introduction": "block",
    "procedures": "procedures",
    "instructions": "instructions",
    "excerpts": "excerpts",
    "directive_in_user_message": "directive",
}
"""Texts that an organization may word itself, each with its part of a frame's tokens."""
DIGEST_BYTES = 8
CACHED = 1_024
"""Wordings of as many organizations and locales, about 2 KiB each."""

_log = structlog.get_logger(__name__)


@lru_cache(maxsize=CACHED)
def wording_of(locale: str, stored: str) -> Wording:
    """The wording of an agent whose own locale is `locale` (empty: its organization's), where the organization has
    `stored` (`agents.models.Organization.wording`, as text). What cannot be read is counted, and the template serves.
    """
    try:
        said = orjson.loads(stored or "{}")
        chosen = locale or said.get("locale") or DEFAULT_LOCALE
        template = WORDINGS.get(chosen, DEFAULT)
        own = said.get("own", {}).get(chosen)
        return with_own_words(template, own["words"], own["tokens"]) if own else template
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        metrics.BOUNDARY_ERRORS.labels(boundary="wording").inc()
        _log.error("wording_not_read", error=type(error).__name__)
        return WORDINGS.get(locale, DEFAULT)


def with_own_words(template: Wording, words: dict[str, str], tokens: dict[str, int]) -> Wording:
    """The template with an organization's words in their places, and `tokens` for their parts of a frame."""
    texts: dict[str, Any] = words
    digest = hashlib.blake2b(orjson.dumps(words, option=orjson.OPT_SORT_KEYS), digest_size=DIGEST_BYTES).hexdigest()
    return replace(template, **texts, tokens=replace(template.tokens, **tokens), name=f"{template.name}:{digest}")


__all__ = [
    "DEFAULT",
    "DEFAULT_LOCALE",
    "WORDINGS",
    "WORD_TOKENS",
    "FrameTokens",
    "Wording",
    "with_own_words",
    "wording_of",
]
