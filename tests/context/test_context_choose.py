from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.choose import (
    EXCERPT_SHARE,
    RELEVANCE_FLOOR,
    SHORT_LIST_MIN,
    TAIL_SHARE,
    Choice,
    choose,
    merge,
    rank,
)
from context.ranked import LEFT_OUT_KEPT
from context.render import element_tokens
from context.values import Candidate
from tests.context.twins import DAY, NOW, found, memory, quoted


def chosen(*candidates: Candidate, budget: int = 2_000, taken: int = 0, shown: frozenset[UUID] = frozenset()) -> Choice:
    return choose(rank(candidates, now=NOW), room=budget - taken, whole=budget, shown=shown)


def reasons(choice: Choice) -> dict[UUID, str]:
    return {line.memory_id: line.reason for line in choice.considered}


def test_what_has_nothing_to_do_with_the_question_is_never_shown_for_being_new_or_popular() -> None:
    popular = found("x", RELEVANCE_FLOOR - 0.01, observed_at=NOW, usefulness=1.0, confidence=1.0, injections=50)
    choice = chosen(popular)
    assert choice.memories == ()
    assert reasons(choice) == {popular.memory.id: "below_relevance_floor"}


def test_what_is_far_less_relevant_than_the_best_is_left_out() -> None:
    best, near, far = found("a", 0.9), found("b", 0.9 * TAIL_SHARE + 0.01), found("c", 0.9 * TAIL_SHARE - 0.01)
    choice = chosen(best, near, far)
    assert choice.memories == (best.memory, near.memory)
    assert reasons(choice)[far.memory.id] == "far_below_the_best"


def test_the_best_sets_the_standard_also_when_it_is_shown_already() -> None:
    best, dregs = found("a", 0.9), found("b", 0.2)
    choice = chosen(best, dregs, shown=frozenset({best.memory.id}))
    assert choice.memories == ()
    first, second = choice.considered
    assert (first.arm, first.is_packed) == ("replayed", True)
    assert (second.reason, second.is_packed) == ("far_below_the_best", False)


def test_a_receipt_names_rank_components_tokens_and_arm_of_each() -> None:
    choice = chosen(found("The user has a dog.", 0.8, version=3), found("b", 0.9))
    assert [line.rank for line in choice.considered] == [1, 2]
    second = choice.considered[1]
    assert second.version == 3
    assert second.as_json()["components"]["relevance"] == 0.8
    assert set(second.as_json()["components"]) == {"relevance", "recency", "usefulness", "confidence", "frequency"}
    assert second.arm == "cold"
    assert second.tokens == element_tokens(choice.memories[1])
    assert second.as_json()["memory_id"] == second.memory_id


def pinned(content: str, relevance: float = 0.0, **fields: Any) -> Candidate:
    return found(content, relevance, category="procedural", is_pinned=True, **fields)


def test_standing_instructions_need_no_likeness_to_the_question() -> None:
    rule = pinned("Answers are in German.")
    choice = chosen(rule, found("a", 0.9))
    assert rule.memory in choice.memories
    assert {line.arm for line in choice.considered} == {"pinned", "cold"}


def test_standing_instructions_keep_to_a_quarter_of_the_budget_best_first() -> None:
    rules = [pinned(f"Rule {n}. " + "word " * 20, usefulness=n / 10) for n in range(10)]
    each = element_tokens(rules[0].memory)
    choice = chosen(*rules, budget=each * 8 + 4)
    assert choice.memories == (rules[9].memory, rules[8].memory)
    assert choice.tokens <= (each * 8 + 4) / 4


def test_a_standing_instruction_beyond_the_quarter_is_chosen_when_the_question_is_about_it() -> None:
    rules = [pinned(f"Rule {n}. " + "word " * 20, 0.8) for n in range(4)]
    assert len(chosen(*rules, budget=element_tokens(rules[0].memory) * 5).memories) == 4


def test_standing_instructions_that_are_shown_already_count_against_the_quarter() -> None:
    first, second = pinned("Rule 1. " + "word " * 20), pinned("Rule 2. " + "word " * 20)
    budget = element_tokens(first.memory) * 5
    assert second.memory in chosen(second, budget=budget).memories
    assert chosen(first, second, budget=budget, shown=frozenset({first.memory.id})).memories == ()


def test_the_prompt_is_crowded_when_the_best_of_what_is_new_has_no_room_left() -> None:
    best, small = found("The user moved. " + "word " * 60, 0.9), found("The user has a dog.", 0.6)
    assert chosen(best, small, budget=400, taken=350).is_crowded
    assert not chosen(best, small, budget=400, taken=0).is_crowded
    assert not chosen(small, found("word " * 500, 0.4), budget=400, taken=350).is_crowded


