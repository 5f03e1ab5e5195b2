from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from context.desk_read import COLD_DESK, MAX_BLOCKS, ShownBlock, dump_blocks, parse_blocks, parse_desk

FIELDS = {
    "content": "Rex is the user's dog.",
    "category": "factual",
    "confidence": 0.9,
    "usefulness": 0.5,
    "injections": 3,
    "observed_at": 1_760_000_000,
    "tokens": 8,
    "version": 2,
    "pinned": True,
}


def entry(**fields: Any) -> bytes:
    return orjson.dumps({"id": str(uuid4())} | FIELDS | fields)


def test_what_the_desk_holds_is_read() -> None:
    desk = parse_desk(directive=b'{"id":"x","version":4,"content":"Be brief."}', hot=[entry(), entry(valid_from=5.5)])
    assert (desk.directive, desk.directive_version) == ("Be brief.", 4)
    assert desk.hot is not None
    first, second = desk.hot
    assert (first.content, first.version, first.is_pinned, first.valid_from) == (
        "Rex is the user's dog.",
        2,
        True,
        None,
    )
    assert second.valid_from == 5.5
    assert desk.cold == ()


def test_nothing_known_is_cold_and_nothing_there_is_not() -> None:
    cold = parse_desk(directive=None, hot=[], hot_of_user=[])
    assert (cold.directive, cold.hot, cold.cold) == (None, None, ("directive", "hot", "hot_of_user"))
    empty = parse_desk(directive=b'{"content":""}', hot=[b"1"], hot_of_user=[b""])
    assert (empty.directive, empty.hot, empty.cold) == ("", (), ())


def test_an_agents_and_an_end_users_memories_come_together() -> None:
    desk = parse_desk(directive=None, hot=[entry()], hot_of_user=[entry()])
    assert desk.hot is not None
    assert len(desk.hot) == 2


def test_what_one_of_both_knows_is_used_and_the_other_named_cold() -> None:
    desk = parse_desk(directive=b'{"content":""}', hot=[entry()], hot_of_user=[])
    assert desk.hot is not None
    assert len(desk.hot) == 1
    assert desk.cold == ("hot_of_user",)


def test_without_an_end_user_only_the_agents_own_can_be_cold() -> None:
    assert parse_desk(directive=b'{"content":""}', hot=[b"1"]).cold == ()


def test_what_cannot_be_read_is_left_out_and_never_raises() -> None:
    desk = parse_desk(directive=b"{", hot=[b"{", b'{"id":"x"}', entry()], shown=b'[{"anchor":1}]')
    assert desk.directive is None
    assert desk.hot is not None
    assert len(desk.hot) == 1
    assert desk.shown_blocks == ()


def test_blocks_come_back_as_they_were_kept_and_only_the_latest_are() -> None:
    blocks = [
        ShownBlock(anchor=f"a:{n}", text=f"<“{n}”>", memory_ids=(uuid4(),), versions=(n,), tokens=n)
        for n in range(MAX_BLOCKS + 3)
    ]
    assert parse_blocks(dump_blocks(blocks)) == tuple(blocks[3:])


def test_a_desk_that_did_not_answer_is_not_a_cold_one() -> None:
    assert not COLD_DESK.is_reachable
    assert COLD_DESK.cold == ()
