"""The addresses that Channels serves; every other one is Django's."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from proxy.consumers import ChatCompletions, MessagesCalls, ResponsesCalls
from proxy.embeddings import Embeddings
from proxy.feedback_calls import FeedbackCalls
from proxy.health import Health, Metrics, Ready
from proxy.memory_calls import MemorySearch, NewMemory, OneMemory
from proxy.models_list import Models, OneModel, Unknown
from proxy.preview_calls import ContextPreview
from proxy.session_calls import OneSession, SessionEnd


def http_router(django: Any) -> URLRouter:
    """The proxy first, then `django` for pages, REST and admin."""
    return URLRouter(
        [
            path("v1/chat/completions", ChatCompletions.as_asgi()),
            path("v1/responses", ResponsesCalls.as_asgi()),
            path("v1/messages", MessagesCalls.as_asgi()),
            path("v1/embeddings", Embeddings.as_asgi()),
            re_path(r"^v1/sessions/(?P<session>.+)/complete$", SessionEnd.as_asgi()),
            re_path(r"^v1/sessions/(?P<session>.+)$", OneSession.as_asgi()),
            path("v1/feedback", FeedbackCalls.as_asgi()),
            path("v1/context/preview", ContextPreview.as_asgi()),
            path("v1/memories", NewMemory.as_asgi()),
            path("v1/memories/search", MemorySearch.as_asgi()),
            path("v1/memories/<str:memory>", OneMemory.as_asgi()),
            path("v1/models", Models.as_asgi()),
            path("v1/models/<path:model>", OneModel.as_asgi()),
            path("health", Health.as_asgi()),
            path("ready", Ready.as_asgi()),
            path("metrics", Metrics.as_asgi()),
            re_path(r"^v1(/|$)", Unknown.as_asgi()),
            re_path(r"", django),
        ]
    )
