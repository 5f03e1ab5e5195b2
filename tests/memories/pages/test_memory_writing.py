from __future__ import annotations

import pytest
from django.contrib.messages.storage.cookie import CookieStorage
from django.test import RequestFactory

from agents.choices import AgentStatus
from agents.models import Agent
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Category, Source, Status
from memories.models import Memory
from memories.refinement.draft import Outcome, Result
from memories.views.telling import tell_created
from tests.factories import make_agent
from tests.memories.making import memories_of, remember
from tests.memories.pages.conftest import fill, fresh

PARTIAL = {"HX-Request": "true"}


def typed(agent: Agent, content: str, **fields: str) -> dict[str, str]:
    return {"agent": str(agent.pk), "content": content, "category": "factual", "tags": "", "end_user": ""} | fields


def write(who, agent: Agent, content: str, **fields: str):
    return who.client.post("/memories/new", typed(agent, content, **fields))


def followed(who, response) -> str:
    assert response.status_code == 303
    return who.client.get(response["Location"]).content.decode()


def changed(memory: Memory, **fields: str) -> dict[str, str]:
    return {
        "version": str(memory.version),
        "content": memory.content,
        "category": memory.category,
        "confidence": str(round(memory.confidence, 2)),
        "tags": ", ".join(memory.tags),
        "end_user": memory.end_user,
    } | fields


class TestAdding:
    def test_stores_it_as_typed_and_opens_it(self, bob, agent):
        answer = write(
            bob,
            agent,
            "Deliveries come\r\non Monday.",
            tags="shop,  eu west ,shop",
            end_user="mia",
            category="procedural",
            is_pinned="on",
        )
        assert "The memory is added." in followed(bob, answer)
        [memory] = memories_of(agent)
        assert memory.content == "Deliveries come\non Monday."
        assert (memory.tags, memory.end_user, memory.is_pinned) == (["shop", "eu west"], "mia", True)
        assert (memory.source, memory.category, memory.status) == (
            Source.USER_PROVIDED,
            Category.PROCEDURAL,
            Status.ACTIVE,
        )
        with scope(agent.org_id):
            assert memory.versions.get().actor == f"operator:{bob.operator.pk}"

    def test_of_what_is_known_says_so_and_opens_that(self, bob, agent, coffee):
        answer = write(bob, agent, coffee.content)
        assert answer["Location"].endswith(str(coffee.pk))
        assert "This was known already" in followed(bob, answer)
        assert len(memories_of(agent)) == 1

    def test_of_what_outdates_the_known_says_so(self, bob, agent):
        remember(agent, "The user lives in Berlin.", source=Source.USER_PROVIDED)
        page = followed(bob, write(bob, agent, "The user lives in Munich."))
        assert "1 older memory gives way to it." in page
        assert [memory.status for memory in memories_of(agent)] == [Status.SUPERSEDED, Status.ACTIVE]

    def test_of_what_may_be_secret_says_that_it_is_quarantined(self, bob, agent):
        page = followed(bob, write(bob, agent, "The number on the card is 4111 1111 1111 1112."))
        assert "Stored, but quarantined: may hold CARD." in page
        assert memories_of(agent)[0].status == Status.QUARANTINED

    def test_masks_personal_data(self, bob, agent):
        page = followed(bob, write(bob, agent, "The accountant's address is eve@example.com."))
        assert "[EMAIL]" in page
        assert "eve@example.com" not in page

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"content": "   "}, "content"),
            ({"content": "x" * 8_193}, "content"),
            ({"content": "nul \x00 inside"}, "content"),
            ({"category": "rumour"}, "category"),
            ({"agent": "nobody"}, "agent"),
            ({"agent": ""}, "agent"),
            ({"tags": "y" * 65}, "tags"),
            ({"tags": ",".join(map(str, range(33)))}, "tags"),
            ({"end_user": "z" * 201}, "end_user"),
        ],
    )
    def test_with_a_field_that_will_not_do_shows_the_form_again(self, bob, agent, fields, name):
        answer = bob.client.post("/memories/new", typed(agent, "A fact.") | fields)
        assert answer.status_code == 422
        assert name in answer.context["form"].errors
        assert memories_of(agent) == []

    def test_to_a_foreign_or_archived_agent_is_refused(self, bob, acme, foreign_agent):
        archived = make_agent(acme, "Old", status=AgentStatus.ARCHIVED)
        for unusable in (foreign_agent, archived):
            assert write(bob, unusable, "A fact.").status_code == 422
            assert memories_of(unusable) == []

    def test_in_the_drawer_answers_with_the_panel(self, bob, agent):
        form = bob.client.get("/memories/new", headers=PARTIAL).content.decode()
        assert "<html" not in form
        assert 'hx-post="/memories/new"' in form
        wrong = bob.client.post("/memories/new", typed(agent, ""), headers=PARTIAL)
        assert wrong.status_code == 422
        assert "<html" not in wrong.content.decode()
        right = bob.client.post("/memories/new", typed(agent, "A fact."), headers=PARTIAL)
        panel = bob.client.get(right["Location"], headers=PARTIAL)
        assert panel["HX-Trigger"] == "memories-changed"
        assert "The memory is added." in panel.content.decode()

    def test_where_there_is_no_agent_says_what_is_missing(self, alice):
        assert "No agent to know it" in alice.client.get("/memories/new").content.decode()


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(result=Result.CREATED), "The memory is added."),
        (Outcome(result=Result.CREATED, reason="a newer one"), "outdates it: a newer one."),
        (Outcome(result=Result.MERGED_INTO, reason="cosine 0.97"), "Your text took their place"),
        (Outcome(result=Result.DUPLICATE_OF, reason="cosine 0.97"), "known already (cosine 0.97)"),
        (Outcome(result=Result.PENDING_REVIEW, reason="clashes"), "waits for review: clashes."),
        (Outcome(result=Result.QUARANTINED, reason="gives orders"), "quarantined: gives orders."),
    ],
)
def test_every_outcome_has_words(outcome, said):
    request = RequestFactory().post("/memories/new")
    request._messages = CookieStorage(request)
    tell_created(request, outcome, retired=0)
    [message] = request._messages
    assert said in str(message)


