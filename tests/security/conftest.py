from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from agents import authentication
from ibex.core.redis import client_name, redis
from proxy import breaker, lifespan, rewarm, routes

PATIENCE_S = 30.0


@pytest.fixture
def epoch() -> Iterator[int]:
    """Of a process that knows nobody yet."""
    authentication.forget_everything()
    routes._cache.clear()
    yield authentication._principals.epoch
    authentication.forget_everything()


@pytest.fixture
async def process(epoch: int, hot_path: None) -> AsyncIterator[None]:
    """A web process that listens for changes, and is warm: with its subscription it has forgotten all that it knew."""
    async with asyncio.timeout(PATIENCE_S):
        while authentication._principals.epoch == epoch or not lifespan.is_warm():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
    yield
    await settled()


def subscriptions(pid: int) -> list[str]:
    """The connections by which one process listens; other tests listen on the same channel."""
    return [one["id"] for one in redis().client_list(_type="pubsub") if one["name"] == client_name(pid)]


def cut_subscriptions(pid: int) -> None:
    """Cut the channel of one process; those of other tests stay."""
    own = subscriptions(pid)
    assert own
    for client_id in own:
        redis().client_kill_filter(_id=client_id)


async def settled() -> None:
    """What runs beside the calls is done."""
    await asyncio.gather(*rewarm._running.values(), *breaker._tasks)
