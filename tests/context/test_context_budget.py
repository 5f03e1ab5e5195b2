from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.budget import budget_for, response_reserve
from context.counting import (
    DENSE_BYTES_A_TOKEN,
    EXACT_CHARACTERS,
    count_request,
)
from context.images import image_tokens
from context.windows import UNKNOWN_WINDOW, window_of
from ibex.core import tokens
from ibex.core.tokens import at_most, count
from tests.context.twins import assistant, user

TEXT = "The quick brown fox jumps over the lazy dog near the old mill. "


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages)} | fields


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("gpt-4", 8_192),
        ("gpt-4-0613", 8_192),
        ("gpt-4-turbo-2024-04-09", 128_000),
        ("gpt-4o-mini", 128_000),
        ("openai/gpt-4.1-mini", 1_047_576),
        ("claude-sonnet-4-5", 200_000),
        ("a-model-of-tomorrow", UNKNOWN_WINDOW),
        ("", UNKNOWN_WINDOW),
    ],
)
def test_a_models_window_is_that_of_the_longest_known_beginning_of_its_name(model: str, window: int) -> None:
    assert window_of(model) == window


def test_the_reserve_is_a_share_of_the_window_between_its_bounds_or_what_the_caller_asks() -> None:
    assert response_reserve(2_000, None) == 500
    assert response_reserve(8_192, None) == 1_228
    assert response_reserve(128_000, None) == 4_096
    assert response_reserve(128_000, 16_000) == 16_000


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_callers_own_limit_is_what_is_reserved(name: str) -> None:
    assert budget_for(body(user("Hi"), **{name: 7}), "gpt-4", directive="", cap=2_000).reserve == 7


def test_memories_never_get_more_than_the_agent_allows() -> None:
    assert budget_for(body(user("Hi")), "gpt-4o", directive="", cap=2_000).memory == 2_000


def test_every_part_of_the_window_is_accounted_for() -> None:
    messages = [user(TEXT * 200)]
    budget = budget_for(body(*messages), "some-model", directive=TEXT, cap=32_000)
    assert budget.how == "exact"
    assert budget.directive == count(TEXT)
    assert budget.safety == 409
    assert budget.memory == 8_192 - budget.messages - 1_228 - 409 - budget.directive
    assert budget.messages - count(TEXT * 200) <= 10


def test_a_history_that_fills_the_window_leaves_nothing_for_memories() -> None:
    budget = budget_for(body(user(TEXT * 900)), "gpt-4", directive="", cap=2_000)
    assert budget.room < 0
    assert budget.memory == 0


def test_a_providers_own_figure_goes_before_the_table() -> None:
    assert budget_for(body(user("Hi")), "some-model", directive="", cap=32_000, window=64_000).memory == 32_000


def test_tools_tool_calls_and_images_are_counted() -> None:
    tool = {"type": "function", "function": {"name": "find", "description": TEXT}}
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": TEXT}}]}

    def tokens(**fields: Any) -> int:
        return count_request({"messages": [], **fields}, "gpt-4o", enough=-1).tokens

    def picture(**detail: str) -> list[dict[str, Any]]:
        return [user([{"type": "image_url", "image_url": {"url": "data:,", **detail}}])]

    assert tokens(tools=[tool]) > tokens() + count(TEXT)
    assert tokens(messages=[call]) > tokens() + count(TEXT)
    assert tokens(messages=picture()) - tokens(messages=[user("")]) == image_tokens("gpt-4o")
    assert tokens(messages=picture(detail="low")) - tokens(messages=[user("")]) == image_tokens("gpt-4o", low=True)


def test_where_even_the_bytes_leave_room_nothing_is_counted() -> None:
    assert budget_for(body(user(TEXT * 500)), "gpt-4o", directive="", cap=2_000).how == "bound"


def test_a_directive_has_the_tokens_it_was_counted_with() -> None:
    known = budget_for(body(user("Hi")), "gpt-4", directive=TEXT, directive_tokens=14, cap=8_000)
    assert (known.directive, known.how) == (14, "exact")


def test_a_directive_that_nobody_counted_is_counted_only_where_its_bytes_leave_no_room() -> None:
    asked = body(user("Hi"))
    assert budget_for(asked, "gpt-4o", directive=TEXT * 100, cap=2_000).directive == at_most(TEXT * 100)
    assert budget_for(asked, "gpt-4", directive=TEXT * 100, cap=2_000).directive == count(TEXT * 100, "cl100k_base")


