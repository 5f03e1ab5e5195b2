"""How late an event loop is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from context.admission import BUSY_FROM_S
from ibex.core.lag import BEAT_LATE_MAX_S, BEAT_S, SMOOTHING, Lag


@pytest.fixture
async def lag() -> AsyncIterator[Lag]:
    watched = Lag()
    watching = asyncio.create_task(watched.watch())
    await asyncio.sleep(0)
    yield watched
    watching.cancel()


async def blocked(times: int) -> None:
    for _ in range(times):
        time.sleep(2 * BEAT_LATE_MAX_S)  # noqa: ASYNC251 - what the loop cannot do anything about
        await asyncio.sleep(BEAT_S)


async def test_a_loop_that_is_blocked_again_and_again_is_busy(lag: Lag) -> None:
    await blocked(10)
    assert lag.seconds > BUSY_FROM_S


async def test_one_long_callback_does_not_make_a_loop_busy(lag: Lag) -> None:
    lag.seconds = 0.0
    time.sleep(10 * BEAT_LATE_MAX_S)  # noqa: ASYNC251 - the callback
    await asyncio.sleep(0)
    assert lag.seconds <= SMOOTHING * BEAT_LATE_MAX_S < BUSY_FROM_S


async def test_a_loop_that_is_busy_no_more_is_known_to_be_free(lag: Lag) -> None:
    await blocked(10)
    async with asyncio.timeout(10):
        while lag.seconds > BUSY_FROM_S:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(BEAT_S)