class TestEditing:
    def test_opens_with_what_is_there(self, bob, coffee):
        page = bob.client.get(f"/memories/{coffee.pk}/edit").content.decode()
        assert coffee.content in page
        assert 'value="drinks, morning"' in page

    def test_stores_a_new_version_and_keeps_the_old_one(self, bob, coffee):
        fields = changed(coffee, content="The user drinks tea.", valid_from="2026-05-01", tags="drinks", is_pinned="on")
        assert "Saved." in followed(bob, bob.client.post(f"/memories/{coffee.pk}/edit", fields))
        now = fresh(coffee)
        assert (now.content, now.tags, now.version, now.is_pinned) == ("The user drinks tea.", ["drinks"], 2, True)
        assert now.valid_from.isoformat() == "2026-05-01T00:00:00+00:00"
        with scope(coffee.org_id):
            assert now.versions.get(number=1).snapshot["content"] == coffee.content

    def test_that_changes_nothing_makes_no_version(self, bob, coffee):
        assert bob.client.post(f"/memories/{coffee.pk}/edit", changed(coffee)).status_code == 303
        assert fresh(coffee).version == 1

    def test_of_what_changed_meanwhile_asks_to_look_first(self, bob, coffee):
        with scope(coffee.org_id):
            store.set_tags(fresh(coffee), ["hot"], actor="system")
        url = f"/memories/{coffee.pk}/edit"
        stale = bob.client.post(url, changed(coffee, content="The user drinks tea."))
        assert stale.status_code == 422
        assert "changed while you were writing" in stale.content.decode()
        assert fresh(coffee).content == coffee.content
        again = changed(coffee, content="The user drinks tea.", version=str(stale.context["form"]["version"].value()))
        assert bob.client.post(url, again).status_code == 303

    def test_into_what_another_memory_says_changes_nothing(self, bob, agent, coffee):
        other = remember(agent, "The warehouse in Gent closes at six on Fridays.")
        answer = bob.client.post(f"/memories/{coffee.pk}/edit", changed(coffee, content=other.content))
        assert answer.status_code == 422
        assert f"/memories/{other.pk}" in answer.content.decode()
        assert fresh(coffee).content == coffee.content

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"content": ""}, "content"),
            ({"confidence": "1.2"}, "confidence"),
            ({"confidence": "nan"}, "confidence"),
            ({"confidence": ""}, "confidence"),
            ({"valid_from": "yesterday"}, "valid_from"),
            ({"valid_from": "2026-05-02", "valid_until": "2026-05-01"}, "valid_until"),
            ({"version": "first"}, "version"),
            ({"category": "rumour"}, "category"),
        ],
    )
    def test_with_a_field_that_will_not_do_shows_the_form_again(self, bob, coffee, fields, name):
        answer = bob.client.post(f"/memories/{coffee.pk}/edit", changed(coffee, **fields))
        assert answer.status_code == 422
        assert name in answer.context["form"].errors
        assert fresh(coffee).version == 1


