"""Every page and button of the dashboard, with addresses, filters and forms that nobody would send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.choices import ProviderKind
from agents.models import Agent, Organization, ProviderConnection
from agents.services import tokens
from ibex.core.tenancy import scope
from tests.factories import Person, make_agent
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY, QUERY_TEXTS
from tests.memories.making import make_session, remember

NOT_PAGES = ("api/", "admin/")
LEFT_OUT = {"sign-out", "switch-organization", "providers/<uuid:provider_id>/test"}
"""They end the session that the test has, or ask another server."""

FIELDS = [
    "page", "sort", "search", "q", "status", "category", "source", "tag", "label", "agent_id", "agent", "end_user",
    "external_id", "created_after", "created_before", "active_after", "active_before", "is_pinned", "after", "turn",
    "against", "next", "slug", "name", "description", "content", "note", "version", "scopes", "expires_at", "expiry",
    "requests_per_minute", "memory_tokens", "idle_minutes", "kind", "base_url", "key", "model_patterns", "priority",
    "labels", "tags", "confidence", "valid_from", "valid_until", "ids", "id", "email", "password", "metadata", "mode",
    "injection_mode", "is_active", "learns", CANARY,
]  # fmt: skip
TEXTS = [*QUERY_TEXTS, "\ud800"]


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


PAGES = [
    route
    for route in dict.fromkeys(_patterns(get_resolver()))
    if not route.startswith(NOT_PAGES) and route not in LEFT_OUT
]


@pytest.fixture
def rows(org: Organization, agents_by_mode: dict[str, Agent]) -> dict[str, str]:
    """Ids of rows that are there, by their name in an address; the test may delete them."""
    agent = make_agent(org, "Spare")
    memory, session = remember(agent, f"Bea lives in {CANARY}."), make_session(agent)
    with scope(org.pk), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CREATIONS_PER_MINUTE", 10_000_000)
        provider = ProviderConnection.objects.create(org=org, name="Spare", kind=ProviderKind.SANDBOX)
        token, _ = tokens.create(org=org, name="spare", scopes=["memory:read"], actor="system")
    found = {"agent": agent, "memory": memory, "provider": provider, "token": token, "session": session}
    return {f"{name}_id": str(row.pk) for name, row in found.items()} | {"number": "1"}


def _address(draw: Any, route: str, rows: dict[str, str]) -> str:
    def filled(match: re.Match[str]) -> str:
        kind, _, name = match[1].rpartition(":")
        known = rows.get(name, "")
        odd = {"uuid": ["00000000-0000-0000-0000-000000000000", "x"], "int": ["0", "9" * 18, "9" * 30, "9" * 5_000]}
        return str(draw(st.sampled_from([known, known, *odd.get(kind, TEXTS)])))

    return "/" + quote(re.sub(r"<([^>]+)>", filled, route), safe="/", errors="replace")


pairs = st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(TEXTS) | st.text(max_size=12)), max_size=6)
HTMX = {"HX-Request": "true", "HX-Target": CANARY, "HX-Current-URL": f"http://x/{CANARY}"}


@pytest.mark.parametrize("route", PAGES)
@efforts(few=8, many=600)
def test_a_page_survives_any_address_and_form(
    owner: Person, rows: dict[str, str], route: str, effort: settings
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(owner.operator)

    @effort
    @given(st.data(), pairs, st.sampled_from(["GET", "POST", "HEAD", "PUT"]), st.booleans())
    def send(data: st.DataObject, fields: list[tuple[str, str]], method: str, is_partial: bool) -> None:
        path = _address(data.draw, route, rows)
        text = "&".join(f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in fields)
        headers = HTMX if is_partial else {}
        if method == "POST":
            form = "application/x-www-form-urlencoded"
            answer = client.generic(method, path, text, content_type=form, headers=headers)
        else:
            answer = client.generic(method, path, QUERY_STRING=text, headers=headers)
        assert answer.status_code < 500, (method, path[:200], text[:400])
        assert "evil.test" not in answer.headers.get("Location", "")

    send()