def test_the_prompt_is_crowded_when_a_standing_instruction_has_no_room_left() -> None:
    assert chosen(pinned("Prices are in euros. " + "word " * 30), budget=400, taken=380).is_crowded


def test_what_would_take_more_than_old_blocks_give_back_crowds_nothing() -> None:
    assert not chosen(found("word " * 500, 0.9), budget=400, taken=350).is_crowded
    assert not chosen(found("word " * 250, 0.9), budget=400, taken=350).is_crowded


def test_a_memory_that_is_too_long_does_not_stop_those_behind_it() -> None:
    long, short = found("word " * 500, 0.9), found("The user has a dog.", 0.8)
    choice = chosen(long, short, budget=100)
    assert choice.memories == (short.memory,)
    assert reasons(choice)[long.memory.id] == "longer_than_the_budget"


def test_two_short_memories_go_before_one_long_one_that_is_worth_less_than_both() -> None:
    long, first, second = found("long " * 100, 0.9), found("word " * 40, 0.7), found("text " * 40, 0.7)
    budget = element_tokens(first.memory) + element_tokens(second.memory)
    assert element_tokens(long.memory) <= budget
    choice = chosen(long, first, second, budget=budget)
    assert set(choice.memories) == {first.memory, second.memory}
    assert reasons(choice)[long.memory.id] == "over_budget"


def test_a_tight_budget_is_not_filled_with_what_is_short_instead_of_what_is_good() -> None:
    good = [found(f"Good {n}. " + "word " * 30, 0.9 - n / 1000) for n in range(SHORT_LIST_MIN + 3)]
    short = [found(f"Short {n}.", 0.7) for n in range(30)]
    choice = chosen(*good, *short, budget=element_tokens(good[0].memory) * SHORT_LIST_MIN)
    assert set(choice.memories) <= {one.memory for one in good}
    assert {reasons(choice).get(one.memory.id, "outranked") for one in short} == {"outranked"}


def test_without_a_budget_nothing_is_shown_and_the_receipt_says_why() -> None:
    choice = chosen(found("a"), budget=0)
    assert choice.memories == ()
    assert set(reasons(choice).values()) == {"longer_than_the_budget"}


def test_a_receipt_names_only_the_best_of_many_left_out() -> None:
    choice = chosen(found("best", 1.0), *(found(f"m{n}", 0.1) for n in range(60)))
    assert len(choice.considered) == LEFT_OUT_KEPT + 1


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=80), st.floats(0, 1), st.booleans(), st.integers(0, 400)), max_size=12
    ),
    st.integers(0, 300),
)
def test_what_is_chosen_fits_and_has_passed_the_gates(parts: list[tuple[str, float, bool, int]], budget: int) -> None:
    candidates = [
        found(content, relevance, is_pinned=pinned, observed_at=NOW - age * DAY)
        for content, relevance, pinned, age in parts
    ]
    choice = chosen(*candidates, budget=budget)
    relevance = {one.memory.id: one.relevance for one in candidates}
    assert choice.tokens <= budget
    assert choice.tokens == sum(element_tokens(one) for one in choice.memories)
    assert all(one.is_pinned or relevance[one.id] >= RELEVANCE_FLOOR for one in choice.memories)
    assert {line.memory_id for line in choice.considered if line.is_packed} == {one.id for one in choice.memories}
    assert all(line.is_packed == (line.reason == "") for line in choice.considered)


def test_a_memory_found_by_both_arms_is_one_candidate_with_the_searchs_relevance() -> None:
    cold = found("The user has a dog.", 0.77)
    (merged,) = merge([cold.memory], [cold], "cats")
    assert (merged.relevance, merged.arm) == (0.77, "cold")


def test_without_a_search_hot_memories_are_judged_by_the_words_they_share() -> None:
    dog, tax = memory("The user's dog is called Rex."), memory("The user pays taxes in Portugal.")
    by_id = {one.memory.id: one.relevance for one in merge([dog, tax], None, "What is my dog called?")}
    assert by_id[dog.id] > 0.5
    assert by_id[tax.id] == 0.0


def test_a_hot_memory_that_the_search_did_not_find_is_no_more_relevant_than_the_least_it_found() -> None:
    least = found("The user's cat is called Tom.", 0.2)
    dog = memory("The user's dog is called Rex.")
    by_id = {one.memory.id: one.relevance for one in merge([dog], [found("a", 0.9), least], "What is my dog called?")}
    assert by_id[dog.id] == 0.2


