"""How many tokens memories may take of one prompt (SPEC section 6)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from context.counting import How, count_request
from context.windows import window_of
from ibex.core.tokens import at_most, can_count, count, encoding_for

RESERVE_SHARE = 0.15
RESERVE_MIN = 500
RESERVE_MAX = 4_096
"""Tokens kept for the answer when the caller does not say how long it may be."""
SAFETY_SHARE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Where the window goes; all in tokens."""

    window: int
    messages: int
    how: How
    """How `messages` were counted."""
    reserve: int
    safety: int
    directive: int
    cap: int
    """The most that the agent allows."""

    @property
    def room(self) -> int:
        """What the caller's own needs leave; negative when they are more than the window holds."""
        return self.window - self.messages - self.reserve - self.safety - self.directive

    @property
    def memory(self) -> int:
        """What memories may take: never more than there is room for, never above the agent's cap."""
        return max(0, min(self.cap, self.room))


def budget_for(
    body: Mapping[str, Any],
    model: str,
    *,
    directive: str,
    directive_tokens: int | None = None,
    frame_tokens: int = 0,
    cap: int,
    window: int | None = None,
    answer: int | None = None,
) -> Budget:
    """The budget of one call. `window` overrides the table, `answer` (tokens) the caller's own `max_tokens`.

    `directive_tokens` were counted when it was written; where they are not known, it is treated like the messages.
    `frame_tokens` are of what stands around it.
    Without a `cap` there is nothing to share out, and nothing is counted.
    """
    window = window or window_of(model)
    reserve = response_reserve(window, answer if answer is not None else asked_answer(body))
    safety = int(window * SAFETY_SHARE)
    said = frame_tokens + (at_most(directive) if directive_tokens is None else directive_tokens)
    left = window - reserve - safety - said
    request = count_request(body, model, enough=left - cap if cap else sys.maxsize)
    if directive_tokens is None and request.how != "bound" and can_count(encoding_for(model)):
        said = frame_tokens + count(directive, encoding_for(model))
    return Budget(
        window=window,
        messages=request.tokens,
        how=request.how,
        reserve=reserve,
        safety=safety,
        directive=said,
        cap=cap,
    )


def response_reserve(window: int, answer: int | None) -> int:
    """Tokens kept free for the answer."""
    if answer is not None:
        return max(0, answer)
    return min(RESERVE_MAX, max(RESERVE_MIN, int(window * RESERVE_SHARE)))


def asked_answer(body: Mapping[str, Any]) -> int | None:
    """How long the caller allows the answer to be, in tokens, if it says so."""
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
