"""Imports by the REST API: who may, what is refused, what is told."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.test import Client

from agents.choices import Scope
from ibex.core.tenancy import scope
from memories.api import imports as api_imports
from memories.models import ImportRun
from memories.transfer import intake
from memories.transfer.undo import run_undo
from memories.transfer.work import run_import
from tests.factories import make_agent, make_token
from tests.memories.making import memories_of
from tests.memories.transfer.bringing import chatgpt, imported, texts

CAT, LISBON = "The user's cat is called Gustavo.", "The user lives in Lisbon."


def send(token, file, **fields):
    """POST a form with a file."""
    headers = fields.pop("headers", {}) | {"Authorization": f"Bearer {token}"}
    upload = io.BytesIO(file.encode() if isinstance(file, str) else file)
    upload.name = fields.pop("name", "memories.ndjson")
    return Client().post("/api/v1/imports", {"kind": "memories", "file": upload} | fields, headers=headers)


@pytest.fixture
def worked(agent):
    """The id of an import of Acme that an answer tells of, read by a worker."""

    def read(answer):
        run_import(str(agent.org_id), answer.json()["id"])
        return answer.json()["id"]

    return read


def test_a_file_in_a_form_is_imported_and_tells_how_far_it_is(alice, agent, api, worked):
    answer = send(alice.token, texts(CAT) + "oops\n", agent_id=str(agent.pk), end_user="sam")
    assert answer.status_code == 202
    run = answer.json()
    assert (run["status"], run["format"], run["file_name"]) == ("queued", "ndjson", "memories.ndjson")
    assert (run["total"], run["done"]) == (None, 0)
    key = worked(answer)
    told = api(alice, "GET", f"/imports/{key}").json()
    assert (told["status"], told["total"], told["done"], told["counts"]) == (
        "succeeded",
        2,
        2,
        {"created": 1, "rejected": 1},
    )
    items = api(alice, "GET", f"/imports/{key}/items").json()["items"]
    assert [(item["line"], item["result"], item["field"]) for item in items] == [
        (1, "created", ""),
        (2, "rejected", "line"),
    ]
    [memory] = memories_of(agent)
    assert (items[0]["memory_id"], memory.end_user) == (str(memory.pk), "sam")
    rejected = api(alice, "GET", f"/imports/{key}/items?result=rejected").json()["items"]
    assert [item["line"] for item in rejected] == [2]
    assert api(alice, "GET", f"/imports/{key}/items?colour=red").status_code == 400
    assert [one["id"] for one in api(alice, "GET", "/imports").json()["items"]] == [key]


def test_text_in_json_is_imported_too(alice, agent, api, worked):
    body = {"kind": "memories", "agent_id": str(agent.pk), "content": f"content,category\n{CAT},factual\n"}
    answer = api(alice, "POST", "/imports", body)
    assert (answer.status_code, answer.json()["format"]) == (202, "csv")
    worked(answer)
    assert len(memories_of(agent)) == 1


def test_a_zipped_export_of_conversations_is_tried_started_and_undone(alice, agent, api, worked):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([chatgpt([("user", "My cat is called Gustavo.")])]))
        archive.writestr("chat.html", "<html>")
    answer = send(alice.token, data.getvalue(), kind="conversations", agent_id=str(agent.pk), dry_run="true")
    tried = worked(answer)
    assert api(alice, "GET", "/sessions").json()["items"] == []
    started = api(alice, "POST", f"/imports/{tried}/start")
    assert (started.status_code, started.json()["is_dry_run"]) == (202, False)
    assert api(alice, "POST", f"/imports/{tried}/start").status_code == 409
    key = worked(started)
    assert len(api(alice, "GET", "/sessions").json()["items"]) == 1
    assert api(alice, "POST", f"/imports/{key}/undo").status_code == 202
    run_undo(str(agent.org_id), key)
    assert api(alice, "GET", "/sessions").json()["items"] == []
    assert api(alice, "GET", f"/imports/{key}").json()["status"] == "undone"
    assert api(alice, "POST", f"/imports/{key}/undo").status_code == 409


def test_it_is_cancelled_and_goes_on(alice, agent, api):
    key = send(alice.token, texts(CAT), agent_id=str(agent.pk)).json()["id"]
    assert api(alice, "POST", f"/imports/{key}/cancel").json()["status"] == "cancelled"
    assert api(alice, "POST", f"/imports/{key}/cancel").status_code == 409
    assert api(alice, "POST", f"/imports/{key}/resume").json()["status"] == "queued"


@pytest.mark.parametrize(
    ("file", "fields", "field", "code"),
    [
        ("", {}, "file", "REQUIRED"),
        ("[1]", {}, "file", "INVALID_FORMAT"),
        ("content\nx\n", {"kind": "secrets"}, "kind", "INVALID_ENUM"),
        ("content\nx\n", {"end_user": "u" * 201}, "end_user", "TOO_LONG"),
        ("content\nx\n", {"agent_id": "nobody"}, "agent_id", "INVALID_FORMAT"),
        (b"content\n\xff\n", {}, "file", "INVALID_FORMAT"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_field(alice, agent, file, fields, field, code):
    answer = send(alice.token, file, **({"agent_id": str(agent.pk)} | fields))
    assert answer.status_code == 400
    [problem] = answer.json()["error"]["field_errors"]
    assert (problem["field"], problem["code"]) == (field, code)


def test_a_misspelt_dry_run_imports_nothing(alice, agent, api):
    body = {"kind": "memories", "agent_id": str(agent.pk), "content": '{"content": "x"}', "is_dry_run": True}
    answer = api(alice, "POST", "/imports", body)
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["error"]["field_errors"]] == ["is_dry_run"]
    assert api(alice, "GET", "/imports").json()["items"] == []


def test_without_a_file_or_an_agent_it_is_refused(alice, agent, api):
    no_file = api(alice, "POST", "/imports", {"kind": "memories", "agent_id": str(agent.pk)})
    assert (no_file.status_code, no_file.json()["error"]["field_errors"][0]["field"]) == (400, "file")
    no_agent = send(alice.token, texts(CAT))
    assert (no_agent.status_code, no_agent.json()["error"]["field_errors"][0]["field"]) == (400, "agent_id")


def test_a_file_that_is_too_large_is_413(alice, agent, monkeypatch):
    monkeypatch.setattr(intake, "FILE_MAX_BYTES", 100)
    streamed = send(alice.token, texts(CAT, CAT, CAT, CAT), agent_id=str(agent.pk))
    monkeypatch.setattr(api_imports, "FILE_MAX_BYTES", -(2**17))
    declared = send(alice.token, texts(CAT), agent_id=str(agent.pk))
    for answer in (streamed, declared):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BODY_TOO_LARGE")
        assert "128 MiB" in answer.json()["error"]["message"]


def test_a_body_of_another_type_is_415(alice):
    headers = {"Authorization": f"Bearer {alice.token}"}
    answer = Client().post("/api/v1/imports", "content\nx\n", content_type="text/csv", headers=headers)
    assert answer.status_code == 415


def test_a_form_that_is_cut_off_is_400(alice):
    headers = {"Authorization": f"Bearer {alice.token}"}
    for body, kind in ((b"--x\r\nnonsense", "multipart/form-data; boundary=x"), (b"", "multipart/form-data")):
        answer = Client().generic("POST", "/api/v1/imports", body, content_type=kind, headers=headers)
        assert answer.status_code == 400


def test_with_an_idempotency_key_a_file_is_imported_once(alice, agent):
    fields = {"agent_id": str(agent.pk), "headers": {"Idempotency-Key": "monday"}}
    first, again = (send(alice.token, texts(CAT), **dict(fields)) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert send(alice.token, texts(LISBON), **dict(fields)).status_code == 409
    with scope(agent.org_id):
        assert ImportRun.objects.count() == 1


def test_scopes_are_asked_for(acme, agent, api, worked):
    read = make_token(acme, scopes=[Scope.MEMORY_READ])
    write = make_token(acme, scopes=[Scope.MEMORY_READ, Scope.MEMORY_WRITE])
    assert send(read, texts(CAT), agent_id=str(agent.pk)).status_code == 403
    key = worked(send(write, texts(CAT), agent_id=str(agent.pk)))
    assert api(read, "GET", f"/imports/{key}").status_code == 200
    for verb in ("cancel", "resume", "start", "undo"):
        assert api(read, "POST", f"/imports/{key}/{verb}").status_code == 403
    assert api(write, "POST", f"/imports/{key}/undo").status_code == 403


def test_a_stranger_finds_nothing(charlie, foreign_agent, agent, api):
    key = str(imported(agent, texts(CAT)).pk)
    assert api(charlie, "GET", "/imports").json()["items"] == []
    assert api(charlie, "GET", f"/imports/{key}").status_code == 404
    assert api(charlie, "GET", f"/imports/{key}/items").status_code == 404
    for verb in ("cancel", "resume", "start", "undo"):
        assert api(charlie, "POST", f"/imports/{key}/{verb}").status_code == 404
    assert send(charlie.token, texts(CAT), agent_id=str(agent.pk)).status_code == 400
    assert len(memories_of(agent)) == 1


def test_a_token_of_one_agent_sees_and_fills_that_one_only(acme, agent, api):
    other = make_agent(acme, "Other")
    key = str(imported(other, texts(CAT)).pk)
    bound = make_token(acme, agent=agent)
    assert api(bound, "GET", f"/imports/{key}").status_code == 404
    assert send(bound, texts(CAT), agent_id=str(other.pk)).status_code == 400
    assert send(bound, texts(CAT)).json()["agent_id"] == str(agent.pk)
