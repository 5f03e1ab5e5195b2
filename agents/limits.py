"""What an organization, an agent or a token may use, and where Redis counts it.

Calls and tokens of a minute are counted in a sliding window of two counters; tokens and dollars of a calendar month
(UTC) in one counter, beside which a mark says that the vault's traces of the month have been added up lately. Dollars
are counted in billionths, so that every count is a whole number. Only what has a limit is counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from uuid import UUID

from ibex.core.redis import org_key

WINDOW_S = 60
MONTH_KEPT_S = 32 * 24 * 3600
"""A month's counters outlive it by a day or more."""
BILLIONTHS = 1_000_000_000
"""Of a dollar: one token at 0.001 dollars a million costs one of them."""
SUBJECTS_KNOWN = 4_096
"""Whose keys are not put together again with each call."""
TOKENS_MAX = 1_000_000_000_000
COST_MAX = Decimal(1_000_000)
"""Dollars a month. In billionths this is still a whole number in Lua, which counts up to 2^53."""

SubjectKind = Literal["organization", "agent", "token"]


class Measure(StrEnum):
    """What is limited; the name of the limit's field in rows, forms and the API."""

    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    MONTHLY_TOKENS = "monthly_tokens"
    MONTHLY_COST = "monthly_cost"

    @property
    def is_monthly(self) -> bool:
        """A budget of the calendar month, not of a minute."""
        return self in {Measure.MONTHLY_TOKENS, Measure.MONTHLY_COST}


LIMIT_FIELDS = tuple(measure.value for measure in Measure)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one subject may use; None: no limit of its own. `monthly_cost` is in US dollars."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_tokens: int | None = None
    monthly_cost: Decimal | None = None

    @classmethod
    def of(cls, row: object) -> Limits:
        """Those of a row that has these fields."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(cls)})


UNLIMITED = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Whose limits these are."""

    org_id: UUID
    kind: SubjectKind
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One limit of one subject, as calls are checked against it."""

    subject: Subject = field(repr=False)
    measure: Measure
    allowed: int
    """Calls, tokens, or billionths of a dollar."""

    def keys(self, now: float) -> tuple[str, str]:
        """Its counter at `now` (seconds since 1970), and the last minute's, or the mark of a month added up lately."""
        base = _key(self.subject, self.measure)
        if self.measure.is_monthly:
            counter = f"{base}:{month_of(now)}"
            return counter, f"{counter}:counted"
        window = int(now // WINDOW_S)
        return f"{base}:{window}", f"{base}:{window - 1}"

    def weight(self, now: float) -> float:
        """The share of the second key's number that still counts: the part of the last minute not yet a minute ago."""
        return 0.0 if self.measure.is_monthly else 1 - (now % WINDOW_S) / WINDOW_S

    def used(self, counted: Sequence[bytes | None], now: float) -> int:
        """What the numbers under both keys come to."""
        counter, beside = (int(number or 0) for number in counted)
        return counter + math.floor(beside * self.weight(now))

    def seconds_to_wait(self, counted: Sequence[bytes | None], now: float) -> int:
        """Until it lets a call through again, when nobody uses it meanwhile."""
        if self.measure.is_monthly:
            return math.ceil(month_end(now).timestamp() - now)
        counter, beside = (int(number or 0) for number in counted)
        turn_s = WINDOW_S - now % WINDOW_S
        if counter >= self.allowed:
            wait_s = turn_s + WINDOW_S * (1 - self.allowed / counter)
        else:
            wait_s = turn_s - WINDOW_S * (self.allowed - counter) / max(beside, 1)
        return max(0, math.floor(wait_s)) + 1


def limits_on(subject: Subject, limits: Limits) -> Iterator[Limit]:
    """The limits that are set."""
    if limits.requests_per_minute is not None:
        yield Limit(subject=subject, measure=Measure.REQUESTS, allowed=limits.requests_per_minute)
    if limits.tokens_per_minute is not None:
        yield Limit(subject=subject, measure=Measure.TOKENS, allowed=limits.tokens_per_minute)
    if limits.monthly_tokens is not None:
        yield Limit(subject=subject, measure=Measure.MONTHLY_TOKENS, allowed=limits.monthly_tokens)
    if limits.monthly_cost is not None:
        yield Limit(subject=subject, measure=Measure.MONTHLY_COST, allowed=in_billionths(limits.monthly_cost))


def in_billionths(dollars: Decimal) -> int:
    """Dollars as they are counted."""
    return int((dollars * BILLIONTHS).to_integral_value(ROUND_HALF_UP))


def month_of(now: float) -> str:
    """The calendar month in UTC, as `2026-11`."""
    return time.strftime("%Y-%m", time.gmtime(now))


def month_start(now: float) -> datetime:
    """When the month of `now` began."""
    return datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end(now: float) -> datetime:
    """When the next month begins."""
    start = month_start(now)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


@lru_cache(maxsize=SUBJECTS_KNOWN)
def _key(subject: Subject, measure: Measure) -> str:
    whose = ("org",) if subject.kind == "organization" else (subject.kind, subject.id)
    return org_key(subject.org_id, "limit", *whose, measure.value)
