"""An OpenAI-compatible server that answers at once: `python benchmarks/instant_upstream.py PORT [DELAY_MS]`.

With a delay only the model `instant` still does.
"""

from __future__ import annotations

import asyncio
import random
import sys

import orjson
from aiohttp import web

INSTANT = "instant"
CHUNKS = 20
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


STREAM = [event({"role": "assistant", "content": ""}), *(event({"content": f"word{i} "}) for i in range(CHUNKS))]
STREAM += [event({}, "stop"), b"data: [DONE]\n\n"]


def application(delay_s: float) -> web.Application:
    """Answers after `delay_s` ± 50 %, or at once."""

    async def complete(request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        if delay_s and body.get("model") != INSTANT:
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.5))
        if not body.get("stream"):
            return web.Response(body=WHOLE, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in STREAM:
            await response.write(chunk)
        await response.write_eof()
        return response

    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", complete)
    return app


if __name__ == "__main__":
    delay_ms = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    web.run_app(application(delay_ms / 1000), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
