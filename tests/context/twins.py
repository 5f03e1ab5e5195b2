"""In-memory twins at the seams of assembly, and builders of its values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any
from uuid import UUID, uuid4

from agents.principal import AgentCard
from context.assembler import assemble
from context.desk_read import DeskRead, HotMemory, dump_blocks, parse_blocks
from context.retrieve import Directive, Lookup
from context.shown_before import ShownBefore, Talk
from context.values import Arm, Assembly, Candidate, Question
from ibex.core.tokens import count

NOW = 1_760_000_000.0
"""2025-10-09."""
DAY = 86_400.0
ORG = UUID(int=1)
AGENT = UUID(int=2)


def memory(content: str, **fields: Any) -> HotMemory:
    known: dict[str, Any] = {
        "id": uuid4(),
        "category": "factual",
        "confidence": 0.9,
        "usefulness": 0.5,
        "injections": 0,
        "observed_at": NOW - DAY,
        "tokens": count(content),
        "version": 1,
    }
    return HotMemory(content=content, **(known | fields))


def found(content: str, relevance: float = 0.8, **fields: Any) -> Candidate:
    ranks = {name: fields.pop(name) for name in ("vector_rank", "word_rank") if name in fields}
    return Candidate(memory=memory(content, **fields), arm=Arm.COLD, relevance=relevance, **ranks)


def quoted(content: str, relevance: float = 0.8, **fields: Any) -> Candidate:
    """An excerpt of another session."""
    known: dict[str, Any] = {"is_excerpt": True, "category": "episodic", "source": "", "role": "user"}
    return found(content, relevance, **(known | fields))


def card(**fields: Any) -> AgentCard:
    known: dict[str, Any] = {
        "id": AGENT,
        "org_id": ORG,
        "slug": "assistant",
        "name": "Assistant",
        "status": "active",
        "injection_mode": "system_first",
        "memory_tokens": 2_000,
        "learns": True,
        "remembers": True,
        "trusts_body_user": True,
        "idle_minutes": None,
    }
    return AgentCard(**(known | fields))


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def warm_desk(*hot: HotMemory, directive: str = "Be brief.", **fields: Any) -> DeskRead:
    return DeskRead(directive=directive, directive_version=1, directive_tokens=count(directive), hot=hot, **fields)


def question(messages: list[Any], desk: DeskRead, **fields: Any) -> Question:
    agent = fields.pop("agent", None) or card()
    body = {"model": "gpt-4o", "messages": messages} | fields.pop("body", {})
    return Question(org_id=ORG, agent=agent, model=body["model"], body=body, desk=desk, now=NOW, **fields)


class Vault:
    """A `Retriever` that answers from memory; what is None fails, and what is a coroutine function is asked."""

    def __init__(
        self,
        *,
        cold: Sequence[Candidate] | Callable[[], Awaitable[Any]] | None = (),
        hot: Sequence[HotMemory] | Callable[[], Awaitable[Any]] | None = (),
        directive: str | None = "",
        dead: Collection[UUID] = (),
        before: ShownBefore | None = None,
        excerpts: Sequence[Candidate] = (),
    ) -> None:
        self.answers = {"cold": cold, "hot": hot}
        self.said = directive
        self.dead = dead
        self.before = before
        self.said_before = excerpts
        self.asked: list[str] = []
        self.lookups: list[Lookup] = []

    async def directive(self, lookup: Lookup) -> Directive:
        self.asked.append("directive")
        if self.said is None:
            raise ConnectionError
        return Directive(content=self.said, version=7, tokens=count(self.said))

    async def hot(self, lookup: Lookup) -> Any:
        return await self._answer("hot", lookup)

    async def cold(self, lookup: Lookup) -> Any:
        return await self._answer("cold", lookup)

    async def excerpts(self, lookup: Lookup) -> Any:
        return self.said_before

    async def alive(self, lookup: Lookup) -> Collection[UUID]:
        self.asked.append("alive")
        return lookup.shown.difference(self.dead)

    async def shown(self, talk: Talk) -> ShownBefore:
        self.asked.append("shown")
        if self.before is None:
            raise ConnectionError
        return self.before

    async def _answer(self, name: str, lookup: Lookup) -> Any:
        self.asked.append(name)
        self.lookups.append(lookup)
        answer = self.answers[name]
        if answer is None:
            raise ConnectionError
        return await answer() if callable(answer) else answer


class Never:
    """A source that does not answer in time; `cancelled` is set once nobody waits for it any more."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def __call__(self) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


class Conversation:
    """An application that sends its whole history every time, and a desk that keeps the session's blocks as bytes."""

    def __init__(self, *, start: Sequence[Any] = (), **fields: Any) -> None:
        self.history: list[Any] = list(start)
        self.fields = fields
        self.kept: bytes | None = None
        self.sent: list[list[Any]] = []
        self.turns = 0

    def say(self, text: str, vault: Vault) -> Assembly:
        """The user speaks, IBEX assembles, the model answers."""
        self.history.append(user(text))
        assembly = self.call(vault)
        self.turns += 1
        self.history.append(assistant(f"Answer {self.turns}."))
        return assembly

    def call(self, vault: Vault) -> Assembly:
        """One call with the history as it stands."""
        desk = warm_desk(shown_blocks=parse_blocks(self.kept))
        assembly = asyncio.run(assemble(question(list(self.history), desk, **self.fields), retriever=vault))
        if assembly.blocks is not None:
            self.kept = dump_blocks(assembly.blocks)
        self.sent.append(assembly.messages)
        return assembly
