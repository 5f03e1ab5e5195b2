from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.core.errors import UpstreamError
from ibex.providers.errors import Failure, ProviderRejected, classify, provider_error


def body(code: object = None, kind: object = None, message: object = "what the provider says", **more: object) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "code": code, **more}})


TABLE = [
    # upstream status, body, failure, our status, our class's code
    (401, body("invalid_api_key", "invalid_request_error"), Failure.CREDENTIAL, 502, "PROVIDER_CREDENTIALS_REFUSED"),
    (401, b"<html>nope</html>", Failure.CREDENTIAL, 502, "PROVIDER_CREDENTIALS_REFUSED"),
    (403, body(kind="permission_error"), Failure.CREDENTIAL, 502, "PROVIDER_CREDENTIALS_REFUSED"),
    (403, body("model_not_found"), Failure.MODEL_ACCESS, 404, "PROVIDER_MODEL_REFUSED"),
    (
        400,
        orjson.dumps([{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]),
        Failure.CREDENTIAL,
        502,
        "PROVIDER_CREDENTIALS_REFUSED",
    ),
    (400, body(message="Incorrect API key provided: xa***"), Failure.CREDENTIAL, 502, "PROVIDER_CREDENTIALS_REFUSED"),
    (402, body("insufficient_balance"), Failure.QUOTA, 429, "PROVIDER_QUOTA_EXHAUSTED"),
    (429, body("insufficient_quota", "insufficient_quota"), Failure.QUOTA, 429, "PROVIDER_QUOTA_EXHAUSTED"),
    (429, body("rate_limit_exceeded", "tokens"), Failure.RATE_LIMIT, 429, "PROVIDER_RATE_LIMITED"),
    (429, b"", Failure.RATE_LIMIT, 429, "PROVIDER_RATE_LIMITED"),
    (404, body("model_not_found"), Failure.MODEL_ACCESS, 404, "PROVIDER_MODEL_REFUSED"),
    (404, body(None, "not_found_error"), Failure.MODEL_ACCESS, 404, "PROVIDER_MODEL_REFUSED"),
    (404, b"", Failure.CALLER_FAULT, 404, "PROVIDER_REJECTED_REQUEST"),
    (400, body(None, "invalid_request_error"), Failure.CALLER_FAULT, 400, "PROVIDER_REJECTED_REQUEST"),
    (
        400,
        body(None, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        Failure.QUOTA,
        429,
        "PROVIDER_QUOTA_EXHAUSTED",
    ),
    (401, body(None, "authentication_error"), Failure.CREDENTIAL, 502, "PROVIDER_CREDENTIALS_REFUSED"),
    (429, body(None, "rate_limit_error"), Failure.RATE_LIMIT, 429, "PROVIDER_RATE_LIMITED"),
    (413, body(None, "request_too_large"), Failure.CALLER_FAULT, 413, "PROVIDER_REJECTED_REQUEST"),
    (500, body(None, "api_error"), Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (504, body(None, "timeout_error"), Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (400, body("context_length_exceeded"), Failure.CALLER_FAULT, 400, "PROVIDER_REJECTED_REQUEST"),
    (413, b"too large", Failure.CALLER_FAULT, 413, "PROVIDER_REJECTED_REQUEST"),
    (422, orjson.dumps({"detail": "bad field"}), Failure.CALLER_FAULT, 422, "PROVIDER_REJECTED_REQUEST"),
    (408, b"", Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (500, body("server_error"), Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (503, b"upstream connect error", Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (529, body(None, "overloaded_error"), Failure.TRANSIENT, 502, "PROVIDER_FAILED"),
    (302, b"", Failure.UNKNOWN, 502, "PROVIDER_ERROR"),
    (200, body("rate_limit_exceeded"), Failure.RATE_LIMIT, 429, "PROVIDER_RATE_LIMITED"),
]


@pytest.mark.parametrize(("status", "answer", "failure", "our_status", "our_code"), TABLE)
def test_an_error_answer_becomes_the_error_that_says_who_must_act(status, answer, failure, our_status, our_code):
    error = provider_error(status, answer)
    assert isinstance(error, UpstreamError)
    assert (classify(status, answer), error.failure) == (failure, failure)
    assert (error.status, error.code) == (our_status, our_code)


def test_a_fault_of_the_caller_keeps_the_providers_words_code_and_param():
    answer = body("context_length_exceeded", message="At most 8192 tokens.", param="messages[2].content")
    envelope = provider_error(400, answer).envelope("r-1")["error"]
    assert envelope == {
        "code": "context_length_exceeded",
        "message": "At most 8192 tokens.",
        "type": "invalid_request_error",
        "param": "messages[2].content",
        "request_id": "r-1",
        "field_errors": [],
    }


@pytest.mark.parametrize("answer", [orjson.dumps({"error": "plain words"}), orjson.dumps({"detail": "plain words"})])
def test_words_are_found_in_plainer_shapes_too(answer):
    assert provider_error(400, answer).message == "plain words"


def test_words_are_cut_at_500_characters_and_a_code_that_is_none_is_left_out():
    error = provider_error(400, body("<b>not a code</b>", message="x" * 501))
    assert error.message == "x" * 500
    assert error.envelope("r")["error"]["code"] == "PROVIDER_REJECTED_REQUEST"


def test_a_refused_key_is_never_repeated():
    error = provider_error(401, body("invalid_api_key", message="Incorrect API key provided: sk-ab***yz"))
    assert "sk-" not in str(error.envelope("r"))
    assert "Settings" in error.message


def test_the_providers_words_are_in_the_envelope_but_not_in_what_a_log_prints():
    error = provider_error(400, body(message="'my secret diary' is not valid"))
    assert "diary" in error.envelope("r")["error"]["message"]
    assert "diary" not in f"{error} {error!r} {error.args}"


def test_retry_after_is_kept_and_an_absurd_one_is_not():
    assert provider_error(429, b"", {"retry-after": "7"}).headers == {"Retry-After": "7"}
    assert provider_error(503, b"", {"retry-after": "7"}).headers == {"Retry-After": "7"}
    assert provider_error(429, b"", {"retry-after": "7" * 65}).headers == {}


def test_one_rejection_does_not_change_the_status_of_the_next():
    assert ProviderRejected(status=422).status == 422
    assert ProviderRejected().status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "code", "type", "param", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.integers(100, 599), st.binary(max_size=60) | json_values.map(orjson.dumps))
def test_no_answer_is_too_odd_to_be_mapped(status, answer):
    error = provider_error(status, answer)
    assert error.status in {429, 502} or 400 <= error.status < 500
    assert error.message
    orjson.dumps(error.envelope("r"))
