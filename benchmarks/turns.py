"""A journal to fill: tenants with agents who remember something, and the turns of their conversations."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ORGANIZATIONS = 5
TURNS_A_SESSION = 20
SESSIONS_AT_ONCE = 400
"""Conversations that are under way at the same time: the turns of one are so many entries apart."""
MEMORIES_AN_AGENT = 20
CONSIDERED, PACKED = 8, 3
"""Lines of a receipt, and how many of them were in the prompt."""
WORDS = ("garden", "invoice", "holiday", "printer", "contract", "recipe", "meeting", "passport", "bicycle", "violin")


@dataclass(frozen=True)
class Tenant:
    """An organization with turns in the backlog."""

    org_id: str
    agent_id: str
    memory_ids: list[str]


def make_tenants() -> list[Tenant]:
    """Organizations with an agent each, who remembers something."""
    from benchmarks.vault import make_agent
    from ibex.core.tenancy import scope
    from memories.choices import Category, Source
    from memories.models import Memory
    from memories.refinement.draft import Draft
    from memories.refinement.pipeline import refine_all

    tenants = []
    for number in range(ORGANIZATIONS):
        agent = make_agent(f"tenant-{number}")
        refine_all([_draft(Draft, Category, Source, agent, n) for n in range(MEMORIES_AN_AGENT)])
        with scope(agent.org_id):
            ids = [str(pk) for pk in Memory.objects.of(agent.org_id).values_list("pk", flat=True)]
        tenants.append(Tenant(org_id=str(agent.org_id), agent_id=str(agent.pk), memory_ids=ids))
    return tenants


def _draft(draft: Any, category: Any, source: Any, agent: Any, number: int) -> Any:
    from django.utils import timezone

    return draft(
        org_id=agent.org_id,
        agent_id=agent.pk,
        content=f"The user keeps the {WORDS[number % len(WORDS)]} in room {number}.",
        category=category.FACTUAL,
        labels=(("note", 1.0),),
        source=source.IMPORTED,
        observed_at=timezone.now(),
        actor="system",
    )


def turns(tenants: list[Tenant], count: int) -> Iterator[bytes]:
    """Journal entries of conversations that take turns."""
    from ibex.core.ids import uuid7

    rng = random.Random(7)
    sessions: list[tuple[Tenant, str, int]] = []
    for _ in range(count):
        if len(sessions) < SESSIONS_AT_ONCE:
            sessions.append((rng.choice(tenants), str(uuid7()), 0))
        place = rng.randrange(len(sessions))
        tenant, session_id, said = sessions[place]
        yield _entry(rng, tenant, session_id)
        if said + 1 < TURNS_A_SESSION:
            sessions[place] = (tenant, session_id, said + 1)
        else:
            sessions.pop(place)


def _entry(rng: random.Random, tenant: Tenant, session_id: str) -> bytes:
    from ibex.core.ids import uuid7
    from proxy.entry import TurnEntry

    now, turn_id = time.time(), str(uuid7())
    said, answered = (" ".join(rng.choices(WORDS, k=words)) for words in (40, 100))
    text = f"I {said}. Then {rng.randrange(10**9)}."
    checkpoint = {
        "messages": [{"role": "user", "content": text}],
        "user_text": text,
        "assistant_text": answered,
        "tool_calls": [],
        "finish_reason": "stop",
        "is_complete": True,
        "may_learn": True,
        "model": "instant",
        "prompt_tokens": 60,
        "completion_tokens": 130,
        "said_at": now,
        "finished_at": now,
    }
    trace = {
        "request_id": turn_id,
        "trace_id": f"{rng.getrandbits(128):032x}",
        "token_id": None,
        "endpoint": "chat.completions",
        "provider": "Upstream",
        "model": "instant",
        "status": 200,
        "memories_injected": PACKED,
        "stages": dict.fromkeys(("validate", "authenticate", "agent", "start", "route", "assemble"), 1.234),
        "overhead_ms": 5.0,
        "duration_ms": 900.0,
        "started_at": now,
    }
    lines = [
        [memory_id, 1, rank, 0.5, [0.5, 0.5, 0.5, 0.5, 0.0], "cold", 20, rank <= PACKED, ""]
        for rank, memory_id in enumerate(rng.sample(tenant.memory_ids, CONSIDERED), 1)
    ]
    assembly = {
        "assembled_at": now,
        "mode": "on",
        "level": 0,
        "missing": [],
        "directive_version": 0,
        "budget": None,
        "placement": "system_first",
        "joins_blocks": False,
        "message_count": 1,
        "forgotten": [],
    }
    return TurnEntry(
        turn_id=turn_id,
        org_id=tenant.org_id,
        agent_id=tenant.agent_id,
        session_id=session_id,
        external_id="",
        end_user="",
        trace=trace,
        checkpoint=checkpoint,
        lines=lines,
        assembly=assembly,
    ).to_bytes()
