from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.place import place
from tests.context.twins import assistant, user

SYSTEM = {"role": "system", "content": "You are a cook."}
MODES = ("system_first", "system_append", "user_prepend")
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": st.text(max_size=20)},
    optional={"name": st.text(max_size=5), "x_unknown": st.integers()},
)


def test_without_directive_and_memories_the_callers_own_list_goes_on() -> None:
    messages = [SYSTEM, user("Hi")]
    assert place(messages, directive="", mode="system_first", blocks=[]) is messages


def test_the_directive_is_the_first_system_message() -> None:
    placed = place([SYSTEM, user("Hi")], directive="Be brief.", mode="system_first", blocks=[])
    assert placed == [{"role": "system", "content": "Be brief."}, SYSTEM, user("Hi")]


def test_the_directive_may_be_appended_to_the_callers_system_message() -> None:
    placed = place([SYSTEM, user("Hi")], directive="Be brief.", mode="system_append", blocks=[(1, "<block>")])
    assert placed == [
        {"role": "system", "content": "You are a cook.\n\nBe brief."},
        {"role": "system", "content": "<block>"},
        user("Hi"),
    ]


def test_a_caller_without_system_message_gets_an_appended_directive_as_one() -> None:
    placed = place([user("Hi")], directive="Be brief.", mode="system_append", blocks=[(0, "<block>")])
    assert [m["content"] for m in placed] == ["Be brief.", "<block>", "Hi"]


def test_the_directive_may_be_put_before_the_first_words_of_the_user() -> None:
    messages = [SYSTEM, user("Hi"), assistant("Hello."), user("Menu?")]
    placed = place(messages, directive="Be brief.", mode="user_prepend", blocks=[(3, "<block>")])
    assert [m["content"] for m in placed] == [
        "You are a cook.",
        "<directive>\nBe brief.\n</directive>\n\nHi",
        "Hello.",
        "<block>\n\nMenu?",
    ]


def test_each_block_stands_just_before_its_message() -> None:
    messages = [SYSTEM, user("One"), assistant("1"), user("Two")]
    placed = place(messages, directive="", mode="system_first", blocks=[(1, "<a>"), (3, "<b>"), (3, "<c>")])
    assert [m["content"] for m in placed] == ["You are a cook.", "<a>", "One", "1", "<b>", "<c>", "Two"]


def test_for_a_provider_with_one_system_message_blocks_join_the_user_message() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    messages = [SYSTEM, user([picture, {"type": "text", "text": "What is it?"}])]
    placed = place(messages, directive="", mode="system_first", blocks=[(1, "<block>")], joins=True)
    assert placed[0] is messages[0]
    assert placed[1]["content"] == [
        {"type": "text", "text": "<block>"},
        picture,
        {"type": "text", "text": "What is it?"},
    ]


def test_a_caller_who_writes_developer_messages_gets_developer_messages() -> None:
    messages = [{"role": "developer", "content": "You are a cook."}, user("Hi")]
    placed = place(messages, directive="Be brief.", mode="system_first", blocks=[(1, "<block>")])
    assert [m["role"] for m in placed] == ["developer", "developer", "developer", "user"]


@given(st.lists(message, min_size=1, max_size=8), st.sampled_from(MODES), st.booleans(), st.data())
def test_the_callers_messages_keep_their_order_their_fields_and_their_identity(
    messages: list[dict[str, Any]], mode: str, joins: bool, data: st.DataObject
) -> None:
    messages = [{**sent, "x_place": index} for index, sent in enumerate(messages)]
    blocks = [(i, f"<block {i}>") for i in sorted(data.draw(st.sets(st.integers(0, len(messages) - 1))))]
    before = deepcopy(messages)
    placed = place(messages, directive="Be brief.", mode=mode, blocks=blocks, joins=joins)
    assert messages == before
    own = [message for message in placed if "x_place" in message]
    assert len(own) == len(messages)
    for sent, kept in zip(messages, own, strict=True):
        assert {**kept, "content": sent["content"]} == sent
        assert sent["content"] in kept["content"]
    touched = len(blocks) if joins or mode == "user_prepend" else 0
    touched += mode != "system_first"
    assert sum(kept is sent for sent, kept in zip(messages, own, strict=True)) >= len(messages) - touched


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_history_takes_a_directive_as_well(mode: str) -> None:
    assert place([], directive="Be brief.", mode=mode, blocks=[]) == [{"role": "system", "content": "Be brief."}]
