"""What is told of an assembly: enough to make its block again and to judge it, and never any content."""

from __future__ import annotations

from typing import Any

import orjson

from context.assembler import assemble
from context.told import digest_of, told
from context.values import Assembly, Question
from tests.context.twins import Conversation, Vault, assistant, found, memory, question, user, warm_desk

DOG = "The user's dog is called Rex."
NONCE = "000000000000007"


async def assembled(asked: Question, vault: Vault) -> Assembly:
    return await assemble(asked, retriever=vault, nonce=lambda: NONCE)


async def test_a_new_block_is_told_by_its_place_its_nonce_and_a_digest_of_its_text() -> None:
    asked = question([user("Hi"), assistant("Hello."), user("What is my dog called?")], warm_desk())
    assembly = await assembled(asked, Vault(cold=[found(DOG)]))
    assert assembly.new_block is not None
    said = told(asked, assembly)
    assert (said["block_anchor"], said["block_nonce"]) == (assembly.new_block.anchor, NONCE)
    assert said["block_digest"] == digest_of(assembly.messages[3]["content"])
    assert (said["mode"], said["level"], said["missing"], said["directive_version"]) == ("on", 0, (), 1)
    assert (said["assembled_at"], said["message_count"], said["placement"]) == (asked.now, 3, "system_first")
    assert said["budget"].window == 128_000


async def test_no_content_is_told() -> None:
    asked = question([user("What is my dog called?")], warm_desk(directive="Be brief."))
    said = orjson.dumps(told(asked, await assembled(asked, Vault(cold=[found(DOG)]))))
    assert not any(word in said for word in (b"Rex", b"called", b"brief"))


async def test_instructions_are_not_counted_among_the_messages() -> None:
    messages: list[Any] = [{"role": "system", "content": "You are a cook."}, user("Hi")]
    asked = question(messages, warm_desk())
    assert told(asked, await assembled(asked, Vault()))["message_count"] == 1


async def test_without_a_block_nothing_is_told_of_one() -> None:
    asked = question([user("Hi")], warm_desk())
    said = told(asked, await assembled(asked, Vault()))
    assert not [name for name in said if name.startswith("block")]


def test_blocks_that_are_not_replayed_any_more_are_told_by_their_nonces() -> None:
    conversation, dog = Conversation(), found(DOG)
    first = conversation.say("What is my dog called?", Vault(cold=[dog]))
    assert first.new_block is not None
    assert first.new_block.nonce in first.new_block.text
    second = conversation.say("And how old is it?", Vault(dead=[dog.memory.id]))
    assert second.forgotten == (first.new_block.nonce,)


async def test_a_receipt_tells_the_place_in_every_arm() -> None:
    searched = found("Rex barks at my neighbours.", usefulness=0.9, vector_rank=3, word_rank=1)
    both = searched.memory
    only_hot = memory("Rex likes my neighbours.", usefulness=0.1)
    pinned = memory("Answer in two sentences.", category="procedural", is_pinned=True, usefulness=0.0)
    asked = question([user("What does Rex do to my neighbours?")], warm_desk(only_hot, both, pinned))
    lines = {line.memory_id: line for line in (await assembled(asked, Vault(cold=[searched]))).considered}
    ranks = {key: (line.vector_rank, line.word_rank, line.hot_rank) for key, line in lines.items()}
    assert ranks == {both.id: (3, 1, 2), only_hot.id: (None, None, 3), pinned.id: (None, None, 1)}
