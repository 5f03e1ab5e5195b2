"""The parts of search that need no database."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from context.choose import RELEVANCE_FLOOR
from memories.excerpts import reports
from memories.retrieval.asked import whose_words
from memories.retrieval.fusion import Rows, calibrated, fuse, places
from memories.retrieval.perspective import first_person
from memories.retrieval.time_of import named_times
from memories.retrieval.words import MATCHES_MAX, Vocabulary, weigh


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("The user's dog is named Rex.", "my dog is named Rex."),
        ("The user prefers tea.", "I prefer tea."),
        ("The user is a nurse.", "I am a nurse."),
        ("The user studies law and the user has a cat.", "I study law and I have a cat."),
        ("This end user watches films.", "I watch films."),
        ("Where does the user live?", "Where does I live?"),
        ("When did Caroline see Caroline's mother?", "When did I see my mother?"),
        ("The users' group meets on Monday.", "The users' group meets on Monday."),
    ],
)
def test_everything_is_told_in_the_first_person(told: str, said: str) -> None:
    assert first_person(told, ["Caroline"]) == said


@pytest.mark.parametrize(
    ("question", "speakers", "names", "role"),
    [
        ("What did Ines buy?", ("Ines", "Rui"), {"Ines"}, ""),
        ("What is my dog's name?", (), set(), "user"),
        ("What did you recommend to me?", (), set(), "assistant"),
        ("Your suggestion about sleep?", (), set(), "assistant"),
        ("Which port does staging use?", ("Ines",), set(), ""),
    ],
)
def test_whose_words_are_asked_about(question: str, speakers: tuple[str, ...], names: set[str], role: str) -> None:
    asked = whose_words(question, speakers)
    assert (set(asked.names), asked.role) == (names, role)


def test_places_in_an_arm_count_the_better_rows_of_that_arm_alone() -> None:
    values, there = np.array([0.3, 0.9, 0.3, 0.8, 0.1]), np.array([True, True, True, False, True])
    assert places(values, there) == [2, 1, 2, None, 4]
    assert places(np.zeros(0), np.zeros(0, dtype=bool)) == []


def test_named_times_match_softly() -> None:
    asked = named_times("What may I have done in July 2025?")
    assert (asked.months, asked.years) == ({7}, {2025})
    assert asked.matches(datetime(2025, 7, 30, tzinfo=UTC))
    assert not asked.matches(datetime(2026, 7, 30, tzinfo=UTC))
    assert not named_times("what happened?").matches(datetime(2025, 7, 30, tzinfo=UTC))


class TestWords:
    def test_rare_words_weigh_more_and_all_of_them_are_the_whole_question(self) -> None:
        terms = weigh(["dog", "user"], Vocabulary(rows=100, sampled=100, counts={"user": 90, "dog": 1}))
        assert terms.weights.sum() == pytest.approx(1)
        assert terms.weights[0] > 5 * terms.weights[1]

    def test_words_that_match_too_much_are_weighed_but_not_searched_for_alone(self) -> None:
        counts = {"user": 1_900, "dog": 3}
        terms = weigh(["user", "dog"], Vocabulary(rows=100_000, sampled=2_000, counts=counts))
        assert terms.any_of == "'dog'"
        assert terms.lexemes == ("user", "dog")

    def test_of_common_words_a_row_must_have_two(self) -> None:
        counts = {"garden": 100, "sister": 60, "like": 200}
        terms = weigh(["garden", "sister", "like"], Vocabulary(rows=50_000, sampled=2_000, counts=counts))
        assert terms.any_of == "'sister' & ('garden' | 'like') | 'garden' & ('like')"

    def test_common_words_are_left_out_of_a_group_where_it_would_bring_up_too_many_rows(self) -> None:
        counts = {"garden": 100, "sister": 60, "like": 900}
        terms = weigh(["garden", "sister", "like"], Vocabulary(rows=100_000, sampled=2_000, counts=counts))
        assert terms.any_of == "'sister' & ('garden')"

    def test_the_first_group_is_searched_for_however_many_rows_it_brings_up(self) -> None:
        counts = {"garden": 800, "like": 900}
        terms = weigh(["garden", "like"], Vocabulary(rows=100_000, sampled=2_000, counts=counts))
        assert terms.any_of == "'garden' & ('like')"

    def test_a_word_that_stands_everywhere_brings_up_nothing(self) -> None:
        counts = {"user": 1_900, "sister": 60, "like": 200}
        terms = weigh(["user", "sister", "like"], Vocabulary(rows=100_000, sampled=2_000, counts=counts))
        assert terms.any_of == "'sister' & ('like')"

    def test_the_only_word_is_searched_for_however_common(self) -> None:
        terms = weigh(["user"], Vocabulary(rows=10 * MATCHES_MAX, sampled=2_000, counts={"user": 2_000}))
        assert terms.any_of == "'user'"

    def test_quotes_and_backslashes_cannot_leave_their_word(self) -> None:
        terms = weigh(["o'neil\\"], Vocabulary(counts={}))
        assert terms.any_of == "'o''neil\\\\'"

    def test_an_empty_question_has_no_words(self) -> None:
        assert weigh([], Vocabulary(counts={})).any_of == ""


def rows(cosine: list[float], **columns: list) -> Rows:
    count = len(cosine)
    given = {
        "matched": np.zeros((count, 0), dtype=bool),
        "session": np.full(count, -1),
        "place": np.full(count, -1),
        "tokens": np.full(count, 20.0),
        "spoken": np.ones(count),
        "month": np.zeros(count),
        "evidence_of": np.full(count, -1),
    } | {name: np.array(values) for name, values in columns.items()}
    return Rows(cosine=np.array(cosine), **given)


NO_WORDS = np.zeros(0)


class TestFusion:
    def test_relevance_grows_with_the_cosine_from_nothing_to_certainty(self) -> None:
        relevance = fuse(rows([-0.1, 0.0, 0.3, 0.5, 0.7, 0.9, 1.0]), NO_WORDS).relevance
        assert list(relevance) == sorted(relevance)
        assert relevance[1] == 0
        assert relevance[5] > 0.9
        assert relevance.max() <= 1

    def test_a_paraphrase_without_a_shared_word_is_still_near_certain(self) -> None:
        found = fuse(rows([0.88], matched=[[False, False]]), np.array([0.5, 0.5]))
        assert found.text_rank[0] == 0
        assert found.relevance[0] > 0.85

    def test_words_and_vectors_add_up(self) -> None:
        found = fuse(rows([0.4, 0.4, 0.1], matched=[[True], [False], [True]]), np.array([1.0]))
        assert found.score[0] > max(found.score[1:])

    def test_a_short_turn_gains_from_its_neighbour_and_a_long_one_does_not(self) -> None:
        talk = {"session": [0, 0, 1, 1], "place": [2, 4, 2, 4]}
        found = fuse(rows([0.3, 0.7, 0.3, 0.7], tokens=[5.0, 5.0, 2_000.0, 2_000.0], **talk), NO_WORDS)
        assert found.score[0] > found.score[2] + 0.05

    def test_turns_that_do_not_adjoin_do_not_help_each_other(self) -> None:
        near = fuse(rows([0.3, 0.7], session=[0, 0], place=[2, 4]), NO_WORDS).score[0]
        far = fuse(rows([0.3, 0.7], session=[0, 0], place=[2, 40]), NO_WORDS).score[0]
        assert near > far

    def test_a_good_session_lifts_its_turns(self) -> None:
        found = fuse(rows([0.3, 0.7, 0.3], session=[0, 0, 1], place=[2, 40, 2]), NO_WORDS)
        assert found.score[0] > found.score[2]

    def test_context_alone_is_no_answer(self) -> None:
        found = fuse(rows([0.02, 0.9], session=[0, 0], place=[2, 40]), NO_WORDS)
        assert found.relevance[0] < RELEVANCE_FLOOR

    def test_words_of_somebody_else_count_less(self) -> None:
        found = fuse(rows([0.5, 0.5], spoken=[1.0, 0.0]), NO_WORDS)
        assert found.score[0] > found.score[1]

    def test_nothing_is_ranked_as_nothing(self) -> None:
        assert len(fuse(rows([]), NO_WORDS).score) == 0


def test_calibration_keeps_the_order_and_stays_below_one() -> None:
    values = calibrated(np.linspace(0, 3, 50))
    assert np.all(np.diff(values) > 0)
    assert values[-1] < 1
    assert calibrated(np.array([0.3]))[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("answer", "did"),
    [
        ("I've booked a table for two.", True),
        ("Done! The invoice has been sent.", True),
        ("The file was renamed? No, it has not.", False),
        ("You could book a table for two.", False),
        ("Sushi is a Japanese dish.", False),
    ],
)
def test_an_assistants_report_is_told_from_its_talk(answer: str, did: bool) -> None:
    assert reports(answer) is did
