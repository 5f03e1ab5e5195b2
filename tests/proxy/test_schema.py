"""What is refused, and that a refusal never repeats what was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.core.errors import InvalidRequest
from proxy.schema import MAX_FIELD_ERRORS, check_chat, parse_object

SECRET = "swordfish-7731"
GOOD = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}

REFUSED = [
    ({"model": None}, "model", "REQUIRED"),
    ({"model": 5}, "model", "INVALID_FORMAT"),
    ({"model": "m" * 257}, "model", "TOO_LONG"),
    ({"messages": None}, "messages", "REQUIRED"),
    ({"messages": []}, "messages", "REQUIRED"),
    ({"messages": SECRET}, "messages", "INVALID_FORMAT"),
    ({"messages": [{"role": "user"}] * 1001}, "messages", "TOO_MANY"),
    ({"messages": [SECRET]}, "messages[0]", "INVALID_FORMAT"),
    ({"messages": [{"content": SECRET}]}, "messages[0].role", "REQUIRED"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "INVALID_FORMAT"),
    ({"messages": [{"role": "user", "content": "x" * 102_401}]}, "messages[0].content", "TOO_LONG"),
    ({"messages": [{"role": "user", "content": "é" * 51_201}]}, "messages[0].content", "TOO_LONG"),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 60_000}] * 2}]},
        "messages[0].content",
        "TOO_LONG",
    ),
    ({"temperature": 2.1}, "temperature", "INVALID_FORMAT"),
    ({"temperature": SECRET}, "temperature", "INVALID_FORMAT"),
    ({"temperature": True}, "temperature", "INVALID_FORMAT"),
    ({"max_tokens": 0}, "max_tokens", "INVALID_FORMAT"),
    ({"max_tokens": 1.5}, "max_tokens", "INVALID_FORMAT"),
    ({"max_completion_tokens": 1_048_577}, "max_completion_tokens", "INVALID_FORMAT"),
    ({"stream": "yes"}, "stream", "INVALID_FORMAT"),
]


@pytest.mark.parametrize(("change", "field", "code"), REFUSED)
def test_a_refused_field_is_named_with_its_code(change, field, code):
    with pytest.raises(InvalidRequest) as refused:
        check_chat(GOOD | change)
    errors = refused.value.field_errors
    assert [(error.field, error.code.value) for error in errors] == [(field, code)]
    assert SECRET not in str(refused.value.envelope("r"))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"temperature": 0, "max_tokens": 1, "stream": True},
        {"temperature": 2, "max_completion_tokens": 1_048_576},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": []}], "vendor": {"x": 1}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"messages": [{"role": "critic", "content": "x" * 102_400}] * 1000},
    ],
)
def test_all_else_is_the_providers_business(change):
    check_chat(GOOD | change)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"a":1}{', b"[" * 100_000])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(InvalidRequest):
        parse_object(body)


def test_at_most_twenty_fields_are_named():
    with pytest.raises(InvalidRequest) as refused:
        check_chat(GOOD | {"messages": [5] * 900})
    assert len(refused.value.field_errors) == MAX_FIELD_ERRORS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["model", "messages", "temperature", "max_tokens", "stream", "x"]), json_values))
def test_no_object_breaks_the_check(payload):
    try:
        check_chat(payload)
    except InvalidRequest as refused:
        assert refused.field_errors


@given(st.lists(st.dictionaries(st.sampled_from(["role", "content", "name", "tool_calls"]), json_values), max_size=5))
def test_no_message_breaks_the_check(messages):
    try:
        check_chat(GOOD | {"messages": messages})
    except InvalidRequest as refused:
        assert refused.field_errors
