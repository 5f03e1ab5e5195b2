"""The pages that cross apps."""

from __future__ import annotations

from django.urls import path

from ibex.dashboard import archive_pages, extraction_pages, job_pages, views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("feed", views.feed, name="feed"),
    path("sessions", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>", views.session, name="session"),
    path("sessions/<uuid:session_id>/archive", archive_pages.download, name="archive"),
    path("sessions/<uuid:session_id>/complete", views.complete_session, name="complete_session"),
    path(
        "sessions/<uuid:session_id>/turns/<uuid:turn_id>/memories/<uuid:memory_id>/verdict", views.judge, name="judge"
    ),
    path("sessions/<uuid:session_id>/turns/<uuid:turn_id>/verdict", views.judge_answer, name="judge_answer"),
    path("jobs", job_pages.jobs, name="jobs"),
    path("jobs/dead-turns/replay", job_pages.replay, name="replay_dead_turns"),
    path("jobs/extractions", extraction_pages.extractions, name="extractions"),
    path("jobs/extractions/replay", extraction_pages.replay_all, name="replay_extractions"),
    path("jobs/extractions/<uuid:session_id>/replay", extraction_pages.replay, name="replay_extraction"),
    path("jobs/failed/<slug:task_id>/retry", job_pages.retry, name="retry_task"),
    path("jobs/<slug:name>", job_pages.job, name="job"),
    path("jobs/<slug:name>/run", job_pages.run, name="run_job"),
    path("jobs/<slug:name>/switch", job_pages.switch, name="switch_job"),
]
