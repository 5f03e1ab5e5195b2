"""What a new claim does to an older one, in examples of our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memories.choices import Category, Relation
from memories.refinement.claims import Claim
from memories.refinement.frames import slot_of
from memories.refinement.judge import by_intervals, judge
from memories.refinement.thresholds import CONFIDENT, WORTH_ASKING

ALIKE = 0.8
PROBES = Path(__file__).parents[3] / "benchmarks" / "conflict_probes.jsonl"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

CHANGES = [
    ("The user lives in Munich.", "The user lives in Berlin.", Relation.SUPERSEDES),
    ("The user moved to Lisbon.", "The user lives in Porto.", Relation.SUPERSEDES),
    ("The user moved to Porto in May.", "The user lives in Lisbon.", Relation.SUPERSEDES),
    ("The user's wedding was moved to 10 September.", "The user's wedding is on 3 June.", Relation.SUPERSEDES),
    ("The user prefers coffee over tea.", "The user prefers tea over coffee.", Relation.CONTRADICTS),
    ("The user works at Siemens.", "The user works at Bosch.", Relation.SUPERSEDES),
    ("The user's dog is named Max.", "The user's dog is named Rex.", Relation.SUPERSEDES),
    ("The user's favorite color is green.", "The user's favorite color is blue.", Relation.SUPERSEDES),
    ("The service listens on port 5433.", "The service listens on port 5432.", Relation.SUPERSEDES),
    ("The user has two cats.", "The user has three cats.", Relation.SUPERSEDES),
    ("The user changed the alarm from 6:30 to 7:15.", "The user's alarm is set to 6:30.", Relation.SUPERSEDES),
    ("The user no longer eats meat.", "The user eats meat.", Relation.SUPERSEDES),
    ("The user hates hiking.", "The user loves hiking.", Relation.CONTRADICTS),
    ("The user now enjoys horror films.", "The user dislikes horror films.", Relation.CONTRADICTS),
    ("Never use bullet points in answers.", "Always use bullet points in answers.", Relation.CONTRADICTS),
    ("The office door is closed on Sundays.", "The office door is open on Sundays.", Relation.SUPERSEDES),
    (
        "The user trains for the autumn marathon with a strict coach and a new plan.",
        "The user trains for the autumn marathon.",
        Relation.SPECIALIZES,
    ),
    ("The user's salary was raised to 72,000 euros.", "The user's salary is 65,000 euros.", Relation.SUPERSEDES),
    ("The release date has changed to 12 June.", "The release date is 3 May.", Relation.SUPERSEDES),
    ("The user switched from Spotify to Apple Music.", "The user listens to music on Spotify.", Relation.SUPERSEDES),
    ("The user sold the red Vespa.", "The user owns a red Vespa.", Relation.SUPERSEDES),
    ("The user broke up with Jonas.", "The user is dating Jonas.", Relation.SUPERSEDES),
    ("The user cancelled the trip to Japan.", "The user plans a trip to Japan in spring.", Relation.SUPERSEDES),
    ("The user left Google and now works at a small startup.", "The user works at Google.", Relation.SUPERSEDES),
    ("The user is divorced now.", "The user is married.", Relation.CONTRADICTS),
    ("The user doesn't take the bus any more.", "The user takes the bus to work.", Relation.CONTRADICTS),
    (
        "The user's taste has evolved to include opera and ballet.",
        "The user stays away from opera.",
        Relation.CONTRADICTS,
    ),
    (
        "The user mentioned that the new office is noisy and cold in winter.",
        "The user said that the new office is noisy.",
        Relation.SPECIALIZES,
    ),
]
BOTH_STAND = [
    ("The user prefers coffee.", "The user prefers tea."),
    ("The user prefers tea over juice.", "The user prefers tea over coffee."),
    ("The user moved to Porto in May.", "The user lives in Porto."),
    ("The user has a dog named Max.", "The user has a dog named Rex."),
    ("The billing service returns JSON with snake case keys.", "The search service returns JSON with snake case keys."),
    ("The user's sister Anna lives in Rome.", "The user lives in Rome."),
    ("The user is allergic to shellfish.", "The user is allergic to peanuts."),
    ("The user drinks tea in the evening.", "The user drinks tea."),
    ("Always answer in German.", "Always answer in French."),
    ("The user's brother is a doctor.", "The user's brother is coming to visit."),
    ("The user is tired.", "The user is a nurse."),
    ("The staging server uses postgres.", "The staging server uses nginx."),
    ("The user speaks Spanish.", "The user speaks French."),
    ("The user's wife is called Maria.", "The user's mother is called Elena."),
    ("The user dislikes puzzle games.", "The user likes adventure books."),
    ("The user got help from friends to move a piano.", "The user gets support from friends to stay calm."),
    ("The user encourages Ben not to give up on the dream.", "The user encourages Ben to follow the dream."),
    ("The user wants better schools in town.", "The user wants better schools because the town lacks teachers."),
    ("The user's physical health changed from poor to good.", "The user's mental health is poor."),
    ("The user dislikes adventure films.", "The user likes adventure novels."),
    ("The user joined a chess club.", "The user joined a gym."),
    ("The user enjoys fantasy books and films.", "The user enjoys fantasy books like The Hobbit and Dune."),
    ("The user lost the job but started a bakery.", "The user lost the job at Siemens."),
    ("The user doesn't like the new boss.", "The user has a new boss."),
    ("The user can't wait to start the pottery course.", "The user starts the pottery course in May."),
    ("The user switched from day shifts to night shifts.", "The user's sister works day shifts."),
    ("The user's brother sold the red Vespa.", "The user owns a red Vespa."),
    ("The user left the keys at the office.", "The user works at the office on Mondays."),
    ("The user's salary is paid on the 25th.", "The user's salary is 4,000 euros."),
    ("The user is 34 and runs marathons.", "The user is 180 cm tall."),
]


ASKED_ABOUT = [
    ("The user eats chicken every day.", "The user is vegetarian."),
    ("The user lives with her husband.", "The user lives alone."),
    ("The user works nine to five.", "The user works night shifts."),
    ("The user picks up her daughter at four.", "The user has no children."),
    ("My sister is a lawyer.", "I have no siblings."),
    ("The user smokes a pack a day.", "The user doesn't smoke."),
    ("Anna doesn't like sushi from the supermarket.", "Anna likes sushi."),
    ("The user found a job at the library.", "The user is unemployed."),
]
SURE = [
    ("Anna is not pregnant.", "Anna is pregnant."),
    ("The service does not support IPv6.", "The service supports IPv6."),
    ("The user doesn't believe in astrology.", "The user believes in astrology."),
    ("The user is happily married.", "The user is single."),
    ("The user works full time.", "The user works part time."),
    ("The user's mother died years ago.", "The user's mother is alive."),
    ("The user bought a house.", "The user plans to buy a house."),
    ("I drink one coffee a day.", "I drink three coffees a day."),
    ("The user turned 35.", "The user is 34 years old."),
    ("The user moved to Hamburg last month.", "The user lives in Munich."),
    ("The invoice was paid yesterday.", "The invoice is unpaid."),
]
HOLDS_OTHERWISE = [
    ("The south door is closed at night.", "The north door is open at night."),
    ("The private API is not rate limited.", "The public API is rate limited."),
    ("My wife doesn't eat meat.", "I eat meat."),
    ("The web app does not support dark mode.", "The mobile app supports dark mode."),
    ("Server web-2 listens on port 8080.", "Server web-1 listens on port 80."),
    ("Tim doesn't like spicy food.", "Tom likes spicy food."),
    ("The user would eat meat if there was nothing else.", "The user is vegetarian."),
    ("The project may migrate from MySQL to PostgreSQL.", "The project uses MySQL."),
    ("The office is closed on Saturdays in August.", "The office is open on Saturdays."),
    ("The user doesn't drink tea after eight.", "The user drinks tea."),
    ("On weekends I am not a morning person.", "I am a morning person."),
    ("As a child the user hated olives.", "The user likes olives."),
    ("The user ate chicken every day as a child.", "The user is vegetarian."),
    ("The service was up on Tuesday.", "The service was down on Monday."),
    ("The user's flatmate works nine to five.", "The user works night shifts."),
    ("The user stopped playing football.", "The user plays tennis on Thursdays."),
    ("The user's car is insured.", "The user's car is red."),
    ("My car is insured for theft.", "My car is not insured for travel abroad."),
    ("The user has a Golf of 1990.", "The user has a Golf."),
    ("Leon smokes.", "Lena quit smoking."),
]


@pytest.mark.parametrize(("newer", "older"), ASKED_ABOUT)
def test_what_hardly_goes_together_is_left_to_a_person(newer: str, older: str) -> None:
    found = judge(Claim(content=newer), Claim(content=older), ALIKE)
    assert found is not None
    assert WORTH_ASKING <= found.confidence <= CONFIDENT


@pytest.mark.parametrize(("newer", "older"), SURE)
def test_what_cannot_both_be_true_gives_way(newer: str, older: str) -> None:
    found = judge(Claim(content=newer), Claim(content=older), ALIKE)
    assert found is not None
    assert found.confidence > CONFIDENT


@pytest.mark.parametrize(("newer", "older"), HOLDS_OTHERWISE)
def test_what_holds_of_another_at_another_time_or_only_perhaps_takes_nothing_back(newer: str, older: str) -> None:
    assert judge(Claim(content=newer), Claim(content=older), ALIKE) is None


def test_of_the_benchmark_s_own_pairs_none_that_may_both_be_true_is_retired_whatever_their_vectors_say() -> None:
    pairs = [json.loads(line) for line in PROBES.read_text().splitlines()]
    retired = [
        (pair["older"], pair["newer"])
        for pair in pairs
        if not pair["held_out"] and pair["kind"] not in ("opposed", "updated")
        for cosine in (0.55, 0.8, 0.95)
        if (found := judge(Claim(content=pair["newer"]), Claim(content=pair["older"]), cosine))
        and found.confidence > CONFIDENT
    ]
    assert len(pairs) >= 400
    assert retired == []


def test_a_reason_names_both_states_in_plain_words() -> None:
    found = judge(Claim(content="Tom drinks whisky every night."), Claim(content="Tom is a teetotaller."), ALIKE)
    assert found is not None
    assert found.reason == "drinking alcohol and drinking no alcohol exclude each other"


@pytest.mark.parametrize(("newer", "older", "kind"), CHANGES)
def test_a_change_is_seen_and_named(newer: str, older: str, kind: Relation) -> None:
    found = judge(Claim(content=newer), Claim(content=older), ALIKE)
    assert found is not None
    assert found.confidence > CONFIDENT
    assert found.kind == kind
    assert found.reason


@pytest.mark.parametrize(("newer", "older"), BOTH_STAND)
def test_what_may_both_be_true_stays(newer: str, older: str) -> None:
    assert judge(Claim(content=newer), Claim(content=older), ALIKE) is None


def test_what_happened_does_not_stop_having_happened() -> None:
    newer = Claim(content="The user's race time was 50 minutes.", category=Category.EPISODIC)
    older = Claim(content="The user's race time was 55 minutes.", category=Category.EPISODIC)
    assert judge(newer, older, 0.95) is None


def test_a_later_period_supersedes_only_where_both_speak_of_the_same() -> None:
    older = Claim(content="The user leads payments.", valid_until=NOON)
    newer = Claim(content="The user leads payouts.", valid_from=NOON + timedelta(days=1))
    assert judge(newer, older, 0.9) is not None
    assert judge(newer, older, 0.6) is None


JANUARY, JUNE, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 12))


@pytest.mark.parametrize(
    ("older", "newer", "supersedes"),
    [
        ((JANUARY, JUNE), (JUNE, None), True),
        ((None, JUNE), (DECEMBER, None), True),
        ((JANUARY, JUNE), (JUNE, DECEMBER), True),
        ((JANUARY, DECEMBER), (JUNE, None), False),
        ((JANUARY, None), (JUNE, None), False),
        ((JUNE, JUNE), (JUNE, None), False),
        ((JANUARY, JUNE), (None, None), False),
    ],
    ids=["the day after", "long after", "both ended", "overlapping", "open", "same beginning", "without a date"],
)
def test_periods_that_follow_each_other_supersede_and_others_are_left_to_the_classifier(
    older: tuple[datetime | None, datetime | None],
    newer: tuple[datetime | None, datetime | None],
    supersedes: bool,
) -> None:
    was = Claim(content="The user leads payments.", valid_from=older[0], valid_until=older[1])
    now = Claim(content="The user leads payouts.", valid_from=newer[0], valid_until=newer[1])
    found = by_intervals(now, was, 0.9)
    assert (found is not None) == supersedes
    if found is not None:
        assert (found.kind, found.confidence) == (Relation.SUPERSEDES, 1.0)


def test_the_same_in_other_words_overlaps_where_it_is_close_enough() -> None:
    newer = Claim(content="The user trains each morning with the old rowing club on the wide river before breakfast.")
    older = Claim(content="The user trains on the wide river with the old rowing club before work each morning, alone.")
    found = judge(newer, older, 0.9)
    assert found is not None
    assert (found.kind, found.confidence > CONFIDENT) == (Relation.OVERLAPS, True)
    assert judge(newer, older, 0.8) is None


def test_each_other_kind_of_conflict_has_an_example_above() -> None:
    kinds = {Relation.CONTRADICTS, Relation.SUPERSEDES, Relation.SPECIALIZES}
    assert {kind for _, _, kind in CHANGES} == kinds


def test_extractions_own_attributes_decide_where_they_hold_one_value() -> None:
    lives = {"subject": "user", "attribute": "location"}
    allergic = {"subject": "user", "attribute": "allergy"}
    moved = judge(Claim(content="I settled in Oslo.", **lives), Claim(content="Home is Bergen.", **lives), 0.5)
    assert moved is not None
    assert moved.kind == Relation.SUPERSEDES
    both = judge(Claim(content="Shellfish is out.", **allergic), Claim(content="Peanuts are out.", **allergic), 0.6)
    assert both is None


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("The user's blood type is A positive.", {"blood", "typ"}),
        ("The user lives in Lisbon.", {"location"}),
        ("The deploy window is on Thursday.", {"is"}),
    ],
)
def test_sentences_that_can_be_true_in_one_way_only(text: str, attribute: set[str]) -> None:
    slot = slot_of(text)
    assert slot is not None
    assert slot.attribute == attribute


@pytest.mark.parametrize(
    "text", ["The user likes tea.", "The user is tired.", "The user's plan is shaped by his mother."]
)
def test_other_sentences_have_no_slot(text: str) -> None:
    assert slot_of(text) is None


@pytest.mark.parametrize("text", ["The user lives in .", "The user's name is ; drop", "The budget is .", "over", ""])
def test_a_claim_that_breaks_off_is_no_claim(text: str) -> None:
    assert slot_of(text) is None
    assert judge(Claim(content=text), Claim(content="The user lives in Porto."), ALIKE) is None
    assert judge(Claim(content="The user lives in Porto."), Claim(content=text), ALIKE) is None
