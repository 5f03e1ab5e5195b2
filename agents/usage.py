"""How much of its limits a subject has used by now, for the pages that show them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from agents.limits import BILLIONTHS, Limit, Limits, Measure, Subject, limits_on
from ibex.core import metrics
from ibex.core.redis import RedisError, redis

WARN_SHARE = 0.8
"""From here on a bar says that the limit is near."""

_NAMES = {
    Measure.REQUESTS: ("Requests", "this minute"),
    Measure.TOKENS: ("Tokens", "this minute"),
    Measure.MONTHLY_TOKENS: ("Tokens", "this month"),
    Measure.MONTHLY_COST: ("Cost", "this month"),
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageLine:
    """One limit and what is used of it. `used`: None when Redis does not say."""

    limit: Limit
    used: int | None

    @property
    def name(self) -> str:
        """Requests, Tokens or Cost."""
        return _NAMES[self.limit.measure][0]

    @property
    def period(self) -> str:
        """This minute or this month."""
        return _NAMES[self.limit.measure][1]

    @property
    def used_text(self) -> str:
        """As a reader counts."""
        return "unknown" if self.used is None else self._text(self.used)

    @property
    def allowed_text(self) -> str:
        """As a reader counts."""
        return self._text(self.limit.allowed)

    @property
    def percent(self) -> int:
        """Of the limit, 0 to 100."""
        return min(100, 100 * (self.used or 0) // self.limit.allowed)

    @property
    def level(self) -> str:
        """How near the limit is: high (far), mid or low (nothing left), as the bars' colours are named."""
        share = (self.used or 0) / self.limit.allowed
        return "low" if share >= 1 else "mid" if share >= WARN_SHARE else "high"

    def _text(self, amount: int) -> str:
        return f"${amount / BILLIONTHS:,.2f}" if self.limit.measure is Measure.MONTHLY_COST else f"{amount:,}"


def usage_of(subject: Subject, limits: Limits) -> list[UsageLine]:
    """A line for each limit that is set. One round trip; never raises: Redis being away is counted, and shown."""
    now = time.time()
    each = list(limits_on(subject, limits))
    counted = _read([key for limit in each for key in limit.keys(now)])
    if counted is None:
        return [UsageLine(limit=limit, used=None) for limit in each]
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return [UsageLine(limit=limit, used=limit.used(pair, now)) for limit, pair in zip(each, pairs, strict=True)]


def _read(keys: list[str]) -> Sequence[bytes | None] | None:
    if not keys:
        return []
    try:
        numbers: Any = redis().mget(keys)
    except (RedisError, OSError) as error:
        metrics.FAIL_OPEN.labels(step="usage").inc()
        _log.warning("usage_not_read", error=type(error).__name__)
        return None
    return list(numbers)
