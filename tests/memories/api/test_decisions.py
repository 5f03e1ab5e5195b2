"""What people decide about memories, by the REST API."""

from __future__ import annotations

import pytest

from ibex.core.tenancy import scope
from memories import store
from memories.choices import Relation
from tests.memories.making import memories_of, remember
from tests.memories.pages.conftest import fresh

OLD, NEW = "The user's landlord is called Ruben.", "The user's flat has a view of the harbour."


@pytest.fixture
def pair(agent):
    """A memory in use, and one that waits because it clashes with it."""
    known = remember(agent, OLD)
    waiting = remember(agent, NEW, confidence=0.3)
    with scope(agent.org_id):
        store.connect(waiting, Relation.CONTRADICTS, known, confidence=0.6, reason="told apart by a person")
    return known, waiting


def test_edited_and_approved_it_is_in_use_in_its_new_words(alice, api, pair):
    known, waiting = pair
    answer = api(alice, "POST", f"/memories/{waiting.pk}/edit-and-approve", {"content": "The user has a sea view."})
    assert (answer.status_code, answer.json()["result"]) == (200, "created")
    memory = answer.json()["memory"]
    assert (memory["content"], memory["status"], memory["status_reason"]) == ("The user has a sea view.", "active", "")
    # In its new words it clashes with nothing.
    assert fresh(known).status == "active"
    again = api(alice, "POST", f"/memories/{waiting.pk}/edit-and-approve", {"content": "Late."})
    assert (again.status_code, fresh(waiting).content) == (409, "The user has a sea view.")


def test_edited_in_other_fields_only_it_replaces_what_it_clashes_with(alice, api, pair):
    known, waiting = pair
    answer = api(alice, "POST", f"/memories/{waiting.pk}/edit-and-approve", {"tags": ["home"]})
    assert (answer.json()["memory"]["status"], answer.json()["memory"]["tags"]) == ("active", ["home"])
    assert fresh(known).status == "superseded"


def test_words_that_another_memory_has_change_nothing(alice, api, pair):
    known, waiting = pair
    answer = api(alice, "POST", f"/memories/{waiting.pk}/edit-and-approve", {"content": OLD}).json()
    assert (answer["result"], answer["memory"]["id"]) == ("duplicate_of", str(known.pk))
    assert (fresh(waiting).status, fresh(waiting).content) == ("pending_review", NEW)


def test_new_words_that_clash_with_what_nobody_compared_wait_for_that(alice, api, agent):
    remember(agent, "The user lives in Lisbon.", source="user_provided", actor="operator:1")
    waiting = remember(agent, "The user may like jazz.", confidence=0.3)
    answer = api(alice, "POST", f"/memories/{waiting.pk}/edit-and-approve", {"content": "The user lives in Porto."})
    assert answer.json()["result"] == "pending_review"
    assert fresh(waiting).content == "The user lives in Porto."
    with scope(agent.org_id):
        assert waiting.outgoing.count() == 1


def test_both_are_kept(alice, api, pair):
    known, waiting = pair
    answer = api(alice, "POST", f"/memories/{waiting.pk}/keep-both")
    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    assert fresh(known).status == "active"
    assert api(alice, "POST", f"/memories/{waiting.pk}/keep-both").status_code == 409


def test_memories_are_merged_and_told_apart_again(alice, api, agent):
    keep, gone = remember(agent, OLD), remember(agent, NEW)
    merged = api(alice, "POST", f"/memories/{keep.pk}/merge", {"gone": str(gone.pk)})
    assert (merged.status_code, merged.json()["proof_count"]) == (200, 2)
    away = api(alice, "GET", f"/memories/{gone.pk}").json()
    assert (away["status"], away["merged_into_id"]) == ("merged", str(keep.pk))
    apart = api(alice, "POST", f"/memories/{gone.pk}/unmerge")
    assert (apart.status_code, apart.json()["status"], apart.json()["merged_into_id"]) == (200, "active", None)
    assert api(alice, "GET", f"/memories/{keep.pk}").json()["proof_count"] == 1
    assert api(alice, "POST", f"/memories/{gone.pk}/unmerge").status_code == 409


def test_a_strangers_memory_is_not_merged(alice, api, agent, foreign_agent):
    keep, theirs = remember(agent, OLD), remember(foreign_agent, NEW)
    answer = api(alice, "POST", f"/memories/{keep.pk}/merge", {"gone": str(theirs.pk)})
    assert answer.status_code == 400
    assert answer.json()["error"]["field_errors"][0]["field"] == "gone"
    assert [row.status for row in memories_of(foreign_agent)] == ["active"]
