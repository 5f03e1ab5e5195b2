"""The pages about what the model is shown."""

from __future__ import annotations

from django.urls import path

from context.views import effect, wording

app_name = "context"
urlpatterns = [
    path("agents/<uuid:agent_id>/effect", effect.effect, name="effect"),
    path("settings/wording", wording.wording, name="wording"),
]
