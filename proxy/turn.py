"""One call on its way through the request path: what is known of it so far, and where the time went."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.principal import AgentCard, Principal
from context.desk_read import DeskRead
from context.values import Assembly, Question
from ibex.core import metrics
from ibex.core.ids import uuid7
from ibex.core.middleware import request_id_from
from ibex.providers.base import Upstream
from proxy.conversation import NO_HISTORY, Fingerprint, SessionRef
from proxy.limits import Usage
from proxy.switches import Switches

PROVIDER_STAGE = "provider"


class Stage:
    """Adds the milliseconds that it lasts, failed or cancelled as well. A class: a call has ten, and each piece of a
    stream one, and a generator would take three times as long.
    """

    __slots__ = ("_name", "_spent", "_started")

    def __init__(self, spent: dict[str, float], name: str) -> None:
        self._spent, self._name = spent, name

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_error: object) -> None:
        took = (time.perf_counter() - self._started) * 1000
        self._spent[self._name] = self._spent.get(self._name, 0.0) + took


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """A request as the server handed it over."""

    method: str
    path: str
    headers: dict[str, str]
    """Lower-cased names; of repeated headers the last."""
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnStart:
    """What the one Redis round trip said. When it said nothing, every field is what lets the call go on."""

    usage: Usage
    desk: DeskRead
    session: SessionRef
    open_breakers: frozenset[str] = frozenset()
    """Providers that have failed too often lately."""


@dataclass(kw_only=True, slots=True)
class Turn:
    """Filled in step by step; a step that fails leaves the rest empty."""

    incoming: Incoming
    endpoint: str
    request_id: str
    trace_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    turn_id: uuid.UUID = field(default_factory=uuid7)
    began: float = field(default_factory=time.perf_counter)
    began_at: float = field(default_factory=time.time)
    stages: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage."""
    payload: dict[str, Any] = field(default_factory=dict)
    principal: Principal | None = None
    agent: AgentCard | None = None
    switches: Switches | None = None
    prints: Fingerprint = NO_HISTORY
    start: TurnStart | None = None
    upstreams: Sequence[Upstream] = ()
    """Who serves the model, first choice first."""
    upstream: Upstream | None = None
    """Who was asked last."""
    question: Question | None = None
    assembly: Assembly | None = None

    @classmethod
    def begin(cls, incoming: Incoming, endpoint: str) -> Turn:
        """Step 1: the request's identity. Never fails."""
        return cls(
            incoming=incoming, endpoint=endpoint, request_id=request_id_from(incoming.headers.get("x-request-id", ""))
        )

    @property
    def is_stream(self) -> bool:
        """Whether the caller asked for server-sent events."""
        return self.payload.get("stream") is True

    @property
    def model(self) -> str:
        """The model that the caller named."""
        model = self.payload.get("model")
        return model if isinstance(model, str) else ""

    def stage(self, name: str) -> Stage:
        """Time what happens inside; a stage entered twice adds up."""
        return Stage(self.stages, name)

    def measured(self) -> None:
        """Give the stages to the metrics, once, when the call has ended."""
        for name, spent in self.stages.items():
            metrics.stage_seconds(name).observe(spent / 1000)

    @property
    def duration_ms(self) -> float:
        """Since the request arrived."""
        return (time.perf_counter() - self.began) * 1000

    @property
    def overhead_ms(self) -> float:
        """Time in IBEX itself: all but the wait for the provider and for a slow reader."""
        return max(0.0, self.duration_ms - self.stages.get(PROVIDER_STAGE, 0.0))

    def headers(self) -> dict[str, str]:
        """SPEC section 2's response headers, as far as the call has come."""
        headers = {
            "X-Request-ID": self.request_id,
            "X-Trace-ID": self.trace_id,
            "X-Response-Time": f"{self.duration_ms:.1f}ms",
            "Server-Timing": ", ".join(f"{name};dur={spent:.1f}" for name, spent in self.stages.items()),
        }
        if self.start is not None:
            headers |= self.start.usage.headers()
            headers["X-IBEX-Session-ID"] = str(self.start.session.id)
        if self.assembly is not None:
            headers["X-IBEX-Memories-Injected"] = str(self.assembly.memories_injected)
            headers["X-IBEX-Context-Tokens"] = str(self.assembly.context_tokens)
            headers["X-IBEX-Context-Fallback"] = "true" if self.assembly.is_fallback else "false"
        return headers
