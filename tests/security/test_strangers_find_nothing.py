"""Another tenant's token and operator, on everything that has an id or tells of what an organization has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from ibex.core.tenancy import scope
from memories.models import Extraction, ImportItem, Memory, RecallCheck
from tests.dashboard.conftest import make_trace
from tests.factories import Person
from tests.memories.making import make_session, remember
from tests.memories.transfer.bringing import bring, texts

SECRET = "swordfish"


@pytest.fixture
def owned(agent: Agent) -> dict[str, str]:
    """One of everything of Acme's; each tells the secret where it tells anything."""
    memory = remember(agent, f"The reactor's access word is {SECRET}.")
    other = remember(agent, f"The boathouse opens with the word {SECRET}.")
    waiting = remember(agent, f"The cellar may open with {SECRET}.", confidence=0.2)
    session = make_session(agent)
    trace = make_trace(agent)
    run = bring(agent, texts(f"The safe opens with {SECRET}."))
    with scope(agent.org_id):
        ImportItem.objects.create(org_id=agent.org_id, run=run, line=1, result="rejected", reason=SECRET)
        Extraction.objects.create(org_id=agent.org_id, agent=agent, session=session, failures=4, error=SECRET)
        RecallCheck.objects.create(
            org_id=agent.org_id, agent=agent, kind="memory", rows=1, questions=1, recall=1, fewest=1,
            approximate_ms=1, exact_ms=1,
        )  # fmt: skip
    return {
        "memory": str(memory.pk),
        "other": str(other.pk),
        "waiting": str(waiting.pk),
        "session": str(session.pk),
        "run": str(run.pk),
        "trace": str(trace.pk),
        "request": trace.request_id,
    }


REST = [
    ("GET", "/memories/{memory}", None),
    ("GET", "/memories/{memory}/provenance", None),
    ("GET", "/memories/{memory}/lineage", None),
    ("GET", "/memories/{memory}/uses", None),
    ("POST", "/memories/{waiting}/approve", {}),
    ("POST", "/memories/{waiting}/edit-and-approve", {"content": "Mine."}),
    ("POST", "/memories/{waiting}/keep-both", {}),
    ("POST", "/memories/{memory}/merge", {"gone": "{other}"}),
    ("POST", "/memories/{memory}/unmerge", {}),
    ("GET", "/imports/{run}", None),
    ("GET", "/imports/{run}/items", None),
    ("POST", "/imports/{run}/start", {}),
    ("POST", "/imports/{run}/cancel", {}),
    ("POST", "/imports/{run}/resume", {}),
    ("POST", "/imports/{run}/undo", {}),
    ("POST", "/jobs/extractions/{session}/replay", {}),
]
WITHOUT_CONTENT = [
    ("GET", "/traces/{trace}", None),
    ("GET", "/traces/{trace}/injections", None),
    ("GET", "/traces/{request}/injections", None),
]
LISTS = ["/memories", "/traces", "/imports", "/jobs", "/jobs/extractions"]
PAGES = ["/memories/{memory}", "/memories/{memory}/uses", "/review/{waiting}", "/imports/{run}", "/sessions/{session}"]
OVERVIEWS = [
    "/memories",
    "/review",
    "/memories/recall",
    "/imports",
    "/jobs",
    "/settings/privacy",
    "/settings/wording",
    "/settings/retention",
]
POSTS = [
    "/review/{waiting}/approve", "/review/{waiting}/reject", "/review/{waiting}/edit", "/review/{waiting}/keep-both",
    "/memories/{memory}/unmerge", "/imports/{run}/start", "/imports/{run}/cancel", "/imports/{run}/undo",
    "/jobs/extractions/{session}/replay",
]  # fmt: skip


def filled(value: Any, owned: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, key in owned.items():
        text = text.replace(f"{{{name}}}", key)
    return json.loads(text)


def rest(person: Person, method: str, path: str, body: Any = None) -> Any:
    extra = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    headers = {"authorization": f"Bearer {person.token}"}
    return Client().generic(method, f"/api/v1{path}", headers=headers, **extra)


@pytest.mark.parametrize(("method", "path", "body"), REST + WITHOUT_CONTENT)
def test_a_strangers_token_is_told_that_there_is_no_such_thing(method, path, body, charlie, owned):
    answer = rest(charlie, method, filled(path, owned), filled(body, owned) if body is not None else None)
    assert answer.status_code == 404
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_lists_do_not_have_it(path, charlie, owned):
    answer = rest(charlie, "GET", path)
    assert answer.status_code == 200
    assert not [key for key in (SECRET, *owned.values()) if key in answer.content.decode()]


@pytest.mark.parametrize("path", PAGES)
def test_a_strangers_browser_is_told_that_there_is_no_such_page(path, charlie, owned):
    answer = charlie.client.get(filled(path, owned))
    assert answer.status_code == 404
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("path", OVERVIEWS)
def test_a_strangers_pages_do_not_have_it(path, charlie, owned):
    answer = charlie.client.get(path)
    assert answer.status_code == 200
    assert not [key for key in (SECRET, *owned.values()) if key in answer.content.decode()]


@pytest.mark.parametrize("path", POSTS)
def test_a_stranger_decides_nothing(path, charlie, owned, agent):
    with scope(agent.org_id):
        before = list(Memory.objects.order_by("pk").values_list("pk", "status", "version"))
    answer = charlie.client.post(filled(path, owned), {"content": "Mine.", "category": "factual"}, follow=True)
    assert SECRET not in answer.content.decode()
    with scope(agent.org_id):
        assert list(Memory.objects.order_by("pk").values_list("pk", "status", "version")) == before
        assert Extraction.objects.get().failures == 4
        assert ImportItem.objects.get().undone == ""


def test_whoever_owns_it_finds_it_at_the_same_addresses(alice, owned):
    told = [rest(alice, method, filled(path, owned)) for method, path, _ in REST if method == "GET"]
    told += [alice.client.get(filled(path, owned)) for path in PAGES]
    counted = [rest(alice, method, filled(path, owned)) for method, path, _ in WITHOUT_CONTENT]
    assert {answer.status_code for answer in told + counted} == {200}
    assert sum(SECRET in answer.content.decode() for answer in told) > len(told) / 2
