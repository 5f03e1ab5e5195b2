"""The pages of imports, with the whole cast."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from memories.models.imports import ImportRun
from memories.transfer import intake
from memories.transfer.undo import run_undo
from memories.transfer.work import run_import
from tests.memories.making import memories_of
from tests.memories.transfer.bringing import bring, fresh, imported, items_of, texts

CAT = "The user's cat is called Gustavo."
VERBS = ["start", "cancel", "resume", "undo"]


@pytest.fixture
def done(agent) -> ImportRun:
    """An import of Acme that has ended."""
    return imported(agent, texts(CAT) + "oops\n", file_name="mine.ndjson")


def upload(who, agent, file, **fields):
    sent = SimpleUploadedFile("mine.ndjson", file.encode())
    return who.client.post("/imports/new", {"file": sent, "kind": "memories", "agent": str(agent.pk)} | fields)


def test_every_member_sees_imports_and_what_came_of_them(alice, bob, victor, done):
    for who in (alice, bob, victor):
        assert "mine.ndjson" in who.client.get("/imports").content.decode()
        page = who.client.get(f"/imports/{done.pk}").content.decode()
        assert "2 of 2 records" in page
        assert "It is not JSON" in page
        assert CAT not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=memories", True),
        ("kind=conversations", False),
        ("status=succeeded&agent_id={agent}", True),
        ("status=failed", False),
        ("status=nonsense", False),
        ("agent_id=nonsense", False),
    ],
)
def test_imports_are_filtered_by_agent_kind_and_status(victor, done, query, found):
    page = victor.client.get(f"/imports?{query.format(agent=done.agent_id)}")
    assert page.status_code == 200
    assert ("mine.ndjson" in page.content.decode()) == found
    assert ("No import is like that" in page.content.decode()) != found


def test_a_viewer_may_look_only(victor, agent, done):
    assert "/undo" not in victor.client.get(f"/imports/{done.pk}").content.decode()
    assert "/imports/new" not in victor.client.get("/imports").content.decode()
    assert victor.client.get("/imports/new").status_code == 403
    assert upload(victor, agent, texts(CAT)).status_code == 403
    for verb in VERBS:
        assert victor.client.post(f"/imports/{done.pk}/{verb}").status_code == 403
    assert fresh(done).status == "succeeded"


def test_to_a_stranger_it_is_not_there(charlie, agent, done):
    assert "mine.ndjson" not in charlie.client.get("/imports").content.decode()
    assert charlie.client.get(f"/imports/{done.pk}").status_code == 404
    for verb in VERBS:
        assert charlie.client.post(f"/imports/{done.pk}/{verb}").status_code == 404
    assert upload(charlie, agent, texts(CAT)).status_code == 422
    assert len(memories_of(agent)) == 1


@pytest.mark.parametrize("path", ["/imports", "/imports/new", "/imports/{run}"])
def test_nobody_is_sent_to_sign_in(anonymous, done, path):
    assert anonymous.get(path.format(run=done.pk)).status_code == 302


def test_an_operator_tries_a_file_imports_it_and_takes_it_back(bob, agent):
    tried = upload(bob, agent, texts(CAT), is_dry_run="on")
    assert tried.status_code == 303
    key = tried["Location"].rpartition("/")[2]
    waiting = bob.client.get(f"/imports/{key}").content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    run_import(str(agent.org_id), key)
    assert memories_of(agent) == []
    assert f"/imports/{key}/start" in bob.client.get(f"/imports/{key}").content.decode()
    started = bob.client.post(f"/imports/{key}/start")
    key = started["Location"].rpartition("/")[2]
    run_import(str(agent.org_id), key)
    page = bob.client.get(f"/imports/{key}").content.decode()
    assert 'hx-trigger="every 2s"' not in page
    assert f"/memories/{memories_of(agent)[0].pk}" in page
    assert bob.client.post(f"/imports/{key}/undo").status_code == 303
    run_undo(str(agent.org_id), key)
    page = bob.client.get(f"/imports/{key}").content.decode()
    assert "Undone" in page
    assert "Taken back" in page


def test_a_file_that_cannot_be_read_is_told_at_its_field(bob, agent, monkeypatch):
    for file, said in (("", "The file is empty."), ("colour\nred\n", "content"), ("content\nx\n\n\n", "over 2 lines")):
        monkeypatch.setattr(intake, "LINES_MAX", 2)
        answer = upload(bob, agent, file)
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert bob.client.post("/imports/new", {"kind": "memories", "agent": str(agent.pk)}).status_code == 422


def test_it_is_cancelled_and_goes_on(bob, agent):
    run = bring(agent, texts(CAT))
    assert bob.client.post(f"/imports/{run.pk}/cancel").status_code == 303
    assert fresh(run).status == "cancelled"
    assert f"/imports/{run.pk}/resume" in bob.client.get(f"/imports/{run.pk}").content.decode()
    bob.client.post(f"/imports/{run.pk}/resume")
    assert fresh(run).status == "queued"
    refused = bob.client.post(f"/imports/{run.pk}/undo", follow=True).content.decode()
    assert "can be undone" in refused


def test_records_are_filtered_by_what_came_of_them(bob, done):
    page = bob.client.get(f"/imports/{done.pk}?result=rejected").content.decode()
    assert "It is not JSON" in page
    assert "Memory</a>" not in page
    assert "No record came to that" in bob.client.get(f"/imports/{done.pk}?result=quarantined").content.decode()
    assert bob.client.get(f"/imports/{done.pk}?result=colour&page=9&sort=-line").status_code == 200


def test_what_an_undoing_has_left_is_listed(bob, agent, done):
    [memory] = memories_of(agent)
    bob.client.post(f"/memories/{memory.pk}/tags", {"tags": "cats"})
    bob.client.post(f"/imports/{done.pk}/undo")
    run_undo(str(agent.org_id), str(done.pk))
    assert "?left=true" in bob.client.get(f"/imports/{done.pk}").content.decode()
    left = bob.client.get(f"/imports/{done.pk}?left=true").content.decode()
    assert "left: changed since by a person or a program" in left
    assert "It is not JSON" not in left
    items = bob.client.get(f"/api/v1/imports/{done.pk}/items?left=true").json()["items"]
    assert [item["memory_id"] for item in items] == [str(memory.pk)]


def test_a_session_that_came_is_led_to(bob, agent):
    run = imported(agent, '{"at": "2026-01-01", "user": "I live in Porto."}', "conversations")
    page = bob.client.get(f"/imports/{run.pk}").content.decode()
    assert f"/sessions/{items_of(run)[0].session_id}" in page


def test_without_imports_the_page_says_what_to_do(bob, victor):
    assert "Import a file" in bob.client.get("/imports").content.decode()
    assert "Nothing was imported yet" in victor.client.get("/imports").content.decode()


def test_queries_of_the_page_do_not_grow_with_records(bob, agent, query_count):
    small = imported(agent, texts(CAT))
    large = imported(agent, texts(*(f"The user owns boat number {number}." for number in range(30))))
    assert query_count(bob, f"/imports/{small.pk}") == query_count(bob, f"/imports/{large.pk}")
