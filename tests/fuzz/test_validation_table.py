"""SPEC section 2's limits, line by line, at every address that takes a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ibex.core.errors import FieldCode
from ibex.core.ids import parse_uuid
from proxy.pipeline import MAX_BODY_BYTES
from tests.fuzz.conftest import Ask
from tests.fuzz.hostile import CANARY

CHAT, RESPONSES, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"
SAID = [{"role": "user", "content": CANARY}]
GOOD: dict[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": SAID},
    RESPONSES: {"model": "m", "input": SAID},
    MESSAGES: {"model": "m", "messages": SAID, "max_tokens": 9},
    EMBEDDINGS: {"model": "m", "input": CANARY},
}
LONG = CANARY + "x" * 102_400
WIDE = "é" * 51_201
TEN_PARTS = [{"type": "text", "text": "x" * 10_300}] * 10
R, L, M, F = FieldCode.REQUIRED, FieldCode.TOO_LONG, FieldCode.TOO_MANY, FieldCode.INVALID_FORMAT


def _said(key: str) -> list[tuple[dict[str, Any], str, FieldCode]]:
    """What holds for a list of messages, whatever it is called."""
    return [
        ({key: []}, key, R),
        ({key: {"a": CANARY}}, key, F),
        ({key: 5}, key, F),
        ({key: SAID * 1_001}, key, M),
        ({key: [CANARY]}, f"{key}[0]", F),
        ({key: [*SAID, None]}, f"{key}[1]", F),
        ({key: [{"role": None, "content": CANARY}]}, f"{key}[0].role", R),
        ({key: [{"role": 7, "content": CANARY}]}, f"{key}[0].role", F),
        ({key: [{"role": "", "content": CANARY}]}, f"{key}[0].role", F),
        ({key: [{"role": "user", "content": {"a": CANARY}}]}, f"{key}[0].content", F),
        ({key: [{"role": "user", "content": LONG}]}, f"{key}[0].content", L),
        ({key: [{"role": "user", "content": WIDE}]}, f"{key}[0].content", L),
        ({key: [*SAID, {"role": "user", "content": TEN_PARTS}]}, f"{key}[1].content", L),
    ]


MODEL: list[tuple[dict[str, Any], str, FieldCode]] = [
    ({"model": None}, "model", R),
    ({"model": ""}, "model", F),
    ({"model": 5}, "model", F),
    ({"model": [CANARY]}, "model", F),
    ({"model": CANARY * 20}, "model", L),
]
STREAM: list[tuple[dict[str, Any], str, FieldCode]] = [({"stream": wrong}, "stream", F) for wrong in ("yes", 1, [])]


def _number(name: str, *wrong: Any) -> list[tuple[dict[str, Any], str, FieldCode]]:
    return [({name: one}, name, F) for one in (CANARY, True, [], 10**300, *wrong)]


TEMPERATURE = _number("temperature", -0.1, 2.1, 10**20)
TOKENS = (0, -1, 1.5, 1_048_577, 2**64)
TABLE: dict[str, list[tuple[dict[str, Any], str, FieldCode]]] = {
    CHAT: [
        *MODEL, *STREAM, *TEMPERATURE, *_said("messages"),
        ({"messages": None}, "messages", R),
        ({"messages": CANARY}, "messages", F),
        ({"messages": [{"content": CANARY}]}, "messages[0].role", R),
        *_number("max_tokens", *TOKENS), *_number("max_completion_tokens", *TOKENS),
    ],
    RESPONSES: [
        *MODEL, *STREAM, *TEMPERATURE, *_said("input"),
        ({"input": None}, "input", R),
        ({"input": LONG}, "input.content", L),
        ({"instructions": LONG}, "instructions", L),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": LONG}]}, "input[0].output", L),
        *_number("max_output_tokens", *TOKENS),
    ],
    MESSAGES: [
        *MODEL, *STREAM, *TEMPERATURE, *_said("messages"),
        ({"messages": None}, "messages", R),
        ({"messages": [{"content": CANARY}]}, "messages[0].role", R),
        ({"max_tokens": None}, "max_tokens", R),
        *_number("max_tokens", *TOKENS),
        ({"system": 5}, "system", F),
        ({"system": LONG}, "system", L),
        ({"system": TEN_PARTS}, "system", L),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": LONG}]}]},
            "messages[0].content[0].content",
            L,
        ),
    ],
    EMBEDDINGS: [
        *MODEL,
        ({"input": None}, "input", R),
        ({"input": []}, "input", R),
        ({"input": {"a": CANARY}}, "input", F),
        ({"input": True}, "input", F),
        ({"input": [None]}, "input", F),
        ({"input": [1.5]}, "input", F),
        ({"input": LONG}, "input", L),
        ({"input": [CANARY, LONG]}, "input[1]", L),
        ({"input": ["x"] * 2_049}, "input", M),
    ],
}  # fmt: skip
LINES = [(path, *line) for path, lines in TABLE.items() for line in lines]


@pytest.mark.parametrize(("path", "change", "field", "code"), LINES)
def test_a_refused_field_is_named_with_its_code(
    ask: Ask, path: str, change: dict[str, Any], field: str, code: FieldCode
) -> None:
    body = {name: value for name, value in (GOOD[path] | change).items() if value is not None}
    answer = ask(path, json.dumps(body).encode())
    answer.assert_sound()
    assert answer.status == 400
    error = answer.error()
    assert error["code"] == "INVALID_REQUEST"
    assert [(one["field"], one["code"]) for one in error["field_errors"]] == [(field, code)]


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *((path, {"vendor": {"x": [1, None]}, CANARY: CANARY}) for path in GOOD),
    *((path, {"model": "m" * 256}) for path in GOOD),
    *((path, {"temperature": edge}) for path in (CHAT, RESPONSES, MESSAGES) for edge in (0, 2, 1.0, None)),
    *((CHAT, {name: edge}) for name in ("max_tokens", "max_completion_tokens") for edge in (1, 1_048_576, None)),
    *((RESPONSES, {"max_output_tokens": edge}) for edge in (1, 1_048_576, None)),
    *((MESSAGES, {"max_tokens": edge}) for edge in (1, 1_048_576)),
    (CHAT, {"messages": SAID * 1_000}),
    (CHAT, {"messages": [{"role": "user", "content": "x" * 102_400}]}),
    (CHAT, {"messages": [{"role": "critic", "content": None}]}),
    (RESPONSES, {"input": "x" * 102_400}),
    (EMBEDDINGS, {"input": ["x"] * 2_048}),
    (EMBEDDINGS, {"input": [5] * 9_000}),
]


@pytest.mark.parametrize(("path", "change"), ACCEPTED)
def test_what_is_within_the_limits_or_unknown_passes(ask: Ask, path: str, change: dict[str, Any]) -> None:
    assert ask(path, json.dumps(GOOD[path] | change).encode()).status == 200


@pytest.mark.parametrize("path", sorted(GOOD))
class TestTheRequestItself:
    """What is looked at before the body is understood."""

    def test_a_body_over_one_mebibyte_is_413(self, ask: Ask, path: str) -> None:
        body = json.dumps(GOOD[path] | {"pad": CANARY}).encode()
        assert ask(path, body.ljust(MAX_BODY_BYTES)).status == 200
        answer = ask(path, body.ljust(MAX_BODY_BYTES + 1))
        answer.assert_sound()
        assert (answer.status, answer.error()["code"]) == (413, "BODY_TOO_LARGE")

    @pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonp", "multipart/form-data", "*/*"])
    def test_another_content_type_is_415(self, ask: Ask, path: str, kind: str) -> None:
        answer = ask(path, json.dumps(GOOD[path]).encode(), [(b"content-type", kind.encode())])
        answer.assert_sound()
        assert (answer.status, answer.error()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")

    @pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json; charset=utf-8", " application/json ;x=y"])
    def test_json_is_json_however_it_is_written(self, ask: Ask, path: str, kind: str) -> None:
        assert ask(path, json.dumps(GOOD[path]).encode(), [(b"content-type", kind.encode())]).status == 200

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff", b"{}{}", b'{"a":NaN}', b"\x1f\x8b"]
    )
    def test_what_is_no_json_object_is_400(self, ask: Ask, path: str, body: bytes) -> None:
        answer = ask(path, body)
        answer.assert_sound()
        assert (answer.status, answer.error()["code"], answer.error()["field_errors"]) == (400, "INVALID_REQUEST", [])

    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("x-ibex-memory", "sometimes", FieldCode.INVALID_ENUM),
            ("x-ibex-user-id", CANARY * 30, L),
            ("x-ibex-user-id", f"{CANARY}\x07", F),
            ("x-ibex-session-id", CANARY * 30, L),
            ("x-ibex-session-id", "a\u202eb", F),
            ("x-ibex-said-at", CANARY, F),
            ("x-ibex-said-at", "2026-13-01", F),
        ],
    )
    def test_a_wrong_header_is_named(self, ask: Ask, path: str, name: str, value: str, code: FieldCode) -> None:
        answer = ask(path, json.dumps(GOOD[path]).encode(), [(name.encode(), value.encode())])
        answer.assert_sound()
        assert (answer.status, answer.error()["code"]) == (400, "INVALID_HEADER")
        assert [(one["field"], one["code"]) for one in answer.error()["field_errors"]] == [(name, code)]

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"])
    def test_another_method_is_405(self, ask: Ask, path: str, method: str) -> None:
        answer = ask(path, b"", method=method)
        answer.assert_sound()
        assert (answer.status, answer.headers["allow"]) == (405, "POST")

    @pytest.mark.parametrize("address", ["{}/", "{}//", "{}/x", "{}%2F", "{}\n", "{};x"])
    def test_an_address_beside_it_is_404(self, ask: Ask, path: str, address: str) -> None:
        answer = ask(address.format(path), json.dumps(GOOD[path]).encode())
        answer.assert_sound()
        assert (answer.status, answer.error()["code"]) == (404, "NOT_FOUND")

    def test_the_callers_own_request_id_is_kept_when_it_is_one(self, ask: Ask, path: str) -> None:
        own = "0190f6a0-0000-7000-8000-00000000000a"
        assert ask(path, b"", [(b"x-request-id", own.encode())]).error()["request_id"] == own
        for other in (CANARY, own[:-1], "", own + "0", "\u0660" * 36):
            given = ask(path, b"", [(b"x-request-id", other.encode())]).error()["request_id"]
            assert parse_uuid(given)
            assert given != other

    def test_a_number_of_any_size_is_forwarded_or_refused_and_never_an_error(self, ask: Ask, path: str) -> None:
        for number in (2**63, -(2**63) - 1, 2**64, 10**25, -(10**300)):
            assert ask(path, json.dumps(GOOD[path] | {"seed": number, "user": number}).encode()).status == 200


def test_at_most_twenty_fields_are_named(ask: Ask) -> None:
    answer = ask(CHAT, json.dumps({"model": "m", "messages": [5] * 900}).encode())
    assert len(answer.error()["field_errors"]) == 20


def test_every_wrong_field_is_named_at_once(ask: Ask) -> None:
    answer = ask(CHAT, b'{"messages": [], "temperature": 9, "stream": 0}')
    assert [one["field"] for one in answer.error()["field_errors"]] == ["model", "messages", "temperature", "stream"]
