from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ibex.core.errors import InvalidHeader
from proxy.switches import read_switches


def switches(headers=None, payload=None, *, trusts=True):
    return read_switches(headers or {}, payload or {}, trusts_body_user=trusts)


@pytest.mark.parametrize(
    ("value", "reads", "writes"),
    [("on", True, True), ("READ", True, False), ("write", False, True), ("off", False, False)],
)
def test_memory_is_switched_by_header(value, reads, writes):
    read = switches({"x-ibex-memory": value})
    assert (read.reads, read.writes) == (reads, writes)


def test_memory_is_on_unless_said_otherwise():
    assert switches().reads
    assert switches().writes


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("x-ibex-memory", "maybe", "INVALID_ENUM"),
        ("x-ibex-user-id", "u" * 201, "TOO_LONG"),
        ("x-ibex-session-id", "s" * 201, "TOO_LONG"),
        ("x-ibex-session-id", "a\x07b", "INVALID_FORMAT"),
        ("x-ibex-said-at", "yesterday", "INVALID_FORMAT"),
    ],
)
def test_a_bad_header_is_named(header, value, code):
    with pytest.raises(InvalidHeader) as refused:
        switches({header: value})
    assert [(e.field, e.code.value) for e in refused.value.field_errors] == [(header, code)]


def test_the_end_user_is_the_header_before_the_body():
    assert switches({"x-ibex-user-id": "kim"}, {"user": "lee"}).end_user == "kim"
    assert switches({}, {"user": "lee"}).end_user == "lee"
    assert switches({}, {"safety_identifier": "sam", "user": "lee"}).end_user == "sam"


@pytest.mark.parametrize("user", [5, "u" * 201, {"id": 1}, "a\nb"])
def test_a_body_user_that_cannot_be_a_name_is_still_somebody_of_their_own(user):
    named = switches({}, {"user": user}).end_user
    assert named.startswith("sha256:")
    assert named == switches({}, {"user": user}).end_user != switches({}, {"user": [user]}).end_user


@pytest.mark.parametrize("user", ["", None])
def test_no_body_user_is_nobody(user):
    assert switches({}, {"user": user}).end_user == ""


def test_an_agent_may_ignore_the_body_user():
    assert switches({}, {"user": "lee"}, trusts=False).end_user == ""


def test_a_recorded_turn_was_never_said_in_the_future():
    assert switches({"x-ibex-said-at": "2023-05-08T13:56:00+00:00"}).said_at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert switches({"x-ibex-said-at": "2999-01-01T00:00:00"}).said_at <= datetime.now(UTC)