def test_a_memory_that_is_hot_twice_is_one_candidate() -> None:
    dog = memory("The user's dog is called Rex.")
    assert len(merge([dog, dog], None, "dog")) == 1


def test_excerpts_take_part_and_stand_in_the_receipt_as_what_they_are() -> None:
    claim, words = found("The user's dog is called Rex."), quoted("I adopted him in the spring, from the shelter.")
    choice = chosen(claim, words)
    assert choice.memories == (claim.memory, words.memory)
    told = {(line.memory_id, line.excerpt_id) for line in choice.considered}
    assert told == {(claim.memory.id, None), (None, words.memory.id)}


def test_excerpts_never_crowd_out_memories() -> None:
    claims = [found(f"Claim {n}. " + "word " * 30, 0.6) for n in range(12)]
    words = [quoted(f"Said {n}. " + "text " * 30, 1.0) for n in range(12)]
    alone = chosen(*claims, budget=600)
    beside = chosen(*claims, *words, budget=600)
    tokens = dict.fromkeys((False, True), 0)
    for one in beside.memories:
        tokens[one.is_excerpt] += element_tokens(one)
    assert tokens[True] > 0
    assert tokens[False] >= (1 - EXCERPT_SHARE) * alone.tokens - element_tokens(claims[0].memory)


def test_the_best_memory_has_its_room_before_any_excerpt() -> None:
    long = found("word " * 100, 0.9)
    choice = chosen(long, *(quoted(f"Said {n}.", 0.9) for n in range(30)), budget=element_tokens(long.memory) + 10)
    assert long.memory in choice.memories


def test_what_either_kind_leaves_goes_to_the_other() -> None:
    words = [quoted(f"Said {n}. " + "text " * 30, 0.9) for n in range(6)]
    only_words = chosen(*words, budget=1_000)
    assert len(only_words.memories) == len(words)
    claims = [found(f"Claim {n}. " + "word " * 30, 0.9) for n in range(6)]
    few = chosen(*claims, words[0], budget=sum(element_tokens(one.memory) for one in (*claims, words[0])))
    assert len(few.memories) == 7


def test_an_excerpt_that_only_restates_a_memory_beside_it_is_left_out() -> None:
    claim = found("The user adopted a dog called Rex from the shelter in May.")
    again, more = (
        quoted("I adopted a dog from the shelter, called Rex."),
        quoted("Rex is afraid of thunder and horses."),
    )
    choice = chosen(claim, again, more)
    assert choice.memories == (claim.memory, more.memory)
    assert [line.reason for line in choice.considered if line.excerpt_id == again.memory.id] == ["restates_a_memory"]


def test_an_excerpt_that_restates_a_memory_of_a_replayed_block_is_left_out() -> None:
    claim, again = found("The user adopted a dog called Rex."), quoted("I adopted a dog called Rex.")
    assert chosen(claim, again, shown=frozenset({claim.memory.id})).memories == ()


def test_evidence_does_not_put_claims_in_the_shade() -> None:
    claim, words = found("The user has a dog.", 0.3), quoted("Rex barks at the postman every single day.", 1.0)
    assert set(chosen(claim, words).memories) == {claim.memory, words.memory}
    faint = quoted("Something about the weather in Lisbon.", 0.3)
    assert chosen(found("The user has a dog.", 0.9), faint).considered[-1].reason == "far_below_the_best"


def test_of_several_memories_that_say_the_same_the_best_one_is_shown() -> None:
    best = found("The user has a dog named Biscuit, from the shelter in Porto.", 0.9)
    again, other = found("The user's dog is named Biscuit.", 0.8), found("The user's dog is named Rex.", 0.8)
    choice = chosen(best, again, other)
    assert set(choice.memories) == {best.memory, other.memory}
    assert [line.reason for line in choice.considered if line.memory_id == again.memory.id] == ["restates_a_memory"]


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("The staging database listens on port 5432.", "The staging database listens on port 5433."),
        ("The user likes olives.", "The user does not like olives."),
        ("Ann lives in Oslo.", "Ben lives in Oslo."),
        ("The user moved in May 2024.", "The user moved in June 2024."),
    ],
)
def test_memories_that_differ_in_a_number_a_name_a_date_or_a_not_are_both_shown(one: str, another: str) -> None:
    assert len(chosen(found(one, 0.9), found(another, 0.8)).memories) == 2
    assert len(chosen(found(one, 0.8), found(another, 0.9)).memories) == 2
