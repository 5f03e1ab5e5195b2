"""What the assistant says, and what a whole session comes to."""

from __future__ import annotations

import pytest

from memories.choices import Category
from memories.extraction import LocalExtractor, is_grounded
from memories.extraction.contract import MAX_MEMORIES_PER_TURN
from tests.memories.extraction.conftest import Learn, contents, turn


class TestWhatTheAssistantSays:
    def test_is_no_fact_about_the_user(self, learn: Learn) -> None:
        assert (
            learn("Tell me about promotions.", "You were promoted to Vice President at Acme. You live in Paris.") == []
        )

    def test_is_kept_when_it_reports_its_own_deed(self, learn: Learn) -> None:
        (deed,) = learn("Book me a table", "I've booked a table for two at Luigi's for tomorrow. Anything else?")

        assert deed.content == "The assistant booked a table for two at Luigi's for 9 May 2023."
        assert (deed.category, deed.role, deed.subject) == (Category.EPISODIC, "assistant", "assistant")

    @pytest.mark.parametrize(
        "answer", ["I have created a draft below.", "I would have booked it.", "I have updated the code above."]
    )
    def test_text_it_wrote_is_no_deed(self, learn: Learn, answer: str) -> None:
        assert learn("Do it", answer) == []

    @pytest.mark.parametrize(
        ("asked", "reply", "learned"),
        [
            ("So you live in Berlin, right?", "Yes, exactly.", ["The user lives in Berlin."]),
            ("Do you work at Acme?", "Yes.", ["The user works at Acme."]),
            ("Are you still a nurse?", "that's right", ["The user is still a nurse."]),
            ("Is your dog called Biscuit?", "Yep!", ["The user's dog is called Biscuit."]),
            ("Do you work at Acme?", "No.", []),
            ("Do you work at Acme?", "Yes, but only until June", []),
            ("Do you work at Acme or at Globex?", "Yes.", []),
            ("Have you considered yoga?", "Yes.", []),
            ("Would you like a poem?", "Yes.", []),
            ("Paris is lovely.", "Yes.", []),
        ],
    )
    def test_is_a_fact_once_the_user_confirmed_it(
        self, extractor: LocalExtractor, asked: str, reply: str, learned: list[str]
    ) -> None:
        asking, replying = turn("Hm.", asked, number=1), turn(reply, number=2)

        at_once = extractor.extract([asking, replying])
        later = extractor.extract([replying], before=[asking])

        assert contents(at_once) == learned
        assert contents([c for c in later if c.role == "assistant"]) == learned
        assert all(is_grounded(c, asking) and c.turn == 1 for c in at_once if c.role == "assistant")

    def test_is_not_learned_again_when_it_echoes_an_injected_memory(self, extractor: LocalExtractor) -> None:
        memory = "The user lives in Berlin."
        turns = [turn("Hm.", "So you live in Berlin, right?", number=1), turn("Yes.", number=2)]

        assert extractor.extract(turns, injected=[memory]) == []

    def test_a_deed_that_echoes_an_injected_memory_is_not_learned_again(self, extractor: LocalExtractor) -> None:
        answered = turn("And?", "I have booked a table for two at Luigi's.")

        assert extractor.extract([answered], injected=["The assistant booked a table for two at Luigi's."]) == []

    @pytest.mark.parametrize(
        "echo",
        [
            "So you live in Berlin and your dog is called Biscuit, right?",
            "So Your dog is called Biscuit and You live in Berlin, right?",
            "You're a nurse who lives in Berlin.",
            "As I understand it, your dog is called Biscuit.",
        ],
    )
    def test_is_an_echo_too_when_it_draws_on_several_memories(self, extractor: LocalExtractor, echo: str) -> None:
        memories = ["The user lives in Berlin.", "The user's dog is called Biscuit.", "The user is a nurse."]
        turns = [turn("Hm.", echo, number=1), turn("Yes, exactly.", number=2)]

        assert extractor.extract(turns, injected=memories) == []
        assert extractor.extract(turns) != []

    @pytest.mark.parametrize(
        ("said", "memory", "learned"),
        [
            ("I have booked a table for two at Luigi's for tomorrow.", "9 May 2023", 0),
            ("I have booked a table for two at Luigi's for tomorrow.", "2 April 2023", 1),
            ("I have booked a table for six at Luigi's for 9 May 2023.", "9 May 2023", 1),
            ("I have booked a table for two at Mario's for 9 May 2023.", "9 May 2023", 1),
        ],
    )
    def test_is_no_echo_when_it_names_another_day_number_or_name(
        self, extractor: LocalExtractor, said: str, memory: str, learned: int
    ) -> None:
        injected = [f"The assistant booked a table for two at Luigi's for {memory}."]

        assert len(extractor.extract([turn("And?", said)], injected=injected)) == learned


class TestASession:
    def test_gives_the_same_turn_by_turn_as_at_once(self, extractor: LocalExtractor) -> None:
        said = [
            "I live in Rome.",
            "I like tea. I hope for rain.",
            "I live in Rome and I paint.",
            "My cat is called Tom.",
        ]
        turns = [turn(text, number=number) for number, text in enumerate(said, 1)]

        by_turn = [c for at in range(len(turns)) for c in extractor.extract([turns[at]], before=turns[:at])]

        assert by_turn == extractor.extract(turns)

    def test_makes_no_claim_twice(self, extractor: LocalExtractor) -> None:
        turns = [turn("I live in Rome near the river.", number=number) for number in (1, 2, 3)]

        assert len(extractor.extract(turns)) == 1

    def test_listens_less_to_generalities_the_longer_it_goes_on_and_never_misses_a_fact(
        self, extractor: LocalExtractor
    ) -> None:
        things = [
            "garden",
            "kitchen",
            "bicycle",
            "violin",
            "boat",
            "tent",
            "camera",
            "oven",
            "guitar",
            "sofa",
            "mirror",
            "ladder",
            "candle",
            "pillow",
        ]
        chat = [turn(f"I think the {thing} will help me grow.", number=n) for n, thing in enumerate(things, 1)]
        fact = turn("My cat is called Tom.", number=99)

        learned = contents(extractor.extract([*chat, fact]))

        assert len(learned) < len(things)
        assert learned[-1] == "The user's cat is called Tom."

    def test_gives_at_most_ten_memories_a_turn_and_the_best_of_them(self, learn: Learn) -> None:
        places = [
            "Rome",
            "Oslo",
            "Bern",
            "Lima",
            "Kyiv",
            "Riga",
            "Baku",
            "Doha",
            "Cairo",
            "Accra",
            "Dakar",
            "Tunis",
            "Hanoi",
        ]
        message = " ".join(f"I saw a whale in {place}." for place in places) + " My cat is called Tom."

        learned = contents(learn(message))

        assert len(learned) == MAX_MEMORIES_PER_TURN
        assert learned[-1] == "The user's cat is called Tom."
