"""Step 10: asking the providers that serve a model, one after the other, until one begins to answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import structlog

from ibex.core import metrics
from ibex.providers.base import ProviderAnswer, ProviderCall, Upstream
from ibex.providers.errors import Failure, ProviderError, ProviderNotConnected, provider_error
from ibex.providers.registry import provider_for
from proxy import breaker
from proxy.turn import PROVIDER_STAGE, Turn

MAX_ERROR_BYTES = 64 * 1024
"""How much of a provider's error answer is read."""
RETRIES = 2
RETRY_BASE_S = 0.05
ANOTHER_MAY_ANSWER = frozenset({Failure.TRANSIENT, Failure.RATE_LIMIT, Failure.QUOTA})
"""Failures after which the next provider is asked: the request itself is not at fault."""
CALLERS_HEADERS = ("anthropic-beta", "anthropic-version")
"""Headers of the caller's that change what a provider understands; no others are passed on."""

_log = structlog.get_logger(__name__)


async def forward(turn: Turn, path: str, body: bytes) -> ProviderAnswer:
    """The first answer that is no failure, once its headers are there. Raises the last failure that says more of the
    providers than of the request, if there was one: what the next provider cannot be told is not the caller's fault.

    Nothing has reached the caller yet, so asking another provider is safe.
    """
    call = ProviderCall(path=path, body=body, headers=_headers(turn), stream=turn.is_stream)
    failed: ProviderError | None = None
    with turn.stage(PROVIDER_STAGE):
        for upstream in _in_order(turn):
            if failed is not None:
                metrics.PROVIDER_FALLBACKS.inc()
                _log.warning("provider_fallback", failure=failed.failure)
            try:
                return await _ask(turn, upstream, call)
            except ProviderError as error:
                if error.failure not in ANOTHER_MAY_ANSWER:
                    raise failed or error from None
                failed = error
    assert failed is not None  # noqa: S101 - a model without a provider was refused before
    raise failed


def _headers(turn: Turn) -> dict[str, str]:
    said = turn.incoming.headers
    return {"content-type": "application/json"} | {name: said[name] for name in CALLERS_HEADERS if said.get(name)}


def _in_order(turn: Turn) -> Sequence[Upstream]:
    """By priority; providers whose breaker is open come last, so that a call is tried rather than refused."""
    is_open = turn.start.open_breakers if turn.start else frozenset()
    return sorted(turn.upstreams, key=lambda upstream: upstream.id in is_open)


async def _ask(turn: Turn, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    turn.upstream = upstream
    assert turn.agent is not None  # noqa: S101 - only identified calls are forwarded
    org_id = turn.agent.org_id
    try:
        answer = await _send(upstream, call)
    except ProviderError as error:
        if error.failure is Failure.TRANSIENT:
            breaker.note_failure(org_id, upstream.id)
        raise
    breaker.note_success(org_id, upstream.id)
    return answer


async def _send(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    """Try again, after a random pause, only while no connection was made: then nothing has been sent."""
    for attempt in range(RETRIES):
        try:
            return await _send_once(upstream, call)
        except ProviderNotConnected:
            await asyncio.sleep(RETRY_BASE_S * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter
    return await _send_once(upstream, call)


async def _send_once(upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
    answer = await provider_for(upstream.kind).send(upstream, call)
    if answer.status < 400:
        return answer
    said = await answer.read(MAX_ERROR_BYTES)
    raise provider_error(answer.status, said, answer.headers)
