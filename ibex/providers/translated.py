"""Answers in another language than the one they came in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from ibex.providers.base import ProviderAnswer
from ibex.providers.errors import ProviderError
from ibex.providers.untrusted import object_in

EVENT_STREAM = "text/event-stream"


async def translated(
    answer: ProviderAnswer, translate: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> ProviderAnswer:
    """A whole answer, translated. Errors stay as they came, for `ibex.providers.errors` reads them.

    Raises ProviderError when the answer is no JSON object.
    """
    if answer.status != 200:
        return answer
    said = object_in(await answer.read())
    if said is None:
        raise ProviderError
    return replace(answer, headers={"content-type": "application/json"}, chunks=_once(orjson.dumps(translate(said))))


def translated_stream(
    answer: ProviderAnswer, translate: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]
) -> ProviderAnswer:
    """An answer whose stream passes through `translate`; errors stay as they came."""
    if answer.status != 200:
        return answer
    return replace(answer, headers={"content-type": EVENT_STREAM}, chunks=translate(answer.chunks))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
