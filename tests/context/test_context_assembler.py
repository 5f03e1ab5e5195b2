from __future__ import annotations

import asyncio
import time
from copy import deepcopy
from typing import Any

import pytest

from context import assembler
from context.admission import BUSY_FROM_S, LESS_WHEN_LATE, SEARCHES_AT_FIRST, Admission
from context.assembler import assemble
from context.desk_read import COLD_DESK, DeskRead
from context.values import Assembly, Level
from ibex.core import tokens
from ibex.core.lag import Lag
from ibex.core.tokens import count
from tests.context.twins import Never, Vault, assistant, card, found, memory, question, user, warm_desk

DOG = "The user's dog is called Rex."
ASKED = "What is my dog called?"


def system_texts(assembly: Assembly) -> list[str]:
    return [m["content"] for m in assembly.messages if m["role"] == "system"]


async def test_all_arrived_is_directive_history_memories_question() -> None:
    history = [user("Hi"), assistant("Hello."), user(ASKED)]
    assembly = await assemble(question(history, warm_desk()), retriever=Vault(cold=[found(DOG)]))
    assert [m["role"] for m in assembly.messages] == ["system", "user", "assistant", "system", "user"]
    assert assembly.messages[0] == {"role": "system", "content": "Be brief."}
    assert "called Rex." in assembly.messages[3]["content"]
    assert [sent is own for sent, own in zip(assembly.messages[1:3], history, strict=False)] == [True, True]
    assert assembly.messages[4] is history[2]
    assert (assembly.level, assembly.is_fallback, assembly.missing) == (Level.COMPLETE, False, ())
    assert [line.arm for line in assembly.packed] == ["cold"]
    assert {"cold", "budget", "score", "pack", "place", "assembly"} <= set(assembly.stages)


async def test_context_tokens_are_those_of_everything_added() -> None:
    plain = await assemble(question([user(ASKED)], warm_desk()), retriever=Vault())
    with_memory = await assemble(question([user(ASKED)], warm_desk()), retriever=Vault(cold=[found(DOG)]))
    assert plain.context_tokens == count("Be brief.")
    assert 0 <= with_memory.context_tokens - sum(count(text) for text in system_texts(with_memory)) <= 3


async def test_an_ordinary_call_needs_no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    memories = [memory(DOG), memory("Answer in two sentences.", category="procedural", is_pinned=True)]
    asked = question([user("Hi"), assistant("Hello."), user(ASKED)], warm_desk(*memories))
    vault = Vault(cold=[found("The user pays taxes in Portugal.", source="imported")])
    monkeypatch.setattr(tokens, "_tokenizers", {})
    assembly = await assemble(asked, retriever=vault)
    assert len(assembly.packed) == 3
    assert not tokens._tokenizers


def test_retrieval_has_forty_milliseconds_and_assembly_five_more(promised: tuple[float, float]) -> None:
    assert promised == (0.040, 0.045)


async def test_a_late_search_leaves_directive_and_hot_memories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "RETRIEVAL_DEADLINE_S", 0.04)
    never = Never()
    desk = warm_desk(memory(DOG), memory("The user pays taxes in Portugal."))
    assembly = await assemble(question([user(ASKED)], desk), retriever=Vault(cold=never))
    assert (assembly.level, assembly.is_fallback, assembly.missing) == (Level.PARTIAL, True, ("cold",))
    assert [line.arm for line in assembly.packed] == ["hot"]
    assert "Rex" in system_texts(assembly)[1]
    assert "Portugal" not in system_texts(assembly)[1]
    await asyncio.wait_for(never.cancelled.wait(), timeout=5)


async def test_a_failed_search_is_a_late_one() -> None:
    assembly = await assemble(question([user(ASKED)], warm_desk(memory(DOG))), retriever=Vault(cold=None))
    assert (assembly.level, assembly.is_fallback) == (Level.PARTIAL, True)
    assert len(assembly.packed) == 1


async def test_without_any_memories_in_time_the_directive_remains() -> None:
    desk = DeskRead(directive="Be brief.", hot=None, cold=("hot",))
    assembly = await assemble(question([user(ASKED)], desk), retriever=Vault(cold=None, hot=None))
    assert (assembly.level, assembly.is_fallback) == (Level.DIRECTIVE_ONLY, True)
    assert system_texts(assembly) == ["Be brief."]
    assert assembly.on_cold == ("hot",)


