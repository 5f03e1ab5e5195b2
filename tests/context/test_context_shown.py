from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from context.desk_read import ShownBlock
from context.shown import KEPT_SHARE, anchor_index, anchors_of, replay
from tests.context.twins import assistant, user


def block(anchor: str, tokens: int = 100, ids: tuple[UUID, ...] = ()) -> ShownBlock:
    return ShownBlock(anchor=anchor, text=f"<{anchor}>", memory_ids=ids, versions=(1,) * len(ids), tokens=tokens)


def test_a_block_stands_before_the_users_last_message() -> None:
    assert anchor_index([user("a"), assistant("b"), user("c"), {"role": "tool", "content": "d"}]) == 2
    assert anchor_index([{"role": "system", "content": "Write a poem."}]) == 0
    assert anchor_index([]) is None


def test_equal_messages_are_told_apart_by_which_one_they_are() -> None:
    first, second, third = anchors_of([user("ok"), user("ok"), user("no")])
    assert len({first, second, third}) == 3


def test_a_message_keeps_its_name_when_the_conversation_goes_on() -> None:
    history = [user("a"), assistant("b"), user("a")]
    assert anchors_of([*history, assistant("c"), user("d")])[:3] == anchors_of(history)


def test_how_a_text_is_wrapped_and_marked_for_caching_does_not_rename_it() -> None:
    plain, parts, marked = (
        anchors_of([user(content)])
        for content in (
            "Hello",
            [{"type": "text", "text": "Hello"}],
            [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}],
        )
    )
    assert plain == parts == marked


def test_another_picture_is_another_message() -> None:
    def asked(url: str) -> dict[str, Any]:
        return user([{"type": "text", "text": "This?"}, {"type": "image_url", "image_url": {"url": url}}])

    assert anchors_of([asked("data:,a")]) != anchors_of([asked("data:,b")])


def test_blocks_go_back_to_their_places_and_those_of_an_edited_history_do_not() -> None:
    before = anchors_of([user("a"), assistant("b"), user("c")])
    blocks = [block(before[0]), block(before[2])]
    edited = anchors_of([user("a"), assistant("b"), user("changed")])
    assert [index for index, _ in replay(blocks, before, 1_000).blocks] == [0, 2]
    assert [index for index, _ in replay(blocks, edited, 1_000).blocks] == [0]
    assert replay(blocks, edited, 1_000).forgotten == frozenset()


def test_a_block_that_holds_a_deleted_memory_is_forgotten_whole() -> None:
    kept, deleted = uuid4(), uuid4()
    anchors = anchors_of([user("a"), user("b")])
    blocks = [block(anchors[0], ids=(kept, deleted)), block(anchors[1], ids=(kept,))]
    replayed = replay(blocks, anchors, 1_000, gone={deleted})
    assert [b for _, b in replayed.blocks] == [blocks[1]]
    assert replayed.forgotten == {0}


@given(st.lists(st.integers(1, 400), max_size=20), st.integers(0, 3_000), st.booleans())
def test_only_when_blocks_must_make_room_the_oldest_go(tokens: list[int], budget: int, crowded: bool) -> None:
    messages = [user(str(i)) for i in range(len(tokens))]
    anchors = anchors_of(messages)
    blocks = [block(anchor, size) for anchor, size in zip(anchors, tokens, strict=True)]
    replayed = replay(blocks, anchors, budget, crowded=crowded)
    assert [b for _, b in replayed.blocks] == blocks[len(replayed.forgotten) :]
    if crowded or sum(tokens) > budget:
        assert replayed.tokens <= budget * KEPT_SHARE
    else:
        assert not replayed.forgotten
