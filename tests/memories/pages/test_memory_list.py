from __future__ import annotations

import re

import pytest
from django.utils import timezone

from agents.models import Agent
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Category, Source, Status
from memories.models import Memory
from tests.factories import make_agent
from tests.memories.making import remember
from tests.memories.pages.conftest import fill

PARTIAL = {"HX-Request": "true"}


def texts(response) -> list[str]:
    return [row.record.content for row in response.context["table"].paginated_rows]


def token_of(response) -> str:
    [token] = re.findall(r'"If-None-Match": "(\w+)"', response.content.decode())
    return token


def test_a_memory_is_listed_with_what_it_is_and_whose(victor, coffee, agent):
    page = victor.client.get("/memories").content.decode()
    for shown in ("black coffee", "badge--preference", "0.90", agent.name, "#drinks", f"/memories/{coffee.pk}"):
        assert shown in page


def test_the_newest_comes_first(victor, agent):
    fill(agent, 3)
    assert texts(victor.client.get("/memories")) == [f"Shelf {number} holds bolts." for number in (2, 1, 0)]


def test_nothing_of_another_organization_is_listed_or_found(victor, coffee, foreign):
    for url in ("/memories", "/memories?search=swordfish", f"/memories?agent_id={foreign.agent_id}"):
        assert "swordfish" not in "".join(texts(victor.client.get(url)))


def test_a_deleted_memory_is_not_listed(victor, coffee):
    with scope(coffee.org_id):
        store.delete(coffee, actor="system")
    assert texts(victor.client.get("/memories")) == []


class TestFilters:
    @pytest.fixture
    def kinds(self, acme, agent: Agent) -> None:
        other = make_agent(acme, "Other")
        remember(agent, "The user lives in Lyon.", category=Category.FACTUAL, tags=("place",))
        remember(agent, "Always answer in French.", category=Category.PROCEDURAL, end_user="mia", is_pinned=True)
        remember(agent, "The user may like jazz.", category=Category.PREFERENCE, confidence=0.3)
        remember(other, "Deliveries come on Monday.", source=Source.IMPORTED)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("category=procedural", ["Always answer in French."]),
            ("status=pending_review", ["The user may like jazz."]),
            ("source=imported", ["Deliveries come on Monday."]),
            ("tag=place", ["The user lives in Lyon."]),
            ("end_user=mia", ["Always answer in French."]),
            ("is_pinned=true", ["Always answer in French."]),
            ("created_before=2020-01-01", []),
            ("created_after=2020-01-01&category=factual&tag=place", ["The user lives in Lyon."]),
        ],
    )
    def test_each_keeps_what_it_names(self, victor, kinds, query, found):
        assert texts(victor.client.get(f"/memories?{query}")) == found

    def test_an_agent_s_memories_are_its_own(self, victor, kinds, agent):
        assert len(texts(victor.client.get(f"/memories?agent_id={agent.pk}"))) == 3

    @pytest.mark.parametrize(
        "query",
        [
            "agent_id=nobody",
            "category=rumour",
            "status=%00",
            "created_after=soon",
            "tag=" + "x" * 65,
            "search=" + "x" * 201,
        ],
    )
    def test_a_value_that_makes_no_sense_is_said_and_shows_nothing(self, victor, kinds, query):
        response = victor.client.get(f"/memories?{query}")
        assert response.status_code == 200
        assert texts(response) == []
        assert 'role="alert"' in response.content.decode()

    def test_one_behind_the_button_is_shown_as_a_chip_that_removes_it(self, victor, kinds):
        response = victor.client.get("/memories?tag=place&category=factual&page=1")
        assert [(chip.label, chip.url) for chip in response.context["chips"]] == [
            ("Tag: place", "/memories?category=factual")
        ]

    def test_the_address_that_htmx_shows_leaves_empty_fields_out(self, victor, kinds):
        headers = PARTIAL | {"HX-Trigger": "filters"}
        answer = victor.client.get("/memories?search=&category=factual&tag=&status=", headers=headers)
        assert answer["HX-Push-Url"] == "/memories?category=factual"


class TestSorting:
    @pytest.mark.parametrize("column", ["category", "status", "confidence", "worth", "injection_count", "created_at"])
    def test_by_each_column_both_ways(self, victor, agent, column):
        remember(agent, "Always answer in French.", category=Category.PROCEDURAL, confidence=0.95)
        remember(agent, "The user may like jazz.", category=Category.PREFERENCE, confidence=0.3)
        with scope(agent.org_id):
            Memory.objects.filter(category=Category.PREFERENCE).update(injection_count=3, created_at=timezone.now())
        up = texts(victor.client.get(f"/memories?sort={column}"))
        assert sorted(up) == ["Always answer in French.", "The user may like jazz."]
        assert texts(victor.client.get(f"/memories?sort=-{column}")) == up[::-1]

    def test_by_nothing_that_exists_is_by_time(self, victor, agent):
        fill(agent, 2)
        assert texts(victor.client.get("/memories?sort=embedding"))[0].startswith("Shelf 1")


class TestPaging:
    def test_goes_on_where_the_page_ended_and_keeps_the_filters(self, victor, agent):
        fill(agent, 53)
        first = victor.client.get("/memories?category=factual")
        assert len(texts(first)) == 50
        second = victor.client.get("/memories" + first.context["pages"].next_url)
        assert texts(second) == [f"Shelf {number} holds bolts." for number in (2, 1, 0)]
        assert second.context["pages"].next_url == ""

    @pytest.mark.parametrize("page", ["0", "-1", "9999999", "two", "", "1e3"])
    def test_a_page_that_is_not_there_is_one_that_is(self, victor, agent, page):
        fill(agent, 3)
        response = victor.client.get("/memories", {"page": page})
        assert response.status_code == 200
        assert len(texts(response)) == 3


