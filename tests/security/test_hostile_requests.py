"""Whatever is sent, a caller gets the provider's answer or a 4xx: never a 500, never a word of what was sent."""

from __future__ import annotations

import asyncio
import json

import pytest

from ibex.core.ids import uuid7
from proxy import breaker, rewarm
from proxy.consumers import ChatCompletions, MessagesCalls, ResponsesCalls

PATHS = {"chat": ChatCompletions, "responses": ResponsesCalls, "messages": MessagesCalls}
MARK = "xyzzy-content-xyzzy"
DEEP = 246


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.fixture
async def ask(alice, agent, hot_path):
    """Send raw bytes to an address; returns status and body."""
    token = alice.token

    async def ask(address: str, body: bytes, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
        usual = {
            b"authorization": f"Bearer {token}".encode(),
            b"content-type": b"application/json",
            b"x-ibex-agent-id": agent.slug.encode(),
        }
        said = list((usual | dict(headers)).items())
        scope = {"type": "http", "method": "POST", "path": f"/v1/{address}", "headers": said}
        sent: list[dict] = []
        arrived = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            try:
                return next(arrived)
            except StopIteration:
                await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        await PATHS[address]()(scope, receive, send)
        status = next(m["status"] for m in sent if m["type"] == "http.response.start")
        return status, b"".join(m.get("body", b"") for m in sent)

    yield ask
    await asyncio.gather(*rewarm._running.values(), *breaker._tasks)


def chat(**message: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": MARK} | message]}).encode()


ODD_MESSAGES = [
    {"tool_calls": 5},
    {"tool_calls": True},
    {"tool_calls": "x"},
    {"tool_calls": {"a": 1}},
    {"tool_calls": [1, None, {"id": [], "function": 3}]},
    {"tool_call_id": {"a": []}},
    {"content": [1, None, "text", {"text": None}, {"type": 5}, {"type": [], "text": []}]},
    {"content": None, "name": 7},
    {"content": []},
    {"content": "a\0b"},
    {"content": [{"type": "image_url", "image_url": 7}]},
    {"role": "user\0"},
    {"refusal": {}, "function_call": 3},
    {"cache_control": 10**30},
]


@pytest.mark.parametrize("message", ODD_MESSAGES, ids=lambda m: next(iter(m)))
@pytest.mark.parametrize("address", ["chat", "messages", "responses"])
async def test_an_odd_message_is_passed_on_or_refused(ask, address, message):
    said = {"role": "user", "content": MARK} | message
    key = "input" if address == "responses" else "messages"
    body = {"model": "m", "max_tokens": 9, key: [said]}
    status, answer = await ask(address, json.dumps(body).encode())
    assert status < 500, answer


ODD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe{}",
    b'{"model": "m", "messages": [{"role": "user", "content": "\xc3\x28' + MARK.encode() + b'"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800' + MARK.encode() + b'"}]}',
    b'{"model": "m", "messages": [{"role": "user", "content": "' + MARK.encode() + b'"}], "temperature": NaN}',
    b'{"model": "m", "messages": [{"role": "user", "content": "' + MARK.encode() + b'"}], "max_tokens": 1e999}',
    b'{"model": "m", "messages": "' + MARK.encode() + b'", "input": 5}',
    b'{"model": {"a": "' + MARK.encode() + b'"}, "messages": [7], "input": [7]}',
    b'{"a":' * 5_000,
    nested(5_000).encode(),
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
@pytest.mark.parametrize("address", sorted(PATHS))
async def test_a_body_that_is_no_request_is_refused_without_a_word_of_it(ask, address, body):
    status, answer = await ask(address, body)
    assert status == 400
    assert MARK.encode() not in answer


@pytest.mark.parametrize("depth", [100, DEEP, 255, 500, 1_020])
@pytest.mark.parametrize("where", ["messages", "tools"])
async def test_nesting_is_passed_on_or_refused(ask, depth, where):
    deep = nested(depth)
    body = {
        "messages": f'{{"model": "m", "messages": [{{"role": "user", "content": [{{"type": "x", "x": {deep}}}]}}]}}',
        "tools": f'{{"model": "m", "messages": [{{"role": "user", "content": "Hi"}}], "tools": {deep}}}',
    }[where]
    status, _ = await ask("chat", body.encode())
    assert status == (200 if depth < DEEP else 400)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-ibex-session-id", b"a\x00b"),
        (b"x-ibex-session-id", b"\xff\xfe"),
        (b"x-ibex-session-id", b"../../" + str(uuid7()).encode()),
        (b"x-ibex-user-id", b"\xc3\x28"),
        (b"x-ibex-user-id", b"' OR 1=1 --"),
        (b"x-ibex-said-at", b"0001-01-01T00:00:00+14:00"),
        (b"x-ibex-said-at", b"9999-12-31T23:59:59-14:00"),
        (b"x-ibex-said-at", b"\xff"),
        (b"x-ibex-memory", b"\x00"),
        (b"x-ibex-agent-id", b"\x00"),
        (b"x-ibex-agent-id", b"\xff" * 5_000),
        (b"x-request-id", b"\r\nset-cookie: a=b"),
        (b"content-type", b"\xff"),
        (b"authorization", b"Bearer \xff\x00"),
        (b"x-api-key", b"\xff"),
    ],
    ids=lambda header: f"{header[0].decode()}-{header[1][:12]!r}",
)
async def test_an_odd_header_is_taken_or_refused(ask, header):
    status, answer = await ask("chat", chat(), header)
    assert status < 500, answer


async def test_what_goes_wrong_is_logged_and_answered_without_content(ask, monkeypatch, capsys, caplog):
    async def broken(*_args: object) -> None:
        raise ValueError(MARK)

    monkeypatch.setattr("proxy.pipeline.upstreams_for", broken)
    status, answer = await ask("chat", chat())
    assert status == 500
    printed = capsys.readouterr()
    assert MARK not in answer.decode() + printed.out + printed.err + caplog.text
