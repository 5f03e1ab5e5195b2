"""Each page and each POST with the whole cast: who reads, who may change, who gets nothing."""

from __future__ import annotations

import pytest

from memories.models import Memory
from tests.memories.pages.conftest import fresh

READ = ["/memories", "/memories/{memory}"]
FORMS = ["/memories/new", "/memories/{memory}/edit", "/memories/delete?id={memory}"]
WRITES = [
    ("/memories/{memory}/edit", {"version": "1", "content": "Other.", "category": "factual", "confidence": "1"}),
    ("/memories/{memory}/tags", {"tags": "other"}),
    ("/memories/{memory}/delete", {}),
    ("/memories/{memory}/versions/1/restore", {}),
]


def at(path: str, memory: Memory) -> str:
    return path.format(memory=memory.pk)


@pytest.mark.parametrize("path", READ)
def test_every_member_reads(path, alice, bob, victor, coffee):
    for who in (alice, bob, victor):
        assert who.client.get(at(path, coffee)).status_code == 200


@pytest.mark.parametrize("path", FORMS)
def test_operators_and_above_open_the_forms(path, alice, bob, victor, coffee):
    assert [who.client.get(at(path, coffee)).status_code for who in (alice, bob, victor)] == [200, 200, 403]


@pytest.mark.parametrize(("path", "fields"), WRITES)
def test_a_viewer_changes_nothing(path, fields, victor, coffee):
    assert victor.client.post(at(path, coffee), fields).status_code == 403
    assert fresh(coffee).version == 1


@pytest.mark.parametrize(("path", "fields"), WRITES)
def test_an_operator_changes_it(path, fields, bob, coffee):
    assert bob.client.post(at(path, coffee), fields).status_code == 303
    assert fresh(coffee).version == 2


@pytest.mark.parametrize(("path", "fields"), WRITES)
def test_to_a_stranger_it_is_not_there(path, fields, charlie, coffee):
    assert charlie.client.post(at(path, coffee), fields).status_code == 404
    assert fresh(coffee).version == 1


def test_a_stranger_reads_nothing_of_it(charlie, coffee):
    assert charlie.client.get(at("/memories/{memory}", coffee)).status_code == 404
    assert charlie.client.get(at("/memories/{memory}/edit", coffee)).status_code == 404
    for path in ("/memories", at("/memories/delete?id={memory}", coffee)):
        assert "coffee" not in charlie.client.get(path).content.decode()


@pytest.mark.parametrize("path", [*READ, *FORMS])
def test_nobody_is_sent_to_sign_in(path, anonymous, coffee):
    answer = anonymous.get(at(path, coffee))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


def test_a_viewer_sees_no_button_that_writes(victor, coffee):
    page = victor.client.get(at("/memories/{memory}", coffee)).content.decode()
    for path in ("/edit", "/delete", "/tags", "/restore"):
        assert f"{coffee.pk}{path}" not in page
