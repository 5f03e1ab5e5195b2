from __future__ import annotations

import pytest

from tests.factories import make_agent
from tests.memories.making import remember
from tests.memories.pages.conftest import fresh

MERGE = "/memories/merge"


@pytest.fixture
def boats(agent):
    return [remember(agent, text) for text in ("The user has a boat.", "A dinghy is moored at the user's jetty.")]


def ids(memories):
    return [str(memory.pk) for memory in memories]


def test_the_ticked_ones_are_asked_about(bob, boats):
    page = bob.client.get(MERGE, {"id": ids(boats)}).content.decode()
    assert all(memory.content.replace("'", "&#x27;") in page for memory in boats)
    assert page.count('type="radio"') == 2
    assert "Too few are chosen" in bob.client.get(MERGE, {"id": ids(boats[:1])}).content.decode()


def test_one_speaks_for_all_and_each_can_be_taken_back(bob, boats):
    keep, gone = boats
    answer = bob.client.post(MERGE, {"id": ids(boats), "keep": str(keep.pk)})
    assert (answer.status_code, answer["Location"]) == (303, f"/memories/{keep.pk}")
    assert (fresh(keep).proof_count, fresh(gone).status) == (2, "merged")
    page = bob.client.get(f"/memories/{gone.pk}").content.decode()
    assert f"/memories/{gone.pk}/unmerge" in page
    assert "What replaced it" in page
    assert bob.client.post(f"/memories/{gone.pk}/unmerge").status_code == 303
    assert (fresh(keep).proof_count, fresh(gone).status) == (1, "active")
    assert f"/memories/{gone.pk}/unmerge" not in bob.client.get(f"/memories/{gone.pk}").content.decode()


def test_without_one_to_keep_nothing_is_merged(bob, boats, agent):
    for keep in ("", "nonsense", str(agent.pk)):
        answer = bob.client.post(MERGE, {"id": ids(boats), "keep": keep}, follow=True)
        assert "Nothing was merged" in answer.content.decode()
    assert [fresh(memory).status for memory in boats] == ["active", "active"]


def test_what_cannot_be_one_stays_apart_altogether(bob, acme, boats):
    other = remember(make_agent(acme, "Other"), "The user has a boat.")
    answer = bob.client.post(MERGE, {"id": ids([*boats, other]), "keep": str(boats[0].pk)}, follow=True)
    assert "never merged" in answer.content.decode()
    assert [fresh(memory).status for memory in (*boats, other)] == ["active"] * 3


def test_viewers_and_strangers_merge_nothing(victor, charlie, boats):
    body = {"id": ids(boats), "keep": str(boats[0].pk)}
    assert victor.client.get(MERGE).status_code == 403
    assert victor.client.post(MERGE, body).status_code == 403
    assert victor.client.post(f"/memories/{boats[0].pk}/unmerge").status_code == 403
    assert "Too few are chosen" in charlie.client.post(MERGE, body).content.decode()
    assert charlie.client.post(f"/memories/{boats[0].pk}/unmerge").status_code == 404
    assert [fresh(memory).status for memory in boats] == ["active", "active"]
