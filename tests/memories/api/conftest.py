from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.factories import Person


@pytest.fixture
def api() -> Callable[..., Any]:
    """`api(alice, "GET", "/memories")`; a string is a token's secret."""

    def call(who: Person | str | None, method: str, path: str, body: Any = None, **headers: str) -> Any:
        secret = who if isinstance(who, str) or who is None else who.token
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret}"} | named if secret else named}
        if body is not None:
            options |= {"data": body, "content_type": "application/json"}
        return getattr(Client(), method.lower())(f"/api/v1{path}", **options)

    return call