async def test_over_the_wall_the_callers_own_messages_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "WALL_S", 0.045)
    never, messages = Never(), [user(ASKED)]
    assembly = await assemble(question(messages, warm_desk(memory(DOG))), retriever=Vault(cold=never))
    assert assembly.messages is messages
    assert (assembly.level, assembly.is_fallback, assembly.packed) == (Level.UNTOUCHED, True, [])
    await asyncio.wait_for(never.cancelled.wait(), timeout=5)


async def test_a_search_that_meets_the_wall_was_late_and_one_whose_caller_leaves_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admission, never = Admission(), Never()
    leaving = asyncio.create_task(
        assemble(question([user(ASKED)], warm_desk()), retriever=Vault(cold=never), admission=admission)
    )
    while not admission.in_flight:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    assert (admission.in_flight, admission.limit) == (0, SEARCHES_AT_FIRST)
    monkeypatch.setattr(assembler, "WALL_S", 0.045)
    await assemble(question([user(ASKED)], warm_desk()), retriever=Vault(cold=Never()), admission=admission)
    assert (admission.in_flight, admission.limit) == (0, SEARCHES_AT_FIRST * LESS_WHEN_LATE)


async def test_a_busy_event_loop_meets_the_wall_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "WALL_S", 0.045)

    async def hold_the_loop() -> list[Any]:
        time.sleep(0.1)  # noqa: ASYNC251 - the point of the test
        return []

    messages = [user(ASKED)]
    assembly = await assemble(question(messages, warm_desk()), retriever=Vault(cold=hold_the_loop))
    assert assembly.messages is messages
    assert assembly.level == Level.UNTOUCHED


@pytest.mark.parametrize(
    "broken", [{"messages": [{"role": "user"}, 7]}, {"messages": [user(ASKED)], "tools": object()}]
)
async def test_whatever_breaks_the_callers_own_messages_go_on(
    broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembler, "compose", lambda *_, **__: 1 / 0)
    asked = question([], warm_desk(), body=broken)
    assembly = await assemble(asked, retriever=Vault())
    assert assembly.messages is broken["messages"]
    assert (assembly.level, assembly.is_fallback) == (Level.UNTOUCHED, True)
    assert assembly.stages["assembly"] >= 0


async def test_what_cannot_be_composed_is_sent_as_it_came() -> None:
    messages: list[Any] = [7]
    assembly = await assemble(question(messages, warm_desk()), retriever=Vault())
    assert assembly.messages is messages
    assert assembly.level == Level.UNTOUCHED


async def test_a_cold_directive_comes_from_the_vault() -> None:
    desk = DeskRead(hot=(), cold=("directive",))
    assembly = await assemble(question([user(ASKED)], desk), retriever=Vault(directive="From the vault."))
    assert system_texts(assembly) == ["From the vault."]
    assert (assembly.level, assembly.directive_version, assembly.on_cold) == (Level.COMPLETE, 7, ("directive",))
    assert assembly.context_tokens > 0


async def test_a_directive_that_nobody_has_in_time_is_said_to_be_missing() -> None:
    assembly = await assemble(
        question([user(ASKED)], DeskRead(hot=())), retriever=Vault(directive=None, cold=[found(DOG)])
    )
    assert (assembly.level, assembly.is_fallback, assembly.missing) == (Level.PARTIAL, True, ("directive",))
    assert len(assembly.packed) == 1


async def test_standing_instructions_survive_a_cold_desk() -> None:
    rule = memory("Prices are quoted in euros.", category="procedural", is_pinned=True)
    assembly = await assemble(question([user(ASKED)], DeskRead(directive="")), retriever=Vault(hot=[rule]))
    assert [line.arm for line in assembly.packed] == ["pinned"]
    assert assembly.level == Level.COMPLETE


async def test_a_desk_that_does_not_answer_is_a_fallback_even_if_the_vault_knows_everything() -> None:
    vault = Vault(directive="From the vault.", cold=[found(DOG)])
    assembly = await assemble(question([user(ASKED)], COLD_DESK), retriever=vault)
    assert (assembly.level, assembly.is_fallback, assembly.missing) == (Level.PARTIAL, True, ("desk",))
    assert len(assembly.packed) == 1


async def test_nothing_to_add_sends_the_very_list_that_came() -> None:
    messages = [user("Hi")]
    assembly = await assemble(question(messages, DeskRead(directive="", hot=())), retriever=Vault())
    assert assembly.messages is messages
    assert (assembly.level, assembly.context_tokens, assembly.blocks) == (Level.COMPLETE, 0, None)


async def test_what_the_caller_sent_is_never_changed() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "Cook.", "x_mark": 1},
            user([{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "data:,"}}]),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "ok"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "x_unknown": {"kept": True},
    }
    before = deepcopy(body)
    for mode in ("system_first", "system_append", "user_prepend"):
        asked = question([], warm_desk(), body=body, agent=card(injection_mode=mode))
        assembly = await assemble(asked, retriever=Vault(cold=[found(DOG)]))
        assert assembly.level == Level.COMPLETE
        assert body == before


