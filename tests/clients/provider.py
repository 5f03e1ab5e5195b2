"""A provider in both languages, OpenAI's and Anthropic's, that does what the model's name says.

| model | what it does |
| --- | --- |
| say | repeats what the user said last |
| tools | calls `weather`, and answers once it has the result |
| json | answers with a JSON object |
| picture | counts the pictures it was sent |
| endless | streams words until its caller leaves |
| hang | does not answer; waits for its caller to leave |
| status-N | answers with that HTTP status |
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORD_PAUSE_S = 0.02
LONGEST_S = 20
CALL = ("call_rome", "weather", {"city": "Rome"})
FACTS = {"city": "Rome", "sunny": True}
USAGE = (11, 3)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model says."""

    text: str = ""
    calls: bool = False


@dataclass
class Provider:
    """A running one. `left`: the models whose caller went away before the end; `headers`: of each request."""

    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, *_args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "say", "object": "model", "created": 1, "owned_by": "tests"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.provider.received.append(body)
        self.provider.headers.append({name.lower(): value for name, value in self.headers.items()})
        model: str = body["model"]
        speak = _anthropic if self.path.endswith("/messages") else _openai
        if model.startswith("status-"):
            error = {"type": "x", "message": "No.", "code": None}
            self._send({"type": "error", "error": error}, int(model.removeprefix("status-")))
        elif model == "hang":
            self._wait()
        elif body.get("stream"):
            self._stream(speak(body, _reply(body)), endless=model == "endless")
        else:
            self._send(speak(body, _reply(body)).whole)

    def _send(self, value: dict[str, Any], status: int = 200) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self, answer: Answer, *, endless: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        deadline = time.monotonic() + LONGEST_S
        try:
            for event in answer.begin:
                self._event(event)
            while endless and time.monotonic() < deadline:
                self._event(answer.word("word "))
                time.sleep(WORD_PAUSE_S)
            for event in answer.rest:
                self._event(event)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.provider.left.append("endless")
            self.close_connection = True

    def _event(self, event: bytes) -> None:
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()

    def _wait(self) -> None:
        self.connection.settimeout(LONGEST_S)
        try:
            if not self.connection.recv(1, socket.MSG_PEEK):
                self.provider.left.append("hang")
        except OSError:
            pass
        self.close_connection = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One reply in one language: as a whole, and as the events of a stream."""

    whole: dict[str, Any]
    begin: list[bytes]
    rest: list[bytes]
    named_events: bool

    def word(self, text: str) -> bytes:
        """The event of one more word."""
        return _event_of(_anthropic_word(text)) if self.named_events else _chunk({"content": text})


def _reply(body: dict[str, Any]) -> Reply:
    messages = body["messages"]
    match body["model"]:
        case "tools":
            return Reply(text="It is sunny in Rome.") if _has_result(messages) else Reply(calls=True)
        case "json":
            return Reply(text=json.dumps(FACTS))
        case "picture":
            pictures = sum(part.get("type") in ("image_url", "image") for part in _parts(messages[-1]))
            return Reply(text=f"I see {pictures} picture.")
        case "endless":
            return Reply(text="")
    said = " ".join(str(part.get("text")) for part in _parts(messages[-1]) if part.get("type") == "text")
    return Reply(text=f"You said: {said}")


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _has_result(messages: list[dict[str, Any]]) -> bool:
    last = messages[-1]
    return last["role"] == "tool" or any(part.get("type") == "tool_result" for part in _parts(last))


def _openai(body: dict[str, Any], reply: Reply) -> Answer:
    call_id, name, arguments = CALL
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    calls = {"tool_calls": [call]} if reply.calls else {}
    usage = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}
    reason = "tool_calls" if reply.calls else "stop"
    message = {"role": "assistant", "content": None if reply.calls else reply.text, **calls}
    rest = [_chunk({"content": word}) for word in reply.text.split(" ") for word in (f"{word} ",)]
    if reply.text:
        rest[-1] = _chunk({"content": reply.text.split(" ")[-1]})
    if reply.calls:
        whole = json.dumps(arguments)
        begun = call | {"index": 0, "function": {"name": name, "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": piece}} for piece in (whole[:4], whole[4:])]
        rest = [_chunk({"tool_calls": [piece]}) for piece in (begun, *pieces)]
    rest.append(_chunk({}, reason))
    if (body.get("stream_options") or {}).get("include_usage"):
        rest.append(_data({**_HEAD, "choices": [], "usage": usage}))
    return Answer(
        whole={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": usage,
        },
        begin=[_chunk({"role": "assistant", "content": None if reply.calls else ""})],
        rest=[*rest, b"data: [DONE]\n\n"],
        named_events=False,
    )


_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def _chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    return _data({**_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


def _data(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def _anthropic(body: dict[str, Any], reply: Reply) -> Answer:
    call_id, name, arguments = CALL
    usage = {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}
    call = {"type": "tool_use", "id": call_id, "name": name, "input": arguments}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [call if reply.calls else {"type": "text", "text": reply.text}],
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    begin: list[dict[str, Any]] = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None}}]
    block = call | {"input": {}} if reply.calls else {"type": "text", "text": ""}
    begin.append({"type": "content_block_start", "index": 0, "content_block": block})
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    rest = [
        *(_anthropic_pieces(arguments) if reply.calls else _anthropic_words(reply.text)),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": USAGE[1]}},
        {"type": "message_stop"},
    ]
    return Answer(whole=message, begin=[*map(_event_of, begin)], rest=[*map(_event_of, rest)], named_events=True)


def _anthropic_pieces(arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = json.dumps(arguments)
    for piece in ("", whole[:4], whole[4:]):
        delta = {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}


def _anthropic_words(text: str) -> Iterator[dict[str, Any]]:
    words = text.split(" ")
    for number, word in enumerate(words, 1):
        yield _anthropic_word(word if number == len(words) else f"{word} ")


def _anthropic_word(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def _event_of(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