class TestTags:
    def test_are_replaced(self, bob, coffee):
        answer = bob.client.post(f"/memories/{coffee.pk}/tags", {"tags": "hot, black"})
        assert "The tags are saved." in followed(bob, answer)
        assert fresh(coffee).tags == ["hot", "black"]

    def test_that_are_too_long_are_refused_in_place(self, bob, coffee):
        answer = bob.client.post(f"/memories/{coffee.pk}/tags", {"tags": "x" * 65})
        assert answer.status_code == 422
        assert "at most 64" in answer.content.decode()
        assert fresh(coffee).tags == coffee.tags


class TestRestoring:
    def test_brings_an_earlier_version_back_as_a_new_one(self, bob, coffee):
        bob.client.post(f"/memories/{coffee.pk}/edit", changed(coffee, content="The user drinks tea."))
        page = followed(bob, bob.client.post(f"/memories/{coffee.pk}/versions/1/restore"))
        assert "Version 1 is restored." in page
        now = fresh(coffee)
        assert (now.content, now.version) == (coffee.content, 3)

    @pytest.mark.parametrize("number", ["0", "9", "99999999999999999999"])
    def test_a_version_that_is_not_there_is_not_found(self, bob, coffee, number):
        assert bob.client.post(f"/memories/{coffee.pk}/versions/{number}/restore").status_code == 404


class TestDeleting:
    def test_takes_it_away_and_goes_back_to_the_list_as_it_was(self, bob, coffee):
        answer = bob.client.post(f"/memories/{coffee.pk}/delete", {"next": "/memories?category=preference"})
        assert answer["Location"] == "/memories?category=preference"
        assert "The memory is deleted." in followed(bob, answer)
        assert fresh(coffee).deleted_at

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/memories", "//evil.example", "/agents", "http://[", ""]
    )
    def test_goes_nowhere_but_to_the_list(self, bob, coffee, elsewhere):
        answer = bob.client.post(f"/memories/{coffee.pk}/delete", {"next": elsewhere})
        assert answer["Location"] == "/memories"

    def test_happens_only_when_posted(self, bob, coffee):
        assert bob.client.get(f"/memories/{coffee.pk}/delete").status_code == 405
        assert fresh(coffee).deleted_at is None


class TestDeletingMany:
    @pytest.fixture
    def bolts(self, agent: Agent) -> list[Memory]:
        fill(agent, 3)
        return memories_of(agent)

    def test_asks_first_and_names_them(self, bob, bolts):
        page = bob.client.get("/memories/delete", {"id": [bolts[0].pk, bolts[1].pk]}).content.decode()
        assert "Delete these 2 memories?" in page
        assert bolts[0].content in page
        assert bolts[2].content not in page
        assert all(memory.deleted_at is None for memory in map(fresh, bolts))

    def test_takes_those_and_leaves_the_others(self, bob, bolts):
        answer = bob.client.post("/memories/delete", {"id": [bolts[0].pk, bolts[1].pk]})
        assert "2 memories are deleted." in followed(bob, answer)
        assert [fresh(memory).deleted_at is None for memory in bolts] == [False, False, True]

    def test_of_nothing_and_of_nonsense_deletes_nothing(self, bob, bolts):
        for chosen in ([], ["nonsense"], ["00000000-0000-0000-0000-000000000000"]):
            assert "Nothing is chosen" in bob.client.get("/memories/delete", {"id": chosen}).content.decode()
            assert "Nothing was deleted" in followed(bob, bob.client.post("/memories/delete", {"id": chosen}))
        assert all(memory.deleted_at is None for memory in map(fresh, bolts))

    def test_of_another_organization_touches_nothing(self, bob, bolts, foreign):
        bob.client.post("/memories/delete", {"id": [foreign.pk, bolts[0].pk]})
        assert fresh(foreign).deleted_at is None
        assert fresh(bolts[0]).deleted_at
