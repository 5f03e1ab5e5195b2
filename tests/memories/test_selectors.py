"""Where a memory comes from, what it replaced, where it was used: one statement each, and the same by REST."""

from __future__ import annotations

from itertools import pairwise
from uuid import uuid4

import pytest

from ibex.core.tenancy import scope
from memories import store
from memories.choices import Relation
from memories.refinement.revision import revise
from memories.selectors import lineage, memories_of, provenance, uses
from tests.memories.making import make_session, remember, say
from tests.memories.pages.test_memory_detail import inject

HOMES = ("The user lives in Lisbon.", "The user's home is in Porto.", "The user has a flat in Braga.")


@pytest.fixture
def turn(agent):
    session = make_session(agent)
    say(session, "Hello.")
    return say(session, "I drink black coffee.")


@pytest.fixture
def coffee(agent, turn):
    return remember(
        agent,
        "The user drinks black coffee.",
        session_id=turn.session_id,
        checkpoint_id=turn.pk,
        evidence="I drink black coffee.",
        extractor="local/1",
    )


@pytest.fixture
def homes(agent):
    """Each took the place of the one before it."""
    memories = [remember(agent, text) for text in HOMES]
    with scope(agent.org_id):
        for older, newer in pairwise(memories):
            store.hold(older)
            store.supersede(older, newer, Relation.SUPERSEDES, confidence=0.9, reason="moved", actor="extraction")
    return memories


def in_one_statement(django_assert_num_queries, org_id, ask):
    with scope(org_id), django_assert_num_queries(1):
        return ask()


def test_where_it_comes_from(agent, turn, coffee, django_assert_num_queries):
    revise(agent.org_id, coffee.pk, actor="token:x", tags=("drinks",))
    found = in_one_statement(
        django_assert_num_queries, agent.org_id, lambda: provenance(memories_of(agent.org_id), coffee.pk)
    )
    assert (found.session.pk, found.turn_id, found.turn_number, found.said_at) == (
        turn.session_id, turn.turn_id, 2, turn.said_at,
    )  # fmt: skip
    assert (found.memory.evidence, found.memory.extractor) == ("I drink black coffee.", "local/1")
    assert [(change.number, change.operation, change.actor) for change in found.changes] == [
        (2, "updated", "token:x"),
        (1, "created", "extraction"),
    ]


def test_a_written_one_comes_from_no_session(agent):
    memory = remember(agent, "The user drinks tea.")
    with scope(agent.org_id):
        found = provenance(memories_of(agent.org_id), memory.pk)
    assert (found.session, found.turn_id, found.turn_number) == (None, None, None)


def test_what_is_not_among_the_rows_comes_from_nowhere(agent, globex, coffee):
    with scope(agent.org_id):
        assert provenance(memories_of(agent.org_id).filter(status="archived"), coffee.pk) is None
    with scope(globex.pk):
        assert provenance(memories_of(globex.pk), coffee.pk) is None


def test_what_it_replaced_and_what_replaced_it_is_followed_to_both_ends(agent, homes, django_assert_num_queries):
    first, middle, last = homes
    found = in_one_statement(django_assert_num_queries, agent.org_id, lambda: lineage(last))
    assert [(one.memory_id, one.step, one.kind, one.reason) for one in found.replaced] == [
        (middle.pk, 1, "supersedes", "moved"),
        (first.pk, 2, "supersedes", "moved"),
    ]
    assert found.replaced_by == []
    with scope(agent.org_id):
        between, oldest = lineage(middle), lineage(first)
    assert [[one.memory_id for one in side] for side in (between.replaced, between.replaced_by)] == [
        [first.pk],
        [last.pk],
    ]
    assert [(one.memory_id, one.step) for one in oldest.replaced_by] == [(middle.pk, 1), (last.pk, 2)]


def test_a_clash_that_nobody_decided_replaces_nothing(agent, homes):
    _, _, last = homes
    other = remember(agent, "The user has a boat.")
    with scope(agent.org_id):
        store.connect(other, Relation.CONTRADICTS, last)
        assert not lineage(other)
        assert lineage(last).replaced_by == []


def test_merged_ones_are_on_the_line(agent):
    keep, gone = remember(agent, HOMES[0]), remember(agent, "The user has a boat.")
    with scope(agent.org_id):
        store.merge(keep, gone, actor="system")
        assert [(one.memory_id, one.kind) for one in lineage(keep).replaced] == [(gone.pk, "merged")]
        assert [(one.memory_id, one.kind) for one in lineage(gone).replaced_by] == [(keep.pk, "merged")]


def test_a_circle_of_replacements_ends(agent, homes):
    first, _, last = homes
    with scope(agent.org_id):
        store.hold(last)
        store.supersede(last, first, Relation.SUPERSEDES, confidence=1, reason="back", actor="system")
        assert [one.memory_id for one in lineage(first).replaced] == [last.pk, homes[1].pk]


def test_its_own_earlier_texts_are_told(agent, coffee):
    revise(agent.org_id, coffee.pk, actor="token:x", content="The user drinks espresso.")
    revise(agent.org_id, coffee.pk, actor="token:x", tags=("drinks",))
    with scope(agent.org_id):
        [earlier] = lineage(coffee).earlier_texts
    assert (earlier.number, earlier.content) == (1, "The user drinks black coffee.")
    assert (earlier.operation, earlier.actor) == ("updated", "token:x")


def test_where_it_was_used_newest_first(agent, turn, coffee, django_assert_num_queries):
    inject(coffee, uuid4(), rank=3, is_packed=False, reason="no_room")
    inject(coffee, turn.turn_id, rank=2)
    latest, erased = in_one_statement(django_assert_num_queries, agent.org_id, lambda: list(uses(coffee)))
    assert (latest.rank, latest.place["number"], latest.place["session_id"]) == (2, 2, str(turn.session_id))
    assert (erased.reason, erased.place) == ("no_room", None)


def test_rest_tells_the_same(agent, alice, turn, coffee, homes):
    for number in range(3):
        inject(coffee, say(make_session(agent, end_user=str(number)), "More.").turn_id)
    get = lambda path: alice.client.get(f"/api/v1/memories/{path}").json()  # noqa: E731
    origin = get(f"{coffee.pk}/provenance")
    assert (origin["turn"], origin["turn_id"], origin["evidence"]) == (2, str(turn.turn_id), "I drink black coffee.")
    assert [version["operation"] for version in origin["versions"]] == ["created"]
    line = get(f"{homes[2].pk}/lineage")
    assert [(one["content"], one["step"]) for one in line["replaced"]] == [(HOMES[1], 1), (HOMES[0], 2)]
    page = get(f"{coffee.pk}/uses?limit=2")
    rest = get(f"{coffee.pk}/uses?limit=2&cursor={page['next_cursor']}")
    assert [len(page["items"]), len(rest["items"]), rest["next_cursor"]] == [2, 1, None]
    assert {use["turn"] for use in page["items"]} == {1}
    assert page["items"][0]["at"] > rest["items"][0]["at"]
