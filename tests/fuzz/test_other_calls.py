"""The smaller addresses under /v1: names of sessions and models that nobody has, feedback on nothing, memories."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Ask
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY, QUERY_TEXTS, bodies, json_values, written

ID = str(uuid4())
FEEDBACK: list[dict[str, Any]] = [
    {"request_id": ID, "useful": True, "comment": CANARY},
    {"memory_ids": [ID, str(uuid4())], "useful": False},
]
MEMORIES: list[dict[str, Any]] = [
    {"content": f"Bea lives in {CANARY}.", "category": "factual", "labels": [{"name": "home"}], "tags": ["x"]},
    {"content": "A.", "category": "procedural", "confidence": 0.5, "end_user": "bea", "metadata": {"n": [1, None]}},
]
QUESTIONS: list[dict[str, Any]] = [
    {"query": CANARY, "limit": 3, "categories": ["factual"], "status": "active", "end_user": "bea"},
]
ADDRESSES = [
    ("GET", "/v1/sessions/{}"),
    ("POST", "/v1/sessions/{}/complete"),
    ("GET", "/v1/models/{}"),
    ("DELETE", "/v1/memories/{}"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
@efforts(few=25, many=2_000)
def test_a_name_that_nobody_has_is_not_found(ask: Ask, method: str, address: str, effort: settings) -> None:
    names = st.sampled_from(QUERY_TEXTS) | st.text(max_size=300)

    @effort
    @given(names.filter(lambda name: name.strip("/") and "\ud800" not in name))
    def send(name: str) -> None:
        answer = ask(address.format(name), b"", method=method)
        answer.assert_sound()
        assert answer.status in {200, 404, 405}

    send()


@efforts(few=40, many=3_000)
def test_feedback_gone_wrong_is_refused(ask: Ask, effort: settings) -> None:
    @effort
    @given(bodies(FEEDBACK) | json_values.map(written) | st.binary(max_size=40))
    def send(body: bytes) -> None:
        answer = ask("/v1/feedback", body)
        answer.assert_sound()
        assert answer.status in {400, 404, 413}

    send()


@pytest.mark.parametrize(("address", "whole"), [("/v1/memories", MEMORIES), ("/v1/memories/search", QUESTIONS)])
@efforts(few=25, many=2_000)
def test_whatever_is_written_or_asked_of_memories_is_answered(
    ask: Ask, address: str, whole: list[dict[str, Any]], effort: settings
) -> None:
    @effort
    @given(bodies(whole) | json_values.map(written) | st.binary(max_size=40))
    def send(body: bytes) -> None:
        ask(address, body).assert_sound()

    send()
