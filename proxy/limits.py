"""Step 5: what the organization, the agent and the token may still use, and what a caller is told of it.

A call is counted when it begins, its tokens and dollars when it has ended: only then are they known. So the calls in
flight may carry a minute's tokens, or a month's budget, over its limit once; the next call is refused.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.limits import WINDOW_S, Limit, Measure, Subject, limits_on, month_end
from agents.principal import AgentCard, Principal
from ibex.core.errors import BudgetExhausted, RateLimited

_WHOSE = {"organization": "This organization's", "agent": "This agent's", "token": "This token's"}
_WHAT = {
    Measure.REQUESTS: "requests a minute",
    Measure.TOKENS: "tokens a minute",
    Measure.MONTHLY_TOKENS: "monthly token budget",
    Measure.MONTHLY_COST: "monthly cost budget",
}
_HEADERS = ((Measure.REQUESTS, ""), (Measure.TOKENS, "-Tokens"))
NO_RETRY = {"X-Should-Retry": "false"}
"""OpenAI's and Anthropic's SDKs try a 429 again otherwise, some seconds later."""


def limits_of(principal: Principal, agent: AgentCard) -> list[Limit]:
    """The limits that a call counts against, the widest first."""
    org_id = agent.org_id
    return [
        *limits_on(Subject(org_id=org_id, kind="organization", id=org_id), principal.org_limits),
        *limits_on(Subject(org_id=org_id, kind="agent", id=agent.id), agent.limits),
        *limits_on(Subject(org_id=org_id, kind="token", id=principal.token_id), principal.token_limits),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One limit, and the numbers under its two keys before this call."""

    limit: Limit
    counted: Sequence[bytes | None]
    now: float

    @property
    def used(self) -> int:
        """Calls, tokens, or billionths of a dollar."""
        return self.limit.used(self.counted, self.now)

    @property
    def is_full(self) -> bool:
        """Nothing more may be used."""
        return self.used >= self.limit.allowed

    @property
    def is_cold(self) -> bool:
        """A budget of which nothing is known: the call is let through."""
        return self.limit.measure.is_monthly and self.counted[0] is None

    @property
    def is_stale(self) -> bool:
        """A budget that should be counted again from the vault's traces."""
        return self.limit.measure.is_monthly and self.counted[1] is None

    @property
    def wait_s(self) -> int:
        """Seconds until it has room again."""
        return self.limit.seconds_to_wait(self.counted, self.now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Where every limit of a call stands."""

    limits: Sequence[Limit]
    standings: Sequence[Standing] = ()
    """None when Redis did not say."""
    is_refused: bool = False

    @classmethod
    def unknown(cls, limits: Sequence[Limit] = ()) -> Usage:
        """Redis did not say: nobody is refused."""
        return cls(limits=limits)

    @classmethod
    def of(cls, limits: Sequence[Limit], counted: Sequence[bytes | None], *, now: float, is_refused: bool) -> Usage:
        """`counted`: the numbers under the keys of each limit, two by two, before this call."""
        pairs = zip(counted[::2], counted[1::2], strict=True)
        standings = [Standing(limit=limit, counted=pair, now=now) for limit, pair in zip(limits, pairs, strict=True)]
        return cls(limits=limits, standings=standings, is_refused=is_refused)

    def check(self) -> None:
        """Raise RateLimited, or BudgetExhausted, when a limit is full: of several, the one that lasts longest."""
        if not self.is_refused:
            return
        full = max((standing for standing in self.standings if standing.is_full), key=lambda standing: standing.wait_s)
        headers = {**self.headers(), "Retry-After": str(full.wait_s)}
        said = f"{_WHOSE[full.limit.subject.kind]} {_WHAT[full.limit.measure]}"
        if full.limit.measure.is_monthly:
            renewal = month_end(full.now)
            raise BudgetExhausted(
                f"{said} is used up. It renews on {renewal.day} {renewal:%B %Y} (UTC); an owner or admin can raise it.",
                headers=headers | NO_RETRY,
            )
        raise RateLimited(
            f"{said} are used up. Wait for the seconds in the Retry-After header, then try again.", headers=headers
        )

    def headers(self) -> dict[str, str]:
        """X-RateLimit-Limit, -Remaining and -Reset (seconds until the minute turns) of the tightest limit of calls, and
        the same with -Tokens of the tightest limit of tokens, this call's own not counted yet.
        """
        headers: dict[str, str] = {}
        for measure, suffix in _HEADERS:
            own = int(measure is Measure.REQUESTS and not self.is_refused)
            of_measure = [standing for standing in self.standings if standing.limit.measure is measure]
            if of_measure:
                remaining, allowed = min((s.limit.allowed - s.used - own, s.limit.allowed) for s in of_measure)
                headers[f"X-RateLimit-Limit{suffix}"] = str(allowed)
                headers[f"X-RateLimit-Remaining{suffix}"] = str(max(remaining, 0))
                headers[f"X-RateLimit-Reset{suffix}"] = str(_seconds_left())
        return headers

    def stale(self) -> list[Limit]:
        """The budgets to count again from the vault."""
        return [standing.limit for standing in self.standings if standing.is_stale]

    def cold(self) -> Iterable[Limit]:
        """The budgets that nobody could check this call against."""
        return (standing.limit for standing in self.standings if standing.is_cold)


def _seconds_left() -> int:
    return max(1, math.ceil(WINDOW_S - time.time() % WINDOW_S))
