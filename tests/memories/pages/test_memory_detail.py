from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

from agents.models import Agent, Checkpoint
from context.models import Injection
from ibex.core import listing
from ibex.core.tenancy import scope
from memories import store
from memories.choices import Relation
from memories.models import Memory
from memories.refinement.revision import revise
from tests.factories import Person
from tests.memories.making import make_session, remember, say
from tests.memories.pages.conftest import Queries

PARTIAL = {"HX-Request": "true"}
SHELVES = (("cellar", "nuts"), ("attic", "wire"), ("garage", "glue"))


def page_of(who: Person, memory: Memory) -> str:
    return who.client.get(f"/memories/{memory.pk}").content.decode()


def inject(memory: Memory, turn_id: UUID, **fields: object) -> None:
    given = {"rank": 1, "score": 0.83, "arm": "hot", "tokens": 9, "is_packed": True, "components": {}} | fields
    with scope(memory.org_id):
        Injection.objects.create(
            org_id=memory.org_id,
            agent_id=memory.agent_id,
            memory=memory,
            turn_id=turn_id,
            memory_version=memory.version,
            **given,
        )


@pytest.fixture
def turn(agent: Agent) -> Checkpoint:
    session = make_session(agent)
    say(session, "Hello.")
    return say(session, "I drink two cups of black coffee every morning.")


def test_the_page_tells_what_it_says_and_how_sure_that_is(victor, coffee, agent):
    page = page_of(victor, coffee)
    for shown in ("two cups of black coffee", agent.name, "badge--preference", "0.90", "drinks", "local/1"):
        assert shown in page
    assert 'class="quote">I drink two cups' in page


def test_the_drawer_gets_the_same_without_the_frame(victor, coffee):
    panel = victor.client.get(f"/memories/{coffee.pk}", headers=PARTIAL).content.decode()
    assert "two cups of black coffee" in panel
    assert "<html" not in panel


def test_it_says_which_turn_it_was_learned_from(victor, agent, turn):
    memory = remember(agent, "The user drinks coffee.", session_id=turn.session_id, checkpoint_id=turn.pk)
    page = page_of(victor, memory)
    assert f"/sessions/{turn.session_id}?turn={turn.turn_id}" in page
    assert "Turn 2 of session" in page


def test_a_waiting_memory_says_why_it_waits(victor, agent):
    memory = remember(agent, "The user may like jazz.", confidence=0.3)
    assert re.search(r"Pending review:</strong>\s*low confidence", page_of(victor, memory))


class TestWhereItWasInjected:
    def test_each_prompt_is_named_with_the_outcome(self, victor, coffee, turn):
        inject(coffee, turn.turn_id)
        page = page_of(victor, coffee)
        assert f"/sessions/{turn.session_id}?turn={turn.turn_id}" in page
        assert "Put in" in page
        assert "0.83" in page

    def test_what_was_left_out_says_why(self, victor, coffee, turn):
        inject(coffee, turn.turn_id, is_packed=False, reason="no_room")
        page = page_of(victor, coffee)
        assert "Left out" in page
        assert "No room" in page

    def test_an_erased_turn_leaves_no_dead_link(self, victor, coffee):
        inject(coffee, uuid4())
        page = page_of(victor, coffee)
        assert "Erased" in page
        assert "?turn=" not in page

    def test_the_latest_twenty_are_shown(self, victor, coffee):
        for _ in range(23):
            inject(coffee, uuid4())
        assert page_of(victor, coffee).count("Put in") == 20

    def test_the_others_are_on_pages_of_their_own(self, victor, charlie, coffee, turn, monkeypatch):
        monkeypatch.setattr(listing, "PER_PAGE", 21)
        inject(coffee, turn.turn_id)
        for _ in range(23):
            inject(coffee, uuid4())
        url = f"/memories/{coffee.pk}/uses"
        assert url in page_of(victor, coffee)
        first, last = victor.client.get(url).content.decode(), victor.client.get(f"{url}?page=2").content.decode()
        assert (first.count("Put in</span>"), last.count("Put in</span>")) == (21, 3)
        assert f"/sessions/{turn.session_id}?turn={turn.turn_id}" in last
        assert charlie.client.get(url).status_code == 404

    def test_the_others_are_filtered_by_what_became_of_them(self, victor, coffee, turn):
        inject(coffee, turn.turn_id)
        inject(coffee, uuid4(), is_packed=False, reason="no_room")
        url = f"/memories/{coffee.pk}/uses"

        def packed(query: str) -> list[bool]:
            return sorted(use.is_packed for use in victor.client.get(f"{url}?{query}").context["uses"])

        assert packed("") == [False, True]
        assert packed("is_packed=true") == [True]
        assert packed("is_packed=false") == [False]


