"""The recall-loop firewall as a property: however a model puts its memories again, and however the user nods, nothing
is learned, by either extractor; and what it asks beyond them still is, so that nobody passes by learning nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ibex.providers.structured import Question
from memories.extraction import Candidate, LocalExtractor, Turn
from memories.extraction.llm import LlmExtractor
from memories.extraction.sentences import split_sentences
from tests.memories.extraction.conftest import bag_of_words, contents, turn
from tests.memories.extraction.test_llm_extractor import says


@dataclass(frozen=True)
class Fact:
    """A memory, and the two ways of telling somebody to their face."""

    memory: str
    told: str
    asked: str


FACTS = (
    Fact("The user lives in Lisbon.", "you live in Lisbon", "do you live in Lisbon"),
    Fact("The user's dog is called Biscuit.", "your dog is called Biscuit", "is your dog called Biscuit"),
    Fact("The user is allergic to peanuts.", "you are allergic to peanuts", "are you still allergic to peanuts"),
    Fact("The user has two cats.", "you've got two cats", "have you got two cats"),
    Fact("The user moved to Porto in 2019.", "you moved to Porto in 2019", "did you move to Porto in 2019"),
    Fact("The user does not eat meat.", "you don\u2019t eat meat", "are you someone who does not eat meat"),
    Fact(
        "The user's sister Ana is a teacher in Ghent.",
        "your sister Ana\u2019s a teacher in Ghent",
        "is your sister Ana a teacher in Ghent",
    ),
    Fact("The user's birthday is on 4 July.", "your birthday is on 4 July", "is your birthday on 4 July"),
    Fact("The user wants answers to be short.", "you want answers to be short", "do you want answers to be short"),
)
DEEDS = {
    "The assistant booked a table for two at Luigi's for 9 May 2023.": (
        "I have booked a table for two at Luigi's for 9 May 2023",
        "I've just booked a table for two at Luigi's for tomorrow",
    ),
    "The assistant cancelled the user's gym membership.": (
        "I have cancelled your gym membership",
        "I've already canceled your gym membership, as you asked",
    ),
}
LEADS = (
    "", "So ", "Just to confirm, ", "To confirm: ", "You mentioned that ", "I see that ", "If I remember correctly, ",
    "As I understand it, ", "It sounds like ", "From what I know, ", "According to my notes, ", "Ah yes, ", "Got it: ",
)  # fmt: skip
JOINTS = (" and ", ", and ", " but ", "; ", ", ", ". ", " while ", ", plus ", " and that ", " \u2014 ")
TAGS = (
    ".", "!", "?", " right?", ", right?", ", correct?", ", isn't that so?", ", don't you?", ", is that right?",
    " - am I right?", ", aren't you?", ", if I'm not mistaken?", ", is that still true?", ", yes?",
)  # fmt: skip
NODS = (
    "Yes.", "Yes, exactly.", "That\u2019s right!", "Yep, correct.", "Indeed.", "True.", "You're right.", "Yeah, I do.",
    "Yes, I am.", "Yes, it is.", "That's me!", "Precisely what I told you.", "I told you so.", "Yes, you know me well.",
    "Yes, that is still so.", "Right, thanks.", "Yes, please.", "Exactly, you've got it.",
)  # fmt: skip
CASES: tuple[Callable[[str], str], ...] = (
    lambda text: text, lambda text: text[:1].upper() + text[1:], str.upper, str.title, str.lower,
)  # fmt: skip
QUOTES = ("", '""', "\u201c\u201d", "\u00ab\u00bb", "\u201e\u201c", "''")
TRANSLATED = (
    "Sie wohnen in Lissabon, richtig?",
    "Vives en Lisboa y tu perro se llama Biscuit, \u00bfverdad?",
    "Vous habitez \u00e0 Lisbonne, n'est-ce pas ?",
)
INJECTED = [*(fact.memory for fact in FACTS), *DEEDS]


@some.composite
def parroted(draw: some.DrawFn) -> str:
    """Some of the memories, as a model may put them."""
    facts = draw(some.lists(some.sampled_from(FACTS), min_size=1, max_size=3, unique=True))
    put = draw(some.sampled_from(("told", "asked", "memory", "mixed", "list", "deed", "translated")))
    if put == "translated":
        return draw(some.sampled_from(TRANSLATED))
    if put == "deed":
        said = [draw(some.sampled_from(ways)) for ways in DEEDS.values()]
    elif put == "list":
        return "This is what I know:\n" + "\n".join(f"- {fact.memory}" for fact in facts) + "\nIs that right?"
    elif put == "mixed":
        said = [draw(some.sampled_from((fact.told, fact.memory.rstrip(".")))) for fact in facts]
    else:
        said = [getattr(fact, put).rstrip(".") for fact in facts]
    text = draw(some.sampled_from(CASES))(draw(some.sampled_from(LEADS)) + draw(some.sampled_from(JOINTS)).join(said))
    marks = draw(some.sampled_from(QUOTES))
    tag = "?" if put == "asked" else draw(some.sampled_from(TAGS))
    return (f"You said {marks[0]}{text}{marks[1]}" if marks else text) + tag


def nodded(said: str, nod: str) -> list[Turn]:
    return [turn("What do you know of me?", said, number=1), turn(nod, "Fine.", number=2)]


def gullible(question: Question) -> Mapping[str, Any]:
    """A model that takes every sentence of the assistant, and every nod, for what the user said."""
    said = [sentence.text for sentence in split_sentences(_said[0])]
    believed = [says(text, text, role=role) for text in said for role in ("assistant", "user")]
    nods = [says(text, _said[1], turn=2) for text in said]
    return {"memories": [*believed, *nods]}


_said = ["", ""]


def learned_by_a_model(said: str, nod: str, injected: list[str]) -> list[Candidate]:
    _said[:] = [said, nod]
    return LlmExtractor("twin", gullible).extract(nodded(said, nod), injected=injected)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(said=parroted(), nod=some.sampled_from(NODS))
def test_a_model_that_says_its_memories_again_and_a_user_who_nods_teach_nothing(said: str, nod: str) -> None:
    assert contents(LocalExtractor(bag_of_words).extract(nodded(said, nod), injected=INJECTED)) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(said=parroted(), nod=some.sampled_from(NODS))
def test_nor_do_they_where_a_model_extracts_that_believes_everything(said: str, nod: str) -> None:
    assert contents(learned_by_a_model(said, nod, INJECTED)) == []


@pytest.mark.parametrize("fact", [fact for fact in FACTS if "Ana" not in fact.memory], ids=lambda fact: fact.memory)
def test_the_same_words_are_learned_where_no_memory_was_in_the_prompt(fact: Fact) -> None:
    said = f"So {fact.told}, right?"

    assert len(LocalExtractor(bag_of_words).extract(nodded(said, "Yes."))) == 1
    assert learned_by_a_model(said, "Yes.", []) != []


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("So you live in Madrid, right?", "The user lives in Madrid."),
        ("Is your cat called Tom?", "The user's cat is called Tom."),
        ("Your dog is called Bruno, isn't that so?", "The user's dog is called Bruno."),
        ("Did you move to Porto in 2020?", "The user did move to Porto in 2020."),
        ("You have three dogs, am I right?", "The user has three dogs."),
        ("I've booked a table for two at Mario's for 9 May 2023.", "The assistant booked a table for two at Mario's"),
        ("I've booked a table for six at Luigi's for 9 May 2023.", "The assistant booked a table for six at Luigi's"),
    ],
)
def test_another_name_number_or_thing_is_no_echo(said: str, learned: str) -> None:
    [found] = LocalExtractor(bag_of_words).extract(nodded(said, "Yes."), injected=INJECTED)

    assert found.content.startswith(learned)