def test_where_memories_get_nothing_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_tokenizers", {})
    assert budget_for(body(user(TEXT * 900)), "gpt-4", directive=TEXT, cap=0).memory == 0
    assert not tokens._tokenizers


async def test_the_first_call_that_has_to_be_counted_does_not_wait_for_the_tokenizer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "_tokenizers", {})
    tokens._load_in_a_thread.cache_clear()
    asked, text = body(user(TEXT * 200)), TEXT * 200
    first = count_request(asked, "gpt-4", enough=0)
    assert first.how == "estimate"
    assert first.tokens - len(text) // DENSE_BYTES_A_TOKEN < 10
    await asyncio.to_thread(tokens._load_in_a_thread("cl100k_base").join)
    later = count_request(asked, "gpt-4", enough=0)
    assert later.how == "exact"
    assert 0 <= later.tokens - count(text, "cl100k_base") < 10
    assert later.tokens <= first.tokens


def test_a_very_long_history_is_estimated_close_and_on_the_safe_side() -> None:
    messages = [message for n in range(60) for message in (user(f"{n} {TEXT * 30}"), assistant(TEXT * 40))]
    assert sum(len(m["content"]) for m in messages) > 2 * EXACT_CHARACTERS
    counted = count_request(body(*messages), "gpt-4", enough=0)
    exact = sum(count(m["content"]) for m in messages)
    assert counted.how == "estimate"
    assert exact <= counted.tokens <= 1.25 * exact


@settings(deadline=None)
@given(st.lists(st.text(max_size=300), max_size=6))
def test_a_bound_is_never_under_the_exact_count(texts: list[str]) -> None:
    asked = body(*(user(text) for text in texts))
    bound = count_request(asked, "gpt-4o", enough=10**9)
    exact = count_request(asked, "gpt-4o", enough=-1)
    assert (bound.how, exact.how) == ("bound", "exact")
    assert bound.tokens >= exact.tokens


@given(
    st.integers(0, 32_000),
    st.integers(1, 200_000),
    st.one_of(st.none(), st.integers(1, 100_000)),
    st.text(max_size=50),
)
def test_the_memory_budget_is_never_negative_nor_above_the_cap(
    cap: int, window: int, answer: int | None, directive: str
) -> None:
    budget = budget_for(body(user("Hi")), "x", directive=directive, cap=cap, window=window, answer=answer)
    assert 0 <= budget.memory <= cap
    assert budget.memory == 0 or budget.memory <= budget.room


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        ("gpt-4o", 85, 1_445),
        ("openai/gpt-4.1-2025-04-14", 85, 1_445),
        ("gpt-4o-mini-2024-07-18", 2_833, 25_501),
        ("gpt-4.1-mini", 2_488, 2_488),
        ("o3", 75, 1_275),
        ("claude-sonnet-4-5", 1_600, 1_600),
        ("gemini-2.5-pro", 258, 4_128),
        ("a-model-of-tomorrow", 85, 1_445),
    ],
)
def test_an_image_counts_by_the_rule_of_its_provider_and_its_detail(model: str, low: int, high: int) -> None:
    def added(**detail: str) -> int:
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 90_000, **detail}}
        with_it = count_request(body(user([{"type": "text", "text": "x"}, picture])), model, enough=-1).tokens
        return with_it - count_request(body(user("x")), model, enough=-1).tokens

    assert (added(detail="low"), added(detail="high"), added()) == (low, high, high)


def test_huge_tools_are_counted_by_the_familys_own_tokenizer_and_leave_memories_what_is_left() -> None:
    tools = [
        {"type": "function", "function": {"name": f"find_{n}", "description": TEXT, "parameters": {"type": "object"}}}
        for n in range(120)
    ]
    counted = {model: count_request(body(user("Hi"), tools=tools), model, enough=0) for model in ("gpt-4", "gpt-4o")}
    assert {one.how for one in counted.values()} == {"exact"}
    assert counted["gpt-4"].tokens > 120 * count(TEXT, "cl100k_base")
    small = budget_for(body(user("Hi"), tools=tools, max_tokens=1_000), "gpt-4", directive="", cap=8_000)
    assert small.memory == max(0, 8_192 - counted["gpt-4"].tokens - 1_000 - 409)