class TestRelations:
    @pytest.fixture
    def tea(self, agent: Agent, coffee: Memory) -> Memory:
        tea = remember(agent, "The user never drinks tea after lunch.")
        with scope(agent.org_id):
            store.connect(coffee, Relation.SUPERSEDES, tea, confidence=0.91, reason="a newer habit")
        return tea

    def test_are_named_from_both_ends(self, victor, coffee, tea):
        assert "Supersedes" in page_of(victor, coffee)
        assert f"/memories/{tea.pk}" in page_of(victor, coffee)
        assert "Superseded by" in page_of(victor, tea)

    def test_to_a_deleted_memory_show_nothing_of_it(self, victor, coffee, tea):
        with scope(tea.org_id):
            store.delete(tea, actor="system")
        page = page_of(victor, coffee)
        assert "Deleted since" in page
        assert f"/memories/{tea.pk}" not in page


class TestItsLine:
    def test_is_told_from_both_ends(self, victor, agent, coffee):
        newer = remember(agent, "The user's drink is water.")
        with scope(agent.org_id):
            store.hold(coffee)
            store.supersede(coffee, newer, Relation.SUPERSEDES, confidence=0.9, reason="a newer habit", actor="system")
        assert "What it replaced" in page_of(victor, newer)
        assert "What replaced it" in page_of(victor, coffee)
        assert "Supersedes: a newer habit" in page_of(victor, coffee)

    def test_is_not_shown_where_there_is_none(self, victor, coffee):
        assert "replaced" not in page_of(victor, coffee)


class TestVersions:
    def test_tell_who_changed_what(self, victor, alice, coffee):
        actor = f"operator:{alice.operator.pk}"
        revise(coffee.org_id, coffee.pk, actor=actor, content="The user drinks green tea.", confidence=0.5)
        page = page_of(victor, coffee)
        assert "by Alice" in page
        assert "<ins>The user drinks green tea.</ins>" in page
        assert "Confidence: 0.90 → 0.50" in page

    def test_offer_to_restore_all_but_the_present_one_and_only_to_those_who_may(self, victor, bob, coffee):
        with scope(coffee.org_id):
            store.set_tags(coffee, ["hot"], actor="system")
        assert f"/memories/{coffee.pk}/versions/1/restore" in page_of(bob, coffee)
        assert f"/memories/{coffee.pk}/versions/2/restore" not in page_of(bob, coffee)
        assert "/restore" not in page_of(victor, coffee)

    def test_say_how_many_are_not_shown(self, victor, coffee):
        with scope(coffee.org_id):
            for number in range(24):
                store.set_tags(coffee, [str(number)], actor="system")
        assert "5 older versions not shown" in page_of(victor, coffee)


@pytest.mark.parametrize("path", ["00000000-0000-0000-0000-000000000000", "nonsense", "new/edit", "%00"])
def test_what_is_not_there_is_not_found(bob, path):
    assert bob.client.get(f"/memories/{path}").status_code == 404


def test_a_deleted_memory_is_not_there(victor, coffee):
    with scope(coffee.org_id):
        store.delete(coffee, actor="system")
    assert victor.client.get(f"/memories/{coffee.pk}").status_code == 404


def test_its_words_are_shown_as_words(victor, agent):
    memory = remember(agent, "The user's nick is <script>alert(1)</script>.")
    assert "<script>alert" not in page_of(victor, memory)
    assert "<script>alert" not in victor.client.get("/memories").content.decode()


def test_a_longer_life_makes_no_more_queries(victor, coffee, agent, turn, query_count: Queries):
    url = f"/memories/{coffee.pk}"
    other = remember(agent, "The warehouse in Gent closes at six on Fridays.")
    with scope(agent.org_id):
        store.connect(coffee, Relation.SUPPORTS, other)
    inject(coffee, turn.turn_id)
    few = query_count(victor, url)
    for number in range(8):
        with scope(agent.org_id):
            store.set_tags(coffee, [str(number)], actor="system")
            store.connect(coffee, list(Relation)[number % 7], remember(agent, f"Shelf {number} holds bolts."))
        inject(coffee, say(make_session(agent), "More.").turn_id)
    assert query_count(victor, url) <= few


class TestTheDrawing:
    @pytest.fixture
    def chain(self, agent: Agent, coffee: Memory) -> list[Memory]:
        """Each tied to the one before it, the first of them to the coffee."""
        others = [remember(agent, f"The {place} holds {thing}.") for place, thing in SHELVES]
        with scope(agent.org_id):
            for one, other in zip([coffee, *others], others, strict=False):
                store.connect(one, Relation.SUPPORTS, other)
        return others

    def test_shows_neighbours_and_theirs(self, victor, coffee, chain):
        page = page_of(victor, coffee)
        drawing = page[page.index('class="graph"') : page.index("</svg>", page.index('class="graph"'))]
        assert [f"/memories/{memory.pk}" in drawing for memory in chain] == [True, True, False]
        assert drawing.count("Supports<") == 2

    def test_leaves_deleted_ones_out(self, victor, coffee, chain):
        with scope(coffee.org_id):
            store.delete(chain[1], actor="system")
        assert f"/memories/{chain[1].pk}" not in page_of(victor, coffee)

    def test_is_not_made_for_one_edge(self, victor, chain):
        with scope(chain[0].org_id):
            store.delete(chain[0], actor="system")
        assert 'class="graph"' not in page_of(victor, chain[1])
