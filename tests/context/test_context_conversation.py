"""Over the turns of one session: what was shown stays where it was, byte for byte, and is not said twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibex.core.tokens import count
from tests.context.twins import Conversation, Vault, assistant, card, found, memory, quoted, user

words = st.text(alphabet="abcdefghij <&>\"'é", min_size=3, max_size=40)
turns = st.lists(st.lists(words, max_size=4), min_size=10, max_size=10)
places = st.sampled_from(
    [
        {},
        {"joins_blocks": True},
        {"agent": card(injection_mode="system_append", memory_tokens=32_000)},
        {"agent": card(injection_mode="user_prepend", memory_tokens=32_000)},
    ]
)


def as_bytes(messages: list[Any]) -> list[bytes]:
    return [orjson.dumps(message) for message in messages]


@settings(deadline=None, max_examples=25)
@given(turns, places, st.booleans())
def test_the_prefix_of_ten_turns_is_byte_identical(
    learned: list[list[str]], fields: dict[str, Any], cooks: bool
) -> None:
    start = [{"role": "system", "content": "You are a cook."}] if cooks else []
    conversation = Conversation(start=start, **({"agent": card(memory_tokens=32_000)} | fields))
    for number, contents in enumerate(learned):
        conversation.say(f"Question {number}?", Vault(cold=[found(content) for content in contents]))
    for before, after in zip(conversation.sent, conversation.sent[1:], strict=False):
        assert as_bytes(after)[: len(before)] == as_bytes(before)


def test_a_memory_is_shown_once_in_a_session_and_stands_in_every_later_receipt() -> None:
    dog = found("The user's dog is called Rex.")
    conversation = Conversation()
    first = conversation.say("What is my dog called?", Vault(cold=[dog]))
    second = conversation.say("And how old is it?", Vault(cold=[dog]))
    assert first.new_block is not None
    assert (second.new_block, second.blocks) == (None, None)
    assert orjson.dumps(conversation.sent[1]).count(b"called Rex.") == 1
    assert [(line.memory_id, line.arm) for line in second.packed] == [(dog.memory.id, "replayed")]
    assert second.context_tokens == first.context_tokens


def test_what_the_search_no_longer_finds_is_still_in_the_receipt_while_it_is_in_the_prompt() -> None:
    dog = found("The user's dog is called Rex.", version=4)
    conversation = Conversation()
    conversation.say("What is my dog called?", Vault(cold=[dog]))
    (line,) = conversation.say("What is the capital of Peru?", Vault()).packed
    assert (line.memory_id, line.version, line.arm, line.rank) == (dog.memory.id, 4, "replayed", 0)


def test_what_the_user_said_in_this_very_conversation_is_not_told_back() -> None:
    here, elsewhere = UUID(int=7), UUID(int=8)
    learned = found("The user's dog Rex is four years old.", session_id=here)
    known = found("The user's dog Rex was born in Porto.", session_id=elsewhere)
    conversation = Conversation(session_id=here)
    conversation.say("My dog Rex is four years old. He was born in Porto.", Vault())
    second = conversation.say("What do you know of Rex?", Vault(cold=[learned, known]))
    assert {line.memory_id: line.reason for line in second.considered} == {
        learned.memory.id: "said_in_this_conversation",
        known.memory.id: "",
    }


def test_what_the_application_has_cut_off_meanwhile_is_told_again() -> None:
    here = UUID(int=7)
    learned = found("The user's dog Rex is four years old.", session_id=here)
    conversation = Conversation(session_id=here)
    conversation.say("My dog Rex is four years old.", Vault())
    conversation.history.clear()
    second = conversation.say("Is my dog Rex four years old?", Vault(cold=[learned]))
    assert [line.memory_id for line in second.packed] == [learned.memory.id]


def test_a_new_memory_goes_just_before_the_last_user_message() -> None:
    conversation = Conversation()
    conversation.say("What is my dog called?", Vault(cold=[found("The user's dog is called Rex.")]))
    conversation.say("Where do I live?", Vault(cold=[found("The user lives in Lisbon.")]))
    sent = conversation.sent[1]
    assert [m["role"] for m in sent] == ["system", "system", "user", "assistant", "system", "user"]
    assert "Lisbon" in sent[4]["content"]
    assert "Rex" not in sent[4]["content"]


def test_calls_of_tools_within_a_turn_change_nothing_before_them() -> None:
    conversation = Conversation()
    conversation.history.append(user("Book a walk for my dog"))
    conversation.call(Vault(cold=[found("The user's dog is called Rex.")]))
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
    }
    conversation.history += [call, {"role": "tool", "tool_call_id": "c", "content": "Booked."}]
    vault = Vault(cold=[found("The user walks at dawn.")])
    conversation.call(vault)
    first, second = conversation.sent
    assert as_bytes(second)[: len(first)] == as_bytes(first)
    assert len(second) == len(first) + 2
    assert "cold" not in vault.asked


def test_a_first_call_that_comes_with_tool_results_has_memories_all_the_same() -> None:
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
    }
    conversation = Conversation(
        start=[user("Walk my dog"), call, {"role": "tool", "tool_call_id": "c", "content": "Ok."}]
    )
    assembly = conversation.call(Vault(cold=[found("The user's dog is called Rex.")]))
    assert [m["role"] for m in assembly.messages] == ["system", "system", "user", "assistant", "tool"]


def test_an_asked_again_question_keeps_its_block_and_may_gain_another() -> None:
    conversation = Conversation()
    conversation.history.append(user("What is my dog called?"))
    dog = found("The user's dog is called Rex.")
    conversation.call(Vault(cold=[dog]))
    conversation.call(Vault(cold=[dog, found("The user's dog is four years old.")]))
    first, second = conversation.sent
    assert as_bytes(second)[:2] == as_bytes(first)[:2]
    assert "four years" in second[2]["content"]
    assert second[3] is conversation.history[0]


def test_an_edited_history_loses_the_block_of_the_edited_message_only() -> None:
    conversation = Conversation()
    dog, home = found("The user's dog is called Rex."), found("The user lives in Lisbon.")
    conversation.say("What is my dog called?", Vault(cold=[dog]))
    conversation.say("Where do I live?", Vault(cold=[home]))
    conversation.history[2] = user("Where did I live?")
    conversation.say("Thanks. Where now?", Vault())
    texts = [m["content"] for m in conversation.sent[-1]]
    assert sum("Rex" in text for text in texts) == 1
    assert not any("Lisbon" in text for text in texts)


def test_the_other_branch_of_a_fork_gets_its_block_back() -> None:
    conversation = Conversation()
    conversation.say("What is my dog called?", Vault(cold=[found("The user's dog is called Rex.")]))
    original = list(conversation.history)
    conversation.history[:] = [user("Something else"), assistant("Yes?")]
    conversation.say("Where do I live?", Vault(cold=[found("The user lives in Lisbon.")]))
    conversation.history[:] = original
    conversation.say("Good dog?", Vault())
    assert "Rex" in conversation.sent[-1][1]["content"]


def test_a_memory_that_was_deleted_is_not_replayed() -> None:
    conversation = Conversation()
    dog, secret = found("The user's dog is called Rex."), found("The user's safe is behind the mirror.")
    conversation.say("What is my dog called?", Vault(cold=[dog, secret]))
    conversation.say("Where is it now?", Vault(cold=[dog], dead={secret.memory.id}))
    text = orjson.dumps(conversation.sent[1]).decode()
    assert "mirror" not in text
    assert text.count("called Rex.") == 1
    conversation.say("Sure?", Vault())
    assert "mirror" not in orjson.dumps(conversation.sent[2]).decode()
    assert b"mirror" not in (conversation.kept or b"")


def test_an_edited_memory_is_shown_as_it_is_now() -> None:
    conversation = Conversation()
    dog = found("The user's dog is called Rex.")
    renamed = found("The user's dog is called Max.", id=dog.memory.id, version=2)
    conversation.say("What is my dog called?", Vault(cold=[dog]))
    second = conversation.say("Are you sure about my dog?", Vault(cold=[renamed]))
    assert "Max" in conversation.sent[1][4]["content"]
    assert [(line.version, line.arm) for line in second.packed] == [(2, "cold")]


def test_a_long_session_never_shows_more_than_the_agent_allows_and_goes_on_learning() -> None:
    cap = 2_000
    conversation = Conversation(agent=card(memory_tokens=cap))
    breaks = 0
    for number in range(60):
        fresh = [found(f"Fact {number}-{part}: the user met person {number * 7 + part} in town.") for part in range(2)]
        assembly = conversation.say(f"Question {number}?", Vault(cold=fresh))
        assert {one.memory.id for one in fresh} & {line.memory_id for line in assembly.packed if line.arm == "cold"}
        added = [m["content"] for m in assembly.messages[1:] if m["role"] == "system"]
        assert sum(count(text) for text in added) <= cap
        before = conversation.sent[-2] if number else []
        breaks += as_bytes(assembly.messages)[: len(before)] != as_bytes(before)
    assert 0 < breaks <= 60 / 6


def test_standing_instructions_are_shown_once_and_again_when_their_block_is_forgotten() -> None:
    rule = memory("Prices are quoted in euros.", category="procedural", is_pinned=True)
    conversation = Conversation(agent=card(memory_tokens=400))
    for number in range(20):
        vault = Vault(cold=[found(f"Fact {number}: the user met person {number} in the old town.")])
        vault.answers["cold"] = [*vault.answers["cold"], found(rule.content, 0.0, id=rule.id, is_pinned=True)]
        conversation.say(f"Question {number}?", vault)
        assert orjson.dumps(conversation.sent[-1]).count(b"quoted in euros") == 1


@pytest.mark.parametrize("content", ["ok", [{"type": "text", "text": "ok"}]])
def test_the_same_short_words_said_twice_are_two_places(content: Any) -> None:
    conversation = Conversation()
    conversation.history.append(user(content))
    conversation.call(Vault(cold=[found("The user's dog is called Rex.")]))
    conversation.history += [assistant("1"), user(content)]
    conversation.call(Vault(cold=[found("The user lives in Lisbon.")]))
    sent = conversation.sent[1]
    assert "Rex" in sent[1]["content"]
    assert "Lisbon" in sent[4]["content"]


def test_an_excerpt_is_shown_once_and_replayed_where_it_stood() -> None:
    talk, words = Conversation(), quoted("I adopted Rex from the shelter.", speaker="Ann")
    talk.say("What do I know about Rex?", Vault(excerpts=[words]))
    second = talk.say("And his age?", Vault(excerpts=[words]))
    assert sum("adopted Rex" in str(message) for message in talk.sent[1]) == 1
    assert talk.sent[1][: len(talk.sent[0])] == talk.sent[0]
    assert [(line.excerpt_id, line.arm) for line in second.packed] == [(words.memory.id, "replayed")]


def test_an_excerpt_that_expired_or_was_erased_is_not_replayed() -> None:
    talk, words = Conversation(), quoted("I adopted Rex from the shelter.")
    talk.say("What do I know about Rex?", Vault(excerpts=[words]))
    talk.say("Where do I live?", Vault(dead=[words.memory.id]))
    assert not any("adopted Rex" in str(message) for message in talk.sent[1])


def test_where_excerpts_are_switched_off_they_are_neither_looked_for_nor_replayed() -> None:
    talk, words = Conversation(), quoted("I adopted Rex from the shelter.")
    talk.say("What do I know about Rex?", Vault(excerpts=[words]))
    talk.fields["agent"] = card(quotes=False)
    talk.say("What else?", Vault(excerpts=[words]))
    assert not any("adopted Rex" in str(message) for message in talk.sent[1])


def test_what_the_callers_own_history_holds_is_not_quoted_back() -> None:
    said = "I adopted Rex from the shelter."
    talk = Conversation(start=[user(said), assistant("Lovely.")])
    assembly = talk.say("What do I know about Rex?", Vault(excerpts=[quoted(said), quoted("Rex is afraid of horses.")]))
    assert sorted(line.reason for line in assembly.considered) == ["", "said_in_this_conversation"]


def test_the_same_question_asked_before_is_no_evidence() -> None:
    assembly = Conversation().say("What is my dog called?", Vault(excerpts=[quoted("what's my dog called")]))
    assert [line.reason for line in assembly.considered] == ["said_in_this_conversation"]
