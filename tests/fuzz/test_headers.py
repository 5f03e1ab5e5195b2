"""Whatever stands in a request's headers: it is taken, or refused without a word of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import Person
from tests.fuzz.conftest import Ask
from tests.fuzz.effort import efforts
from tests.fuzz.hostile import CANARY

BODY = b'{"model": "m", "max_tokens": 9, "input": "Hi", "messages": [{"role": "user", "content": "Hi"}]}'
PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/models", "/v1/nothing"]
NAMES = [
    b"authorization", b"x-api-key", b"x-ibex-agent-id", b"x-ibex-memory", b"x-ibex-user-id", b"x-ibex-session-id",
    b"x-ibex-said-at", b"x-request-id", b"content-type", b"content-length", b"content-encoding", b"accept", b"host",
    b"anthropic-version", b"anthropic-beta", b"transfer-encoding", b"traceparent", b"cookie", b"expect",
    b"x-forwarded-for",
]  # fmt: skip
ODD = [
    "", " ", "\t", "\0", "a\0b", "\x7f", "é", "ÿ" * 300, "\u202e", "k\u212aelvin", "\u017f", "\u0130" * 64,
    "\ufeff", "a\r\nb: c",
    CANARY, CANARY * 400, "Bearer", "Bearer ", f"Bearer {CANARY}", f"Basic {CANARY}",
    "Bearer ibex_pat_" + "A" * 43,
    "Bearer ibex_pat_" + "A" * 100_000, "ibex_pat_" + "A" * 43, "bearer\u00a0ibex_pat_", "Bearer a, Bearer b", "null",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-0000000000}", "urn:uuid:" + "0" * 27,
    "\u0660" * 36,
    "+0000000-0000-0000-0000-000000000000", "0_000000-0000-0000-0000-000000000000", "../../etc", "' OR 1=1 --", "%00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-02-30", "-1", "1e9", "NaN",
    "on,off", "ON", "application/json; charset=utf-16", "application/json\0", "gzip", "chunked", "2023-06-01, 2024",
]  # fmt: skip

values = (
    st.sampled_from(ODD).map(lambda text: text.encode())
    | st.sampled_from(ODD).map(lambda text: text.encode("latin-1", "ignore"))
    | st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
headers = st.lists(st.tuples(st.sampled_from(NAMES) | st.just(b"x-" + CANARY.encode()), values), min_size=1, max_size=3)


@pytest.mark.parametrize("path", PATHS)
@efforts(few=60, many=5_000)
def test_any_header_is_taken_or_refused(ask: Ask, owner: Person, path: str, effort: settings) -> None:
    method = "GET" if path == "/v1/models" else "POST"

    @effort
    @given(headers)
    def send(given_headers: list[tuple[bytes, bytes]]) -> None:
        answer = ask(path, BODY, given_headers, method=method)
        answer.assert_sound()
        assert owner.token not in str(answer.headers) + answer.body.decode()

    send()