class TestSearch:
    @pytest.fixture
    def shelf(self, agent, coffee) -> None:
        remember(agent, "The warehouse in Gent closes at six on Fridays.")
        remember(agent, "Mia's dog is called Biscuit.", end_user="mia")

    def test_finds_by_meaning_without_a_shared_word(self, victor, shelf):
        assert texts(victor.client.get("/memories", {"search": "which hot beverage is liked?"}))[0].endswith("morning.")

    def test_finds_a_word_that_is_still_being_typed(self, victor, shelf):
        response = victor.client.get("/memories", {"search": "Biscu"})
        assert "Mia's dog is called Biscuit." in texts(response)

    def test_keeps_to_the_other_filters(self, victor, shelf):
        found = texts(victor.client.get("/memories", {"search": "coffee dog warehouse", "end_user": "mia"}))
        assert found == ["Mia's dog is called Biscuit."]

    def test_shows_how_well_each_matches_and_cannot_be_sorted(self, victor, shelf):
        page = victor.client.get("/memories", {"search": "black coffee", "sort": "confidence"})
        assert ">Match<" in re.sub(r"\s+", "", page.content.decode())
        assert "aria-sort" not in page.content.decode()

    def test_of_words_that_fit_nothing_says_so(self, victor, shelf):
        page = victor.client.get("/memories", {"search": "zzzqqq"}).content.decode()
        assert "No memory matches" in page

    def test_takes_what_people_paste(self, victor, shelf):
        for words in ("'; DROP TABLE --", "%_\\", "((()))", "🦌" * 50, "a" * 200, "   "):
            assert victor.client.get("/memories", {"search": words}).status_code == 200


class TestNews:
    def test_the_list_asks_by_itself_with_what_it_shows(self, victor, coffee):
        page = victor.client.get("/memories").content.decode()
        poll = page[page.index("data-poll") :][:400]
        assert 'hx-get="/memories"' in poll
        assert "every 3s" in poll

    def test_nothing_new_is_answered_without_a_body(self, victor, coffee):
        token = token_of(victor.client.get("/memories"))
        answer = victor.client.get("/memories", headers=PARTIAL | {"If-None-Match": token})
        assert (answer.status_code, answer.content) == (204, b"")

    def test_a_new_memory_brings_the_rows(self, victor, agent, coffee):
        token = token_of(victor.client.get("/memories"))
        remember(agent, "The warehouse in Gent closes at six on Fridays.")
        answer = victor.client.get("/memories", headers=PARTIAL | {"If-None-Match": token})
        assert answer.status_code == 200
        assert len(texts(answer)) == 2
        assert "<html" not in answer.content.decode()

    def test_a_change_and_a_deletion_do_too(self, victor, coffee):
        token = token_of(victor.client.get("/memories"))
        with scope(coffee.org_id):
            store.set_tags(coffee, ["hot"], actor="system")
        changed = victor.client.get("/memories", headers=PARTIAL | {"If-None-Match": token})
        assert changed.status_code == 200
        with scope(coffee.org_id):
            store.delete(coffee, actor="system")
        gone = victor.client.get("/memories", headers=PARTIAL | {"If-None-Match": token_of(changed)})
        assert "Nothing is known yet" in gone.content.decode()

    @pytest.mark.parametrize("query", ["search=coffee", "sort=confidence"])
    def test_a_list_in_another_order_does_not_move_under_the_reader(self, victor, coffee, query):
        page = victor.client.get(f"/memories?{query}").content.decode()
        assert "every 3s" not in page
        assert "memories-changed from:body" in page


class TestEmpty:
    def test_an_organization_that_knows_nothing_is_told_how_that_changes(self, bob):
        page = bob.client.get("/memories").content.decode()
        assert "Nothing is known yet" in page
        assert "/memories/new" in page

    def test_a_viewer_is_not_offered_what_they_may_not_do(self, victor, coffee):
        page = victor.client.get("/memories").content.decode()
        for forbidden in ("/memories/new", "data-select", "bulk-bar"):
            assert forbidden not in page

    def test_filters_that_keep_nothing_can_be_cleared(self, victor, coffee):
        page = victor.client.get("/memories?status=archived").content.decode()
        assert "Clear filters" in page


def test_htmx_gets_the_rows_and_a_boosted_link_the_page(victor, coffee):
    assert "<html" not in victor.client.get("/memories", headers=PARTIAL).content.decode()
    boosted = victor.client.get("/memories", headers=PARTIAL | {"HX-Boosted": "true"})
    assert "<html" in boosted.content.decode()
    assert "HX-Request" in boosted["Vary"]


@pytest.mark.parametrize("query", ["", "?search=bolts", "?sort=-worth"])
def test_more_rows_make_no_more_queries(victor, agent, query_count, query):
    fill(agent, 2)
    query_count(victor, f"/memories{query}")
    few = query_count(victor, f"/memories{query}")
    fill(agent=make_agent(victor.organization, "Third"), count=40)
    assert query_count(victor, f"/memories{query}") <= few


def test_a_status_is_shown_as_it_is(victor, agent):
    memory = remember(agent, "The user may like jazz.", confidence=0.3)
    assert memory.status == Status.PENDING_REVIEW
    assert "Pending review" in victor.client.get("/memories").content.decode()
