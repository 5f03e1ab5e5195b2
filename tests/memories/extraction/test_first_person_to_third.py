from __future__ import annotations

import pytest

from memories.extraction.persons import to_third_person, voices_of


def told_of(said: str, *, speaker: str = "", context: str = "") -> str:
    return to_third_person(said, voices_of(speaker, context or said))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I am a nurse", "The user is a nurse"),
        ("I'm a nurse", "The user is a nurse"),
        ("I\u2019ve moved", "The user has moved"),
        ("I have two kids", "The user has two kids"),
        ("I like tea", "The user likes tea"),
        ("I don't like tea", "The user doesn't like tea"),
        ("I do not like tea", "The user does not like tea"),
        ("I haven't slept", "The user hasn't slept"),
        ("I no longer eat meat", "The user no longer eats meat"),
        ("I never watch TV", "The user never watches TV"),
        ("I also really enjoy hiking", "The user also really enjoys hiking"),
        ("I try to reply quickly", "The user tries to reply quickly"),
        ("I can swim", "The user can swim"),
        ("I went home", "The user went home"),
        ("I was born in Rome", "The user was born in Rome"),
        ("I'd like to learn Spanish", "The user would like to learn Spanish"),
        ("I'd much rather read", "The user would much rather read"),
        ("I'd never seen it", "The user had never seen it"),
        ("I'll be there", "The user will be there"),
        ("I read every day", "The user reads every day"),
        ("I read it in 2020", "The user read it in 2020"),
        ("I quit smoking", "The user quit smoking"),
        ("I read an article that got me thinking", "The user read an article that got the user thinking"),
    ],
)
def test_i_becomes_the_user_and_the_verb_agrees(said: str, told: str) -> None:
    assert told_of(said) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I get up early, eat breakfast and bike to work", "The user gets up early, eats breakfast and bikes to work"),
        ("I find novels dull and prefer books with plots", "The user finds novels dull and prefers books with plots"),
        ("I want to cook and eat at home", "The user wants to cook and eat at home"),
        ("I love food and travel", "The user loves food and travel"),
        ("I keep smoothies that taste good but also provide energy", None),
    ],
)
def test_verbs_joined_to_the_first_agree_too_and_nouns_are_left_alone(said: str, told: str | None) -> None:
    assert told_of(said) == (told or "The user keeps smoothies that taste good but also provide energy")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("My dog is old", "The user's dog is old"),
        ("I love my dog", "The user loves their dog"),
        ("My wife gave me a watch", "The user's wife gave the user a watch"),
        ("I taught myself Go", "The user taught themselves Go"),
        ("That bike is mine", "That bike is the user's"),
        ("My wife and I live in Rome", "The user and their wife live in Rome"),
        ("Anna and I live in Rome", "The user and Anna live in Rome"),
        ("people who I work with", "People who the user works with"),
        ("My goal is to finish my thesis", "The user's goal is to finish their thesis"),
        ("My sister sold my car", "The user's sister sold the user's car"),
        ("I see growth, like building boats", "The user sees growth, like building boats"),
    ],
)
def test_my_and_me_are_resolved(said: str, told: str) -> None:
    assert told_of(said) == told


@pytest.mark.parametrize(
    ("said", "context", "told"),
    [
        ("We deploy on Fridays", "", "The user's team deploys on Fridays"),
        ("Our API runs on Django", "", "The user's team's API runs on Django"),
        ("Our team uses Jira", "", "The user's team uses Jira"),
        ("We moved to Rome", "My wife found a job. We moved to Rome.", "The user and their wife moved to Rome"),
        ("We were tired", "Tom and I ran. We were tired.", "The user and Tom were tired"),
        ("We saw a whale", "", "The user saw a whale"),
        ("He invited us", "", "He invited the user"),
        ("I think we can win", "", "The user thinks they can win"),
        ("I'm glad we're moving to our new flat", "", "The user is glad they are moving to their new flat"),
        ("Our flat is small", "", "The user's flat is small"),
        ("We met in 2010", "", "The user and others met in 2010"),
        ("Some of us swim", "", "Some of the user and others swim"),
        ("We're going home", "our office", "The user's team is going home"),
    ],
)
def test_we_is_whom_the_turn_names_else_the_user_or_what_takes_several_the_user_and_others(
    said: str, context: str, told: str
) -> None:
    assert told_of(said, context=context) == told


def test_a_known_speaker_is_called_by_name() -> None:
    assert told_of("I sold my car", speaker="Caroline") == "Caroline sold their car"
    assert told_of("My car is red", speaker="Caroline") == "Caroline's car is red"


def test_code_and_quotations_are_left_as_they_are() -> None:
    assert told_of("I run `rm my_file` on Linux") == "The user runs `rm my_file` on Linux"
    assert told_of('I read "My Ántonia"') == 'The user reads "My Ántonia"'


def test_you_is_the_assistant() -> None:
    assert told_of("I like your answers") == "The user likes the assistant's answers"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I'm proud of you for trying", "The user is proud of the assistant for trying"),
        ("When I send you a list it is long", "When the user sends the assistant a list it is long"),
        ("Since we last spoke I moved", "Since the user last spoke the user moved"),
        ("We have two cats", "The user has two cats"),
        ("We are four at home", "The user and others are four at home"),
    ],
)
def test_a_pronoun_without_a_verb_of_its_own_leaves_the_next_word_alone(said: str, told: str) -> None:
    assert told_of(said) == told


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("I work at the store. We cook soup.", "The user cooks soup"),
        ("We cook soup for our clients in the store.", "The user's team cooks soup"),
        ("There was a family with a son. We cook soup.", "The user cooks soup"),
        ("Our son helps. We cook soup.", "The user's family cooks soup"),
    ],
)
def test_we_is_a_team_or_a_family_only_where_the_turn_plainly_speaks_of_the_users_own(context: str, told: str) -> None:
    assert told_of("We cook soup", context=context) == told
