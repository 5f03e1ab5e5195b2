"""The pages that cross apps."""

from __future__ import annotations

from django.urls import path

from ibex.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("feed", views.feed, name="feed"),
    path("sessions", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>", views.session, name="session"),
    path("sessions/<uuid:session_id>/complete", views.complete_session, name="complete_session"),
    path(
        "sessions/<uuid:session_id>/turns/<uuid:turn_id>/memories/<uuid:memory_id>/verdict", views.judge, name="judge"
    ),
]
