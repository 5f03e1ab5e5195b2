"""Held out, in the shadow or off: the directive stays, memories do not; a shadow's receipt says what would be shown."""

from __future__ import annotations

import asyncio

import pytest

from context.assembler import assemble
from context.mode import Mode, mode_of
from context.values import Assembly, Level
from ibex.core.ids import uuid7
from tests.context.twins import Conversation, Vault, card, found, memory, question, user, warm_desk

DOG = "The user's dog is called Rex."
CAT = "The user's cat is called Tom."
ASKED = "What is my dog called?"


def texts(assembly: Assembly) -> str:
    return "\n".join(str(message["content"]) for message in assembly.messages)


@pytest.mark.parametrize(
    ("agent", "wanted", "mode"),
    [
        ({}, True, Mode.ON),
        ({}, False, Mode.OFF),
        ({"remembers": False, "shadows": True, "holdout_share": 1.0}, True, Mode.OFF),
        ({"shadows": True, "holdout_share": 1.0}, True, Mode.SHADOW),
        ({"shadows": True}, False, Mode.OFF),
        ({"holdout_share": 1.0}, True, Mode.HELD_OUT),
        ({"holdout_share": 1.0}, False, Mode.OFF),
    ],
)
def test_the_mode_of_a_call(agent: dict[str, object], wanted: bool, mode: Mode) -> None:
    assert mode_of(card(**agent), uuid7(), wanted=wanted) is mode
    assert mode.reads == (mode in {"on", "shadow"})


async def test_in_the_shadow_the_receipt_is_whole_and_the_prompt_has_the_directive_alone() -> None:
    asked = question([user(ASKED)], warm_desk(memory(CAT)))
    vault = Vault(cold=[found(DOG)])
    shown = await assemble(asked, retriever=vault)
    hidden = await assemble(question([user(ASKED)], asked.desk, mode=Mode.SHADOW), retriever=vault)
    assert hidden.messages == [{"role": "system", "content": "Be brief."}, user(ASKED)]
    assert (hidden.packed, hidden.new_block, hidden.blocks) == ([], None, None)
    assert hidden.context_tokens == asked.desk.directive_tokens
    would_be = {line.memory_id for line in hidden.considered if line.reason == "shadow"}
    assert would_be == {line.memory_id for line in shown.packed} != set()
    assert [(line.memory_id, line.score, line.rank) for line in hidden.considered] == [
        (line.memory_id, line.score, line.rank) for line in shown.considered
    ]
    assert (hidden.level, hidden.is_fallback) == (Level.COMPLETE, False)


def test_blocks_of_before_the_shadow_are_not_replayed_and_come_back_after_it() -> None:
    talk, vault = Conversation(), Vault(cold=[found(DOG)])
    assert "Rex" in texts(talk.say(ASKED, vault))
    kept = talk.kept
    talk.fields = {"mode": Mode.SHADOW}
    assert "Rex" not in texts(talk.say("And what does it eat?", vault))
    assert talk.kept == kept
    talk.fields = {}
    assert "Rex" in texts(talk.say("Thank you.", Vault()))


def test_a_shadow_without_a_directive_sends_what_came() -> None:
    asked = question([user(ASKED)], warm_desk(directive=""), mode=Mode.SHADOW)
    assembly = asyncio.run(assemble(asked, retriever=Vault(cold=[found(DOG)])))
    assert assembly.messages is asked.body["messages"]
