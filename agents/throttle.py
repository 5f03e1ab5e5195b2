"""How often something that guards a secret may be tried: sign-ins, new tokens. A counter in Redis for each window."""

from __future__ import annotations

import time

import structlog

from ibex.core import metrics
from ibex.core.errors import RateLimited
from ibex.core.redis import RedisError, redis

_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_log = structlog.get_logger(__name__)


def attempt(key: str, *, limit: int, window_s: int) -> None:
    """Count one attempt under `key`. Raises RateLimited after `limit` of them in a window of `window_s` seconds.

    Redis being away lets it pass, logged and counted: nobody is locked out of their own IBEX by a dead cache.
    """
    now = time.time()
    try:
        count = int(redis().eval(_COUNT, 1, f"{key}:{int(now // window_s)}", window_s))
    except (RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="throttle").inc()
        _log.warning("attempt_not_counted", error=type(error).__name__)
        return
    if count > limit:
        raise RateLimited(headers={"Retry-After": str(int(window_s - now % window_s) + 1)})
