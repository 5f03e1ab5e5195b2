"""A model of our own on 127.0.0.1, driven by the test, for code that is not async: the double at the seam."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from agents.choices import ProviderKind
from agents.models import ProviderConnection
from ibex.core.tenancy import scope

MODEL = "gpt-4o"


@dataclass
class ModelDouble:
    """Answers each question with what `answer` makes of its data: an object, or the status of an error."""

    answer: Callable[[Any], dict[str, Any] | int] = lambda _data: 500
    asked: list[Any] = field(default_factory=list)
    base_url: str = ""

    def reply(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for a chat completion."""
        data = orjson.loads("\n".join(request["messages"][-1]["content"].splitlines()[1:-1]))
        self.asked.append(data)
        said = self.answer(data)
        if isinstance(said, int):
            return said, {"error": {"message": "no"}}
        message = {"role": "assistant", "content": orjson.dumps(said).decode()}
        usage = {"prompt_tokens": 100, "completion_tokens": 20}
        return 200, {"model": MODEL, "choices": [{"message": message}], "usage": usage}

    def serve(self, organization_id: Any) -> None:
        """Make it the organization's first provider of `MODEL`."""
        with scope(organization_id):
            ProviderConnection.objects.create(
                org_id=organization_id,
                name="Double",
                kind=ProviderKind.OPENAI,
                base_url=self.base_url,
                model_patterns=[MODEL],
            )


@contextmanager
def model_double() -> Iterator[ModelDouble]:
    """A double that listens until the block ends."""
    double = ModelDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = double.reply(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            payload = orjson.dumps(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    double.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
