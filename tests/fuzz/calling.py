"""Calls of the application in this process, as a server would make them, and what every answer must be like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ibex.asgi import application
from ibex.core.errors import FieldCode
from ibex.core.ids import parse_uuid
from tests.fuzz.hostile import CANARY

Headers = Sequence[tuple[bytes, bytes]]
JSON_TYPE = (b"content-type", b"application/json")
FIELDS = {"code", "message", "type", "request_id", "field_errors"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> dict[str, Any]:
        """The error of the envelope, also in the shape that Anthropic's callers read."""
        error = json.loads(self.body)["error"]
        assert isinstance(error, dict)
        return error

    def assert_sound(self, sent: str = CANARY) -> None:
        """No answer is a 5xx; a refusal is the whole envelope, and says nothing of what was sent."""
        assert self.status < 500, (self.status, self.body[:500])
        if self.status < 400:
            return
        assert sent.encode() not in self.body
        assert sent not in str(self.headers)
        error = self.error()
        assert error.keys() >= FIELDS, error
        assert error["request_id"] == self.headers["x-request-id"]
        assert parse_uuid(error["request_id"])
        for one in error["field_errors"]:
            assert one["code"] in set(FieldCode)
            assert one["field"]
            assert one["message"]


async def call(path: str, body: bytes, headers: Headers, *, method: str = "POST", query: bytes = b"") -> Answer:
    """One request through the whole application: the router, then a consumer or Django."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "root_path": "",
        "query_string": query,
        "headers": list(headers),
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
    }
    sent: list[dict[str, Any]] = []
    arrived = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        try:
            return next(arrived)
        except StopIteration:
            await asyncio.Event().wait()
            raise

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)  # type: ignore[arg-type]
    start = next(m for m in sent if m["type"] == "http.response.start")
    return Answer(
        status=start["status"],
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]},
        body=b"".join(m.get("body", b"") for m in sent),
    )
