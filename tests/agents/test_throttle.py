from __future__ import annotations

import pytest
from redis import Redis

from agents import throttle
from agents.throttle import attempt
from ibex.core.errors import RateLimited
from ibex.core.ids import uuid7


def test_attempts_beyond_the_limit_wait_for_the_next_window(monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"test:{uuid7()}"
    now = 1_000_000.0
    monkeypatch.setattr(throttle.time, "time", lambda: now)
    for _ in range(3):
        attempt(key, limit=3, window_s=60)
    with pytest.raises(RateLimited) as caught:
        attempt(key, limit=3, window_s=60)
    wait = int(caught.value.headers["Retry-After"])
    assert 1 <= wait <= 60
    now += wait
    attempt(key, limit=3, window_s=60)


def test_a_dead_redis_locks_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Redis.from_url("unix:///nonexistent/ibex.sock")
    monkeypatch.setattr(throttle, "redis", lambda: nowhere)
    for _ in range(5):
        attempt("test", limit=1, window_s=60)