@pytest.mark.parametrize("off", [{"reads": False}, {"agent": card(remembers=False)}, {"agent": card(memory_tokens=0)}])
async def test_where_memories_are_switched_off_only_the_directive_is_added(off: dict[str, Any]) -> None:
    vault = Vault(cold=[found(DOG)])
    assembly = await assemble(question([user(ASKED)], warm_desk(memory(DOG)), **off), retriever=vault)
    assert system_texts(assembly) == ["Be brief."]
    assert (assembly.level, assembly.considered, vault.asked) == (Level.COMPLETE, (), [])


async def test_beyond_the_admitted_searches_a_call_goes_without_and_says_so() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow() -> list[Any]:
        started.set()
        await release.wait()
        return [found(DOG)]

    admission, second_vault = Admission(limit=1), Vault(cold=[found(DOG)])
    first = asyncio.create_task(
        assemble(question([user(ASKED)], warm_desk()), retriever=Vault(cold=slow), admission=admission)
    )
    await started.wait()
    second = await assemble(
        question([user(ASKED)], warm_desk(memory(DOG))), retriever=second_vault, admission=admission
    )
    release.set()
    assert (second.level, second.is_fallback, second.missing) == (Level.PARTIAL, True, ("cold", "excerpts"))
    assert second_vault.asked == []
    assert [line.arm for line in second.packed] == ["hot"]
    await first
    assert admission.in_flight == 0


async def test_a_call_that_finds_the_event_loop_busy_goes_without_the_search_and_says_so() -> None:
    lag, vault = Lag(), Vault(cold=[found(DOG)])
    lag.seconds = BUSY_FROM_S
    answer = await assemble(
        question([user(ASKED)], warm_desk(memory(DOG))), retriever=vault, admission=Admission(lag=lag)
    )
    assert (answer.level, answer.is_fallback, answer.missing) == (Level.PARTIAL, True, ("cold", "excerpts"))
    assert vault.asked == []
    assert [line.arm for line in answer.packed] == ["hot"]


async def test_on_a_busy_event_loop_the_deadline_is_earlier_by_as_much_as_the_loop_is_late() -> None:
    lag, never = Lag(), Never()
    lag.seconds = assembler.RETRIEVAL_DEADLINE_S
    cold_desk = DeskRead(directive="Be brief.", hot=None, cold=("hot",))
    assembling = assemble(question([user(ASKED)], cold_desk), retriever=Vault(hot=never), admission=Admission(lag=lag))
    assembly = await asyncio.wait_for(assembling, timeout=assembler.RETRIEVAL_DEADLINE_S / 2)
    assert "hot" in assembly.missing
    await asyncio.wait_for(never.cancelled.wait(), timeout=5)


async def test_a_search_that_fails_gives_its_place_back() -> None:
    admission = Admission(limit=1)
    await assemble(question([user(ASKED)], warm_desk()), retriever=Vault(cold=None), admission=admission)
    assert admission.in_flight == 0


async def test_the_search_is_for_this_agent_and_this_end_user_only() -> None:
    vault = Vault()
    await assemble(question([user(ASKED)], warm_desk(), end_user="ann"), retriever=vault)
    (lookup,) = vault.lookups
    asked = question([], warm_desk())
    assert (lookup.org_id, lookup.agent_id, lookup.end_user) == (asked.org_id, asked.agent.id, "ann")
    assert lookup.query == ASKED


async def test_the_same_input_gives_the_same_text_but_for_the_nonce() -> None:
    vault = Vault(cold=[found(DOG), found("The user lives in Lisbon.", 0.6)])
    asked = question([user(ASKED)], warm_desk())
    first, second = [await assemble(asked, retriever=vault, nonce=lambda: "0" * 12) for _ in range(2)]
    assert first.messages == second.messages
    other = await assemble(asked, retriever=vault)
    assert other.messages != first.messages


async def test_an_unknown_model_with_a_long_history_gets_no_memories_rather_than_an_overflow() -> None:
    long = "The quick brown fox jumps over the lazy dog. " * 900
    asked = question([user(long), assistant("ok"), user(ASKED)], warm_desk(), body={"model": "unheard-of"})
    assembly = await assemble(asked, retriever=Vault(cold=[found(DOG)]))
    assert assembly.packed == []
    assert [line.reason for line in assembly.considered] == ["longer_than_the_budget"]
