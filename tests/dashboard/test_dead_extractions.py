"""Sessions that were given up, as each organization sees them and sends them back: by page, by REST, by command."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import OrmQ, Task

from agents.models import Agent, AuditEvent, Session
from ibex.core import listing
from ibex.core.tenancy import scope
from ibex.dashboard.extractions import SHOWN
from memories.models import Extraction
from tests.dashboard.test_session_pages import text_of
from tests.factories import Person, make_agent, make_token
from tests.memories.making import make_session

ADDRESS = "/api/v1/jobs/extractions"


def failed(agent: Agent, *, given_up: bool = True) -> Session:
    """A session whose mining failed."""
    session = make_session(agent)
    now = timezone.now()
    state = {"given_up_at": now} if given_up else {"next_try_at": now + timedelta(minutes=1)}
    with scope(agent.org_id):
        Extraction.objects.create(
            org_id=agent.org_id, agent=agent, session=session, failures=4 if given_up else 1, error="PROVIDER_TIMEOUT",
            failed_at=now, **state,
        )  # fmt: skip
    return session


def is_dead(session: Session) -> bool:
    with scope(session.org_id):
        return Extraction.objects.filter(session=session, given_up_at__isnull=False).exists()


def tasks_of(session: Session) -> int:
    """Waiting or done: a worker of another test takes whatever is queued."""
    waiting = {row.task["id"] for row in OrmQ.objects.all() if str(session.pk) in row.task["args"]}
    return len(waiting.union(Task.objects.filter(group=str(session.pk)).values_list("id", flat=True)))


def audited(person: Person) -> list[tuple[str, object]]:
    with scope(person.organization.pk):
        events = AuditEvent.objects.filter(action__startswith="extraction.")
        return [(event.action, event.detail["sessions"]) for event in events]


class TestThePage:
    def test_it_shows_what_failed_to_its_organization(self, agent: Agent, victor: Person, charlie: Person) -> None:
        dead, waiting = failed(agent), failed(agent, given_up=False)
        text = text_of(victor.client.get("/jobs"))
        assert "Sessions not learned from" in text
        assert "PROVIDER_TIMEOUT" in text
        assert dead.external_id in text
        assert waiting.external_id in text
        assert "To be tried again" in text
        assert "Try again" not in text
        assert "Every session was learned from" in text_of(charlie.client.get("/jobs"))

    def test_an_admin_sends_one_back(self, agent: Agent, alice: Person) -> None:
        dead, other = failed(agent), failed(agent)
        assert "Try all 2 again" in text_of(alice.client.get("/jobs"))
        assert alice.client.post(f"/jobs/extractions/{dead.pk}/replay").status_code == 303
        assert (is_dead(dead), is_dead(other)) == (False, True)
        assert (tasks_of(dead), tasks_of(other)) == (1, 0)
        assert audited(alice) == [("extraction.replayed", 1)]
        assert alice.client.post(f"/jobs/extractions/{dead.pk}/replay").status_code == 303
        assert "not among those that were given up" in text_of(alice.client.get("/jobs"))
        assert tasks_of(dead) == 1

    def test_an_admin_sends_all_back_but_those_that_are_tried_by_themselves(self, agent: Agent, alice: Person) -> None:
        dead, waiting = failed(agent), failed(agent, given_up=False)
        assert alice.client.post("/jobs/extractions/replay").status_code == 303
        assert (tasks_of(dead), tasks_of(waiting)) == (1, 0)
        assert audited(alice) == [("extraction.replayed", 1)]

    def test_others_do_not(self, agent: Agent, bob: Person, charlie: Person) -> None:
        dead = failed(agent)
        for address in (f"/jobs/extractions/{dead.pk}/replay", "/jobs/extractions/replay"):
            assert bob.client.post(address).status_code == 403
            assert charlie.client.post(address).status_code == 303
            assert bob.client.get(address).status_code == 405
        assert is_dead(dead)


class TestTheList:
    def rows(self, person: Person, query: str = "") -> list[str]:
        """The sessions on the page, in its order."""
        shown = person.client.get(f"/jobs/extractions{query}").content.decode()
        return re.findall(r'row-link mono" href="/sessions/([0-9a-f-]+)"', shown)

    def test_it_shows_the_latest_first_and_sorts(self, agent: Agent, victor: Person) -> None:
        first, second = failed(agent), failed(agent, given_up=False)
        assert self.rows(victor) == [str(second.pk), str(first.pk)]
        assert self.rows(victor, "?sort=failed_at") == [str(first.pk), str(second.pk)]
        assert self.rows(victor, "?sort=-failures") == [str(first.pk), str(second.pk)]

    def test_it_filters_by_agent_error_and_state(self, agent: Agent, alice: Person) -> None:
        other = make_agent(alice.organization, "Other")
        dead, waiting, theirs = failed(agent), failed(agent, given_up=False), failed(other)
        with scope(agent.org_id):
            Extraction.objects.filter(session=waiting).update(error="MODEL_NOT_FOUND")
        assert self.rows(alice, f"?agent_id={other.pk}") == [str(theirs.pk)]
        assert self.rows(alice, "?error=MODEL_NOT_FOUND") == [str(waiting.pk)]
        assert self.rows(alice, "?state=tried") == [str(waiting.pk)]
        assert self.rows(alice, f"?state=given_up&agent_id={agent.pk}") == [str(dead.pk)]
        assert "No session matches" in text_of(alice.client.get("/jobs/extractions?error=NEVER_SEEN"))
        assert self.rows(alice, "?state=nonsense") == []

    def test_it_pages(self, agent: Agent, victor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listing, "PER_PAGE", 2)
        sessions = [str(failed(agent).pk) for _ in range(3)]
        assert self.rows(victor) + self.rows(victor, "?page=2") == sessions[::-1]

    def test_only_admins_find_buttons_and_nobody_others_sessions(
        self, agent: Agent, alice: Person, bob: Person, charlie: Person
    ) -> None:
        address = f"/jobs/extractions/{failed(agent).pk}/replay"
        assert "Try all 1 again" in text_of(alice.client.get("/jobs/extractions"))
        assert address in alice.client.get("/jobs/extractions").content.decode()
        assert address not in bob.client.get("/jobs/extractions").content.decode()
        assert "Every session was learned from" in text_of(charlie.client.get("/jobs/extractions"))

    def test_the_jobs_page_shows_some_and_leads_to_all(self, agent: Agent, victor: Person) -> None:
        sessions = [failed(agent) for _ in range(SHOWN + 1)]
        text = text_of(victor.client.get("/jobs"))
        assert "All sessions not learned from" in text
        assert sessions[0].external_id not in text
        assert sessions[-1].external_id in text


class TestRest:
    def test_it_filters_as_the_page_does(self, agent: Agent, alice: Person) -> None:
        dead, waiting = failed(agent), failed(agent, given_up=False)
        for query, shown in (("state=given_up", dead), ("state=tried", waiting)):
            items = alice.client.get(f"{ADDRESS}?{query}", headers=alice.bearer).json()["items"]
            assert [one["session_id"] for one in items] == [str(shown.pk)]
        refused = alice.client.get(f"{ADDRESS}?state=nonsense", headers=alice.bearer)
        assert (refused.status_code, refused.json()["error"]["field_errors"][0]["field"]) == (400, "state")

    def test_it_lists_what_failed_without_a_word_of_it(self, agent: Agent, alice: Person, charlie: Person) -> None:
        dead = failed(agent)
        [shown] = alice.client.get(ADDRESS, headers=alice.bearer).json()["items"]
        assert shown.pop("failed_at") is not None
        assert shown.pop("given_up_at") is not None
        assert shown == {
            "session_id": str(dead.pk), "agent_id": str(agent.pk), "error": "PROVIDER_TIMEOUT", "failures": 4,
            "next_try_at": None,
        }  # fmt: skip
        assert charlie.client.get(ADDRESS, headers=charlie.bearer).json()["items"] == []

    def test_pages_follow_each_other(self, agent: Agent, alice: Person) -> None:
        sessions = [str(failed(agent).pk) for _ in range(3)]
        first = alice.client.get(f"{ADDRESS}?limit=2", headers=alice.bearer).json()
        second = alice.client.get(f"{ADDRESS}?limit=2&cursor={first['next_cursor']}", headers=alice.bearer).json()
        shown = [one["session_id"] for one in first["items"] + second["items"]]
        assert shown == sessions[::-1]

    def test_it_sends_one_back_or_all(self, agent: Agent, alice: Person, charlie: Person) -> None:
        one, two, three = failed(agent), failed(agent), failed(agent)
        answer = alice.client.post(f"{ADDRESS}/{one.pk}/replay", headers=alice.bearer)
        assert (answer.status_code, answer.json()) == (202, {"sessions": 1})
        assert charlie.client.post(f"{ADDRESS}/{two.pk}/replay", headers=charlie.bearer).status_code == 404
        assert alice.client.post(f"{ADDRESS}/{one.pk}/replay", headers=alice.bearer).status_code == 404
        answer = alice.client.post(f"{ADDRESS}/replay", headers=alice.bearer)
        assert (answer.status_code, answer.json()) == (202, {"sessions": 2})
        assert [tasks_of(session) for session in (one, two, three)] == [1, 1, 1]
        assert charlie.client.post(f"{ADDRESS}/replay", headers=charlie.bearer).json() == {"sessions": 0}

    def test_scopes_are_asked_for(self, agent: Agent, alice: Person) -> None:
        dead = failed(agent)
        reader = {"Authorization": f"Bearer {make_token(alice.organization, scopes=['trace:read'])}"}
        nobody = {"Authorization": f"Bearer {make_token(alice.organization, scopes=['memory:read'])}"}
        assert alice.client.get(ADDRESS, headers=reader).status_code == 200
        assert alice.client.get(ADDRESS, headers=nobody).status_code == 403
        assert alice.client.post(f"{ADDRESS}/{dead.pk}/replay", headers=reader).status_code == 403

    def test_a_token_of_one_agent_sees_and_sends_back_its_own(self, agent: Agent, alice: Person) -> None:
        other = make_agent(alice.organization, "Other")
        mine, theirs = failed(agent), failed(other)
        token = make_token(alice.organization, scopes=["trace:read", "org:admin"], agent=agent)
        bearer = {"Authorization": f"Bearer {token}"}
        assert [UUID(one["session_id"]) for one in alice.client.get(ADDRESS, headers=bearer).json()["items"]] == [
            mine.pk
        ]
        assert alice.client.post(f"{ADDRESS}/{theirs.pk}/replay", headers=bearer).status_code == 404
        assert alice.client.post(f"{ADDRESS}/replay", headers=bearer).json() == {"sessions": 1}
        assert is_dead(theirs)


class TestTheCommand:
    def told(self, *arguments: str) -> str:
        call_command("extraction", *arguments, stdout=(out := StringIO()))
        return out.getvalue()

    def test_it_lists_and_sends_back(self, agent: Agent) -> None:
        dead, waiting = failed(agent), failed(agent, given_up=False)
        only = ("--organization", agent.org.slug)
        listed = self.told("list", *only)
        assert f"{dead.pk}  given up  4 failures  PROVIDER_TIMEOUT" in listed
        assert f"{waiting.pk}  to be tried again" in listed
        assert str(dead.pk) in self.told("list")
        assert "1 sessions" in self.told("replay", *only)
        assert (tasks_of(dead), tasks_of(waiting)) == (1, 0)

    def test_it_sends_one_back_and_says_when_there_is_none(self, agent: Agent) -> None:
        one, other = failed(agent), failed(agent)
        assert "1 sessions" in self.told("replay", "--session", str(one.pk))
        assert is_dead(other)
        with pytest.raises(CommandError, match="not among those"):
            self.told("replay", "--session", str(one.pk))
        with pytest.raises(CommandError, match="no organization"):
            self.told("list", "--organization", "nobody-at-all")

    def test_it_says_when_nothing_failed(self, agent: Agent) -> None:
        assert self.told("list", "--organization", agent.org.slug) == "Every session was learned from.\n"
