from __future__ import annotations

import pytest

from memories.refinement.guards import Difference, difference
from memories.refinement.words import opposed, stem, traits


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("The service listens on port 5432.", "The service listens on port 5433.", Difference.NUMBERS),
        ("The user has two cats.", "The user has three cats.", Difference.NUMBERS),
        ("The user likes jazz.", "The user no longer likes jazz.", Difference.NEGATION),
        ("The user eats meat.", "The user doesn't eat meat.", Difference.NEGATION),
        ("The user called Anna about the lease.", "The user called Boris about the lease.", Difference.NAMES),
        ("The meeting is in May.", "The meeting is in June.", Difference.DATES),
        ("The user flies home on 3 May.", "The user flies home on 4 May.", Difference.NUMBERS),
        ("The shop is closed on mondays.", "The shop is closed on tuesdays.", Difference.DATES),
        ("The review is due next week.", "The review is due next month.", Difference.DATES),
        ("The user started in September.", "The user started in the spring.", Difference.DATES),
        ("The user loves winter.", "The user hates winter.", Difference.ANTONYMS),
        ("The shop opens before noon.", "The shop opens after noon.", Difference.ANTONYMS),
        ("The user prefers tea over coffee.", "The user prefers coffee over tea.", Difference.ANTONYMS),
        ("The import runs before the backup.", "The backup runs before the import.", Difference.ANTONYMS),
        ("The script converts euros to dollars.", "The script converts dollars to euros.", Difference.ANTONYMS),
        ("The user drinks tea.", "The user drinks coffee.", Difference.WORDS),
        ("The ticket costs 5 €.", "The ticket costs 5 $.", Difference.NUMBERS),
        ("The freezer is set to -5 degrees.", "The freezer is set to 5 degrees.", Difference.NUMBERS),
        ("The recipe takes ½ litre.", "The recipe takes ¾ litre.", Difference.NUMBERS),
        ("The user takes vitamin C.", "The user takes vitamin D.", Difference.NUMBERS),
        ("The user writes C.", "The user writes C++.", Difference.NUMBERS),
        ("The user writes C++.", "The user writes C#.", Difference.NUMBERS),
        ("The user has blood type A+.", "The user has blood type A-.", Difference.NUMBERS),
        ("The team follows plan A.", "The team follows plan B.", Difference.NUMBERS),
        ("The user met Anna.", "The user met Anne.", Difference.NAMES),
        ("Anna pays Ben.", "Ben pays Anna.", Difference.NAMES),
        ("The user flies from Oslo to Rome.", "The user flies from Rome to Oslo.", Difference.NAMES),
        ("The user knows that he is a doctor.", "The user knows that she is a doctor.", Difference.NAMES),
        ("The user may join.", "The user must join.", Difference.CERTAINTY),
        ("The user likes tea.", "The user likes tea?", Difference.CERTAINTY),
        ("The user smokes.", "The user smoked.", Difference.CERTAINTY),
        ("The user will move.", "The user moved.", Difference.CERTAINTY),
        ("The user lives in Frankfurt am Main.", "The user lives in Frankfurt (Oder).", Difference.NAMES),
        ("Er trinkt Tee.", "Er trinkt nicht Tee.", Difference.WORDS),
        ("The user can swim.", "The user can\u2019t swim.", Difference.NEGATION),
        ("The user plays the violin.", "The user plays the violin in a large orchestra.", Difference.WORDS),
    ],
)
def test_what_two_texts_disagree_in_is_named(one: str, other: str, what: Difference) -> None:
    assert difference(one, other) == what
    assert difference(other, one) == difference(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user likes green tea.", "The user enjoys green tea."),
        ("The user has 3 cats.", "The user has three cats."),
        ("The user moved here in Sept.", "The user moved here in sept."),
        ("The user may march on.", "The user may march on!"),
        ("The user knows Anna and Ben.", "The user knows Ben and Anna."),
        ("The user runs from 3-5 miles.", "The user runs from 3-5 miles"),
        ("The user lives in Lisbon.", "the user is living in LISBON"),
        ("The budget is 1,000 euros.", "The budget is 1000 euros."),
        ("The user\u2019s dog is called Rex.", "The user's dog is called Rex."),
        (
            "The user walks the old dog along the river every morning before work.",
            "The user walks the old dog along the wide river every morning before work.",
        ),
    ],
)
def test_what_says_the_same_passes(one: str, other: str) -> None:
    assert difference(one, other) is None


def test_stems_bring_the_forms_of_a_word_together() -> None:
    assert len({stem(word) for word in ("like", "likes", "liked", "liking")}) == 1
    assert len({stem(word) for word in ("study", "studies", "studied")}) == 1
    assert stem("class") != stem("clas")


def test_opposites_count_only_when_each_text_has_one_of_them() -> None:
    assert opposed(traits("It is open."), traits("It is closed."))
    assert not opposed(traits("It is open, then closed."), traits("It is closed."))


def test_names_are_capitals_inside_a_sentence() -> None:
    assert traits("Yesterday Anna met Boris. Then they left.").names == {"anna", "bori"}


def test_text_of_another_language_is_compared_word_by_word() -> None:
    assert difference("Пользователь любит чай", "Пользователь любит кофе") is not None
    assert difference("Пользователь любит чай", "пользователь любит ЧАЙ") is None
