"""Reading what a model answered: the one JSON object that follows a schema, wherever in the text it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from ibex.providers.base import Usage
from ibex.providers.untrusted import as_count, as_list, as_object, as_text, object_in

OBJECTS_MAX = 200
"""Opening braces that are tried in one answer; a model that thinks aloud may write a few that open nothing."""

_decoder = json.JSONDecoder()


def text_of(completion: Mapping[str, Any]) -> str:
    """The words of a chat completion's first choice."""
    choices = as_list(completion.get("choices"))
    content = as_object(as_object(choices[0] if choices else None).get("message")).get("content")
    if isinstance(content, list):
        return "".join(as_text(as_object(part).get("text")) for part in content)
    return as_text(content)


def usage_of(completion: Mapping[str, Any]) -> Usage:
    """As the provider counted; zeros where it did not say."""
    usage = as_object(completion.get("usage"))
    return Usage(
        prompt_tokens=as_count(usage.get("prompt_tokens")), completion_tokens=as_count(usage.get("completion_tokens"))
    )


def value_in(text: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first JSON object in `text` that follows `schema`, or None: alone, in a code fence, or among other words."""
    return next((found for found in _objects_in(text) if follows(found, schema)), None)


def follows(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether `value` is valid under a JSON schema."""
    return bool(_validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).is_valid(value))


@lru_cache(maxsize=32)
def _validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # only who asks models loads it

    return Draft202012Validator(orjson.loads(schema))


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    if (whole := object_in(text.encode(errors="replace"))) is not None:
        yield whole
        return
    at = text.find("{")
    for _ in range(OBJECTS_MAX):
        if at < 0:
            return
        try:
            found, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield found
        at = text.find("{", end)
