"""What IBEX does by itself, as operators see and steer it; what failed, as each organization may."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ, Task

from agents.models import AuditEvent
from ibex.core import job_runs, schedules
from ibex.core.jobs import all_jobs
from ibex.core.models import JobRun
from ibex.core.redis import redis
from ibex.core.tenancy import scope
from ibex.dashboard.job_tables import in_words
from proxy.dead_letters import dead_letters_key
from tests.dashboard.test_session_pages import text_of
from tests.factories import make_token
from tests.jobs import make_job

__all__ = ["make_job"]


@pytest.fixture(autouse=True)
def name(make_job) -> str:
    """A job that is scheduled, and does nothing."""
    made = make_job(lambda _place: iter(()))
    schedules.ensure()
    return made


@pytest.fixture
def root(alice):
    """Alice, who administers the installation as well."""
    alice.operator.is_superuser = True
    alice.operator.save()
    return alice


@pytest.fixture
def last_run(name):
    """The latest run of a job: so long ago that it is silent, unless it has ended."""

    def make(**columns) -> JobRun:
        run = JobRun.objects.create(job=name, **columns)
        JobRun.objects.filter(pk=run.pk).update(
            started_at=Now() - timedelta(hours=1), seen_at=Now() - timedelta(minutes=59)
        )
        return run

    return make


def failed(organization, *, attempts=4, function="memories.tasks.extract_session") -> Task:
    now = timezone.now()
    return Task.objects.create(
        id=secrets.token_hex(16),
        name="t",
        func=function,
        args=(str(organization.pk), "0198"),
        group="0198",
        started=now,
        stopped=now,
        success=False,
        attempt_count=attempts,
        result='my secret words : Traceback\n  File "x"\nmemories.tasks.ExtractionFailed: my secret words\n',
    )


def shown(who, path="/jobs") -> str:
    response = who.client.get(path)
    assert response.status_code == 200
    return text_of(response)


def audited(organization) -> list[str]:
    with scope(organization.pk):
        return list(AuditEvent.objects.filter(action__regex="^(job|task|turns)[.]").values_list("action", flat=True))


def test_every_job_is_listed_to_every_member(victor):
    text = shown(victor)
    for job in all_jobs().values():
        assert job.title in text
    assert "Run now" not in text


def test_strangers_to_every_organization_see_nothing(anonymous, name):
    assert anonymous.get("/jobs").status_code == 302
    assert anonymous.post(f"/jobs/{name}/run").status_code == 302


def test_a_run_that_died_half_way_is_shown_as_dead(victor, last_run, name):
    last_run(counts={"runs_forgotten": 3})
    assert "Dead" in shown(victor)
    assert "Dead" in shown(victor, f"/jobs/{name}")


def test_runs_are_filtered_by_how_they_ended(victor, last_run, name):
    last_run(finished_at=timezone.now(), outcome="failed", error="OSError")
    last_run(finished_at=timezone.now(), outcome="succeeded")

    def outcomes(query: str) -> list[str]:
        response = victor.client.get(f"/jobs/{name}?{query}")
        return sorted(row.record.outcome for row in response.context["table"].paginated_rows)

    assert outcomes("") == ["failed", "succeeded"]
    assert outcomes("outcome=failed") == ["failed"]
    assert outcomes("outcome=nonsense") == []
    assert "No run ended like that" in shown(victor, f"/jobs/{name}?outcome=partial")


def test_what_all_organizations_together_did_is_for_the_installations_operators(alice, root, bob, last_run, name):
    last_run(counts={"runs_forgotten": 1234}, finished_at=timezone.now(), outcome="succeeded", error="OSError")
    for path in ("/jobs", f"/jobs/{name}"):
        assert "1,234 runs forgotten" in shown(root, path)
        assert "1,234" not in shown(bob, path)
        assert "OSError" in shown(bob, path)


def test_the_installations_operator_runs_and_switches_jobs(root, name):
    assert root.client.post(f"/jobs/{name}/run").status_code == 303
    waiting = {row.task["id"] for row in OrmQ.objects.all() if row.task.get("group") == name}
    assert len(waiting | set(Task.objects.filter(group=name).values_list("id", flat=True))) == 1
    assert "Off" not in shown(root)
    root.client.post(f"/jobs/{name}/switch", {"on": "false"})
    assert "Off" in shown(root)
    assert not schedules.scheduled()[name].is_enabled
    root.client.post(f"/jobs/{name}/switch", {"on": "true"})
    assert schedules.scheduled()[name].is_enabled
    assert sorted(audited(root.organization)) == ["job.run", "job.switched_off", "job.switched_on"]


@pytest.mark.parametrize("role", ["alice", "bob", "victor"])
def test_members_even_owners_do_not_steer_what_belongs_to_the_installation(role, request, name):
    who = request.getfixturevalue(role)
    assert who.client.post(f"/jobs/{name}/run").status_code == 403
    assert who.client.post(f"/jobs/{name}/switch", {"on": "false"}).status_code == 403
    assert schedules.scheduled()[name].is_enabled
    assert audited(who.organization) == []


def test_what_is_no_job_is_not_found(root, name):
    assert root.client.get("/jobs/none").status_code == 404
    assert root.client.post("/jobs/none/run").status_code == 404
    assert root.client.post(f"/jobs/{name}/switch", {"on": "perhaps"}).status_code == 404
    assert root.client.get(f"/jobs/{name}/run").status_code == 405


def test_failed_tasks_are_shown_to_their_organization_by_type_only(alice, charlie):
    failed(alice.organization)
    mine, theirs = shown(alice), shown(charlie)
    assert "ExtractionFailed" in mine
    assert "Given up" in mine
    assert "secret words" not in mine
    assert "ExtractionFailed" not in theirs
    assert "Nothing failed" in theirs


def test_what_was_given_up_is_tried_again(alice, bob, charlie):
    task = failed(alice.organization)
    for other in (bob, charlie):
        other.client.post(f"/jobs/failed/{task.pk}/retry")
    assert Task.objects.filter(pk=task.pk).exists()
    assert alice.client.post(f"/jobs/failed/{task.pk}/retry").status_code == 303
    assert not Task.objects.filter(pk=task.pk).exists()
    queued = [row.task for row in OrmQ.objects.all() if row.task["args"] == (str(alice.organization.pk), "0198")]
    assert [(each["func"], each["group"]) for each in queued] == [("memories.tasks.extract_session", "0198")]
    alice.client.post(f"/jobs/failed/{task.pk}/retry")
    assert audited(alice.organization) == ["task.retried"]


def test_what_the_queue_tries_again_by_itself_is_left_to_it(alice):
    task = failed(alice.organization, attempts=1)
    assert "To be tried again" in shown(alice)
    alice.client.post(f"/jobs/failed/{task.pk}/retry")
    assert Task.objects.filter(pk=task.pk).exists()


def test_turns_that_could_not_be_written_are_counted_and_sent_back(alice, charlie, monkeypatch):
    monkeypatch.setattr("ibex.dashboard.job_pages.STREAM", stream := f"ibex:test-{secrets.token_hex(4)}")
    for who in (alice, charlie):
        redis().xadd(dead_letters_key(who.organization.pk), {"entry": b"{}", "why": "ValueError"})
    assert "Send back" in shown(alice)
    assert alice.client.post("/jobs/dead-turns/replay").status_code == 303
    assert redis().xlen(stream) == 1
    assert redis().xlen(dead_letters_key(alice.organization.pk)) == 0
    assert redis().xlen(dead_letters_key(charlie.organization.pk)) == 1
    redis().delete(stream)


def test_the_number_of_queries_does_not_depend_on_the_number_of_runs(victor, query_count, last_run, name):
    last_run(finished_at=timezone.now(), outcome="succeeded")
    few = query_count(victor, "/jobs")
    for _ in range(5):
        job_runs.run_job(name)
    assert query_count(victor, "/jobs") == few


def test_the_api_says_the_same(alice, bob, charlie, last_run, name):
    last_run(counts={"runs_forgotten": 1}, finished_at=timezone.now(), outcome="succeeded")
    task = failed(alice.organization)
    seen = alice.client.get("/api/v1/jobs", headers=alice.bearer).json()
    [line] = [job for job in seen["jobs"] if job["name"] == name]
    assert (line["every_seconds"], line["last"]["outcome"]) == (60, "succeeded")
    assert "counts" not in line["last"]
    assert line["next_run"]
    assert set(seen["queue"]) == {"waiting", "taken", "oldest"}
    assert [(each["id"], each["error"]) for each in seen["failed_tasks"]] == [(task.pk, "ExtractionFailed")]
    assert seen["dead_turns"] == 0
    assert charlie.client.get("/api/v1/jobs", headers=charlie.bearer).json()["failed_tasks"] == []
    path = f"/api/v1/jobs/failed/{task.pk}/retry"
    assert charlie.client.post(path, headers=charlie.bearer).status_code == 404
    assert alice.client.post(path, headers=alice.bearer).status_code == 202
    assert alice.client.post(path, headers=alice.bearer).status_code == 404
    assert alice.client.post("/api/v1/jobs/dead-turns/replay", headers=alice.bearer).json() == {"turns": 0}


def test_the_api_asks_for_scopes_and_for_the_whole_organization(acme, agent, anonymous):
    def status(token: str, method: str = "get", path: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return getattr(anonymous, method)(f"/api/v1/jobs{path}", headers=headers).status_code

    reader, nobody = make_token(acme, scopes=["trace:read"]), make_token(acme, scopes=["memory:read"])
    bound = make_token(acme, agent=agent)
    assert [status(token) for token in (reader, nobody, bound)] == [200, 403, 403]
    assert status(reader, "post", "/dead-turns/replay") == 403


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"desks_compared": 1, "desks_mended": 2}, "1 desk compared, 2 desks mended"),
        ({"memories": 1, "searches_measured": 1, "indexes": 1}, "1 memory, 1 search measured, 1 index"),
        ({"turns": 1_000}, "1,000 turns"),
        ({}, ""),
    ],
)
def test_counts_are_told_in_words(counts: dict[str, int], told: str) -> None:
    assert in_words(counts) == told
