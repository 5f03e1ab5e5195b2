"""Whether the vault answers is found out behind the callers' backs; who can do without it is refused until it does."""

from __future__ import annotations

import asyncio
import time
from unittest.mock import Mock

import psycopg
import pytest

from ibex.core import database, pulse
from ibex.core.database import VaultSilent, hot_connection, hot_pool, is_vault_silent, within
from ibex.core.pulse import Pulse

PATIENCE_S = 20


class Vault:
    """Answers, hangs or refuses, as it is told."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None
        self.asked = 0
        self.woken = asyncio.Event()

    async def ask(self) -> None:
        self.asked += 1
        if self.error:
            raise self.error
        await self.may_answer.wait()

    async def wake(self) -> None:
        self.woken.set()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    monkeypatch.setattr(pulse, "SILENT_AFTER_S", 0.05)
    monkeypatch.setattr(pulse, "ASK_AGAIN_S", 0.0)
    return Vault()


async def fallen_silent(watched: Pulse) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not watched.is_silent:  # noqa: ASYNC110 - it sets no Event
            await asyncio.sleep(0.005)


async def test_a_vault_that_answers_is_not_silent_and_is_believed_for_a_while(vault: Vault) -> None:
    watched = Pulse(vault.ask, vault.wake)
    vault.may_answer.set()
    for _ in range(100):
        watched.doubt()
        await asyncio.sleep(0)
    assert (watched.is_silent, vault.asked, vault.woken.is_set()) == (False, 1, False)


async def test_a_vault_that_hangs_is_silent_until_it_answers(vault: Vault) -> None:
    watched = Pulse(vault.ask, vault.wake)
    watched.doubt()
    await fallen_silent(watched)
    vault.may_answer.set()
    async with asyncio.timeout(PATIENCE_S):
        await vault.woken.wait()
    assert not watched.is_silent


async def test_a_vault_that_refuses_is_silent_at_once_and_asked_until_it_is_back(vault: Vault) -> None:
    watched = Pulse(vault.ask, vault.wake)
    vault.error = psycopg.OperationalError("connection refused")
    watched.doubt()
    await fallen_silent(watched)
    vault.error = None
    vault.may_answer.set()
    async with asyncio.timeout(PATIENCE_S):
        await vault.woken.wait()
    assert not watched.is_silent
    assert vault.asked >= 2


async def test_the_real_vault_answers_whoever_doubts_it(hot_path: None) -> None:
    assert database._pulse is not None
    database._pulse.doubt()
    assert database._pulse._asking is not None
    async with asyncio.timeout(PATIENCE_S):
        await database._pulse._asking
    assert not is_vault_silent()


async def test_who_can_do_without_is_refused_at_once_and_who_cannot_is_served(
    hot_path: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_pulse", Mock(is_silent=True))
    with pytest.raises(VaultSilent):
        async with hot_connection():
            raise AssertionError("a silent vault was asked")
    async with hot_pool().connection() as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_who_waits_no_longer_does_not_wait_for_the_end_of_what_was_cancelled() -> None:
    async def never_stops() -> None:
        for _ in range(1_000):
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await within(0.02, never_stops())
    assert time.monotonic() - began < 5


async def test_what_ends_in_time_is_passed_on() -> None:
    async def fails() -> None:
        raise KeyError

    async def answers() -> str:
        return "yes"

    assert await within(PATIENCE_S, answers()) == "yes"
    with pytest.raises(KeyError):
        await within(PATIENCE_S, fails())
