from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.factories import Person

Call = Callable[..., Any]


def _request(client: Client, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    options: dict[str, Any] = {"headers": headers}
    if body is not None:
        options |= {"data": body, "content_type": "application/json"}
    return getattr(client, method.lower())(f"/api/v1{path}", **options)


@pytest.fixture
def by_token() -> Call:
    """Call the API with a person's token, or with a secret: `by_token(alice, "GET", "/agents")`."""

    def call(who: Person | str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        secret = who if isinstance(who, str) else who.token
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _request(Client(), method, path, body, {"Authorization": f"Bearer {secret}", **named})

    return call


@pytest.fixture
def by_session() -> Call:
    """Call the API as the pages do: with a person's cookie and role."""

    def call(who: Person, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return _request(who.client, method, path, body, headers)

    return call
