"""An OpenAI-compatible server that answers at once: `python benchmarks/instant_upstream.py PORT [DELAY_MS]`.

With a delay only the model `instant` still does. It speaks HTTP/1.1 by itself: a web framework took a millisecond of
CPU a call from the machine that is measured. Each chunk of a stream is a write of its own, as a model's are.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import cast

import orjson

INSTANT = "instant"
CHUNKS = 20
PATH = b"/v1/chat/completions"
WHOLE = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": INSTANT,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22},
    }
)


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One chunk of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": INSTANT, "choices": [choice]}
    return b"data: " + orjson.dumps(head) + b"\n\n"


def framed(chunk: bytes) -> bytes:
    """As chunked transfer coding sends it; an empty one is the end."""
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


STREAM = [event({"role": "assistant", "content": ""}), *(event({"content": f"word{i} "}) for i in range(CHUNKS))]
STREAM += [event({}, "stop"), b"data: [DONE]\n\n"]

_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE)
_EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_FRAMES = [framed(chunk) for chunk in (*STREAM, b"")]
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection. A call at a time, with a Content-Length, as IBEX and LiteLLM send them."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < (length := content_length(head)):
            return
        self._read = body[length:]
        if not head.startswith(b"POST " + PATH + b" "):
            self._transport.write(_NOT_FOUND)
            return
        asked = orjson.loads(body[:length])
        waits_s = 0.0 if asked.get("model") == INSTANT else self._delay_s * random.uniform(0.5, 1.5)
        asyncio.get_running_loop().call_later(waits_s, self._answer, bool(asked.get("stream")))

    def _answer(self, is_stream: bool) -> None:
        for part in (_EVENTS, *_FRAMES) if is_stream else (_JSON,):
            if not self._transport.is_closing():
                self._transport.write(part)


def content_length(head: bytes) -> int:
    """Of the request; 0 when it has none."""
    for line in head.split(b"\r\n")[1:]:
        name, _, told = line.partition(b":")
        if name.lower() == b"content-length":
            return int(told)
    return 0


async def serve(port: int, delay_s: float) -> None:
    """Until the process ends."""
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(delay_s), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0))
