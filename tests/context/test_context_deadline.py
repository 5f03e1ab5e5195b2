"""Searches that are late, hundreds of them, on the real pool: each call goes on, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from context import assembler
from context.admission import Admission
from context.assembler import assemble
from context.retrieve import Lookup
from context.values import Candidate, Level
from ibex.core.database import POOL_MAX, hot_pool
from ibex.core.tenancy import async_scope
from tests.context.twins import Vault, memory, question, user, warm_desk

AT_ONCE = 25
TIMEOUTS = 300
PATIENCE_S = 60
DOG = "The user's dog is called Rex."


class Slow(Vault):
    """Its searches hold a connection of the pool for longer than anybody waits."""

    async def cold(self, lookup: Lookup) -> Sequence[Candidate]:
        async with async_scope(lookup.org_id, waits=False) as connection:
            await connection.execute("SELECT pg_sleep(30)")
        raise AssertionError("it was waited for")


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "RETRIEVAL_DEADLINE_S", 0.02)


async def test_hundreds_of_late_searches_leave_the_pool_and_the_admission_as_they_were(
    hot_path: None, short_deadline: None
) -> None:
    pool, admission = hot_pool(), Admission()

    async def call() -> Any:
        asked = question([user("What is my dog called?")], warm_desk(memory(DOG)))
        return await assemble(asked, retriever=Slow(), admission=admission)

    for _ in range(TIMEOUTS // AT_ONCE):
        for assembly in await asyncio.gather(*(call() for _ in range(AT_ONCE))):
            assert (assembly.level, assembly.is_fallback) == (Level.PARTIAL, True)
            assert "cold" in assembly.missing
            assert [line.arm for line in assembly.packed] == ["hot"]
        assert admission.in_flight == 0
    async with asyncio.timeout(PATIENCE_S):
        while pool.get_stats()["pool_available"] < pool.get_stats()["pool_size"]:  # noqa: ASYNC110 - it sets no Event
            await asyncio.sleep(0.01)
    assert 0 < pool.get_stats()["pool_size"] <= POOL_MAX
    assert pool.get_stats().get("requests_waiting", 0) == 0
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = %s", ["%pg_sleep%", "active"]
            )
        ).fetchone()
    assert row == (0,)


async def test_what_arrived_by_the_deadline_is_used_and_what_did_not_is_named(short_deadline: None) -> None:
    async def never() -> list[Any]:
        await asyncio.Event().wait()
        return []

    rule = memory("Prices are quoted in euros.", category="procedural", is_pinned=True)
    desk = warm_desk(memory(DOG))
    cold_desk = type(desk)(directive=None, hot=None, cold=("directive", "hot"))
    vault = Vault(directive="From the vault.", hot=[rule], cold=never)
    assembly = await assemble(question([user("What is my dog called?")], cold_desk), retriever=vault)
    assert (assembly.level, assembly.is_fallback) == (Level.PARTIAL, True)
    assert set(assembly.missing) <= {"cold", "excerpts"}
    assert "cold" in assembly.missing
    assert assembly.messages[0]["content"] == "From the vault."
    assert [line.arm for line in assembly.packed] == ["pinned"]
