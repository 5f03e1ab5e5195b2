"""An archived session looks as it did; where its words cannot be shown, and whether it is archived, is said."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Session
from ibex.core import storage
from ibex.core.errors import StorageUnavailable
from ibex.core.tenancy import scope
from tests.agents.archives.making import archive, archived, end, go_on, row_of, spoken
from tests.dashboard.test_session_pages import names, replayed, text_of
from tests.jobs import change, only_own, run_whole

__all__ = ["only_own"]
pytestmark = pytest.mark.usefixtures("only_own")


def away(*_: object) -> None:
    raise StorageUnavailable(cause="ConnectTimeoutError")


def bubbles(response) -> list[str]:
    return re.findall(r'bubble__text">(.*?)<', response.content.decode(), re.DOTALL)


def listed(who, query: str = "") -> list[str]:
    return names(who.client.get(f"/sessions{query}"))


@pytest.fixture
def expired(agent) -> Session:
    session = archived(agent)
    change(row_of(session), written_at=timezone.now() - timedelta(days=91))
    run_whole("forget_archives")
    return session


@pytest.fixture
def failing(agent, monkeypatch) -> Session:
    session = end(spoken(agent))
    with monkeypatch.context() as patched:
        patched.setattr(storage, "put", away)
        archive(session)
    return session


def test_it_is_replayed_from_its_archive_as_before(victor, agent):
    session = end(spoken(agent))
    before = bubbles(replayed(victor, session))
    archive(session)
    run_whole("strip_turns")
    after = replayed(victor, session)
    assert bubbles(after) == before
    assert len(before) == 4
    page = text_of(after)
    assert "Archived 2 turns" in page
    assert f"/sessions/{session.pk}/archive" in after.content.decode()


def test_rest_lists_its_turns_as_before_and_says_where_from(alice, agent):
    session = end(spoken(agent))
    url = f"/api/v1/sessions/{session.pk}/checkpoints"
    before = alice.client.get(url, headers=alice.bearer).json()["items"]
    archive(session)
    run_whole("strip_turns")
    after = alice.client.get(url, headers=alice.bearer).json()["items"]
    assert {turn.pop("content") for turn in before} == {"vault"}
    assert {turn.pop("content") for turn in after} == {"archive"}
    assert after == before


def test_where_the_storage_is_away_the_page_says_so_and_shows_the_rest(alice, agent, monkeypatch):
    session = archived(agent)
    monkeypatch.setattr(storage, "opened", away)
    response = replayed(alice, session)
    assert bubbles(response) == []
    assert text_of(response).count("which cannot be read now") == 2
    assert "Turn 2" in text_of(response)
    turns = alice.client.get(f"/api/v1/sessions/{session.pk}/checkpoints", headers=alice.bearer).json()["items"]
    assert [(turn["content"], turn["messages"], turn["assistant_text"]) for turn in turns] == [("away", [], "")] * 2


def test_what_is_gone_is_said_to_be(victor, expired):
    response = replayed(victor, expired)
    assert text_of(response).count("is not kept any more: the session") == 2
    assert "Archive removed" in text_of(response)
    assert f"/sessions/{expired.pk}/archive" not in response.content.decode()


def test_one_that_could_not_be_written_says_why_and_when_it_is_tried_again(victor, failing):
    page = text_of(replayed(victor, failing))
    assert "Not archived" in page
    assert "The storage of archives does not answer (ConnectTimeoutError)." in page
    assert "Tried 1 time" in page


def test_one_that_waits_for_its_mining_says_so(victor, agent):
    session = end(spoken(agent))
    with scope(agent.org_id):
        Session.objects.filter(pk=session.pk).update(last_extracted_turn=1)
    page = text_of(replayed(victor, session))
    assert "To be archived" in page
    assert "Waits until all of it was learned from" in page


def test_one_that_goes_on_says_what_is_archived_of_it(victor, agent):
    session = archived(agent)
    go_on(session, "And my cat?", "Tom.")
    response = replayed(victor, session)
    assert len(bubbles(response)) == 6
    assert "2 turns" in text_of(response)


def test_the_list_shows_and_filters_by_it(victor, agent, foreign_agent, expired, failing):
    going_on, waiting, there = spoken(agent), end(spoken(agent)), archived(agent)
    archived(foreign_agent)
    page = text_of(victor.client.get("/sessions"))
    for words in ("Archived", "To be archived", "Not archived", "Archive removed"):
        assert words in page
    for state, session in {
        "none": going_on, "waiting": waiting, "failed": failing, "archived": there, "expired": expired,
    }.items():  # fmt: skip
        assert listed(victor, f"?archive={state}") == [session.external_id]
    assert len(listed(victor)) == 5


def test_rest_filters_the_same_way_and_refuses_another_state(alice, agent):
    there = archived(agent)
    end(spoken(agent))
    found = alice.client.get("/api/v1/sessions?archive=archived", headers=alice.bearer).json()["items"]
    assert [(session["id"], session["archived_turn"]) for session in found] == [(str(there.pk), 2)]
    assert alice.client.get("/api/v1/sessions?archive=x", headers=alice.bearer).status_code == 400


def test_more_sessions_take_no_more_queries(victor, agent, query_count):
    archived(agent)
    one = query_count(victor, "/sessions")
    for _ in range(4):
        archived(agent)
    assert query_count(victor, "/sessions") == one
