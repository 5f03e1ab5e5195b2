"""Addresses, keys and the test of a provider, against a model server of our own on 127.0.0.1."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agents.announcements import Change, _listeners, on_change
from agents.models import AuditEvent, Organization, ProviderConnection
from agents.services import providers
from ibex.core.errors import InvalidRequest
from ibex.core.tenancy import scope

KEY = "sk-a-key-nobody-may-see"


class ModelServer:
    """Answers GET with `status` and `body` once it is not `hanging`, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"object": "list", "data": [{"id": "m-1"}, {"id": "m-2"}]})
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                """Be quiet."""

            def do_GET(self) -> None:
                server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                server.may_answer.wait()
                body = server.body.encode()
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


Make = Callable[..., ProviderConnection]


@pytest.fixture
def make(acme: Organization) -> Make:
    """A provider of Acme, or a change of one."""

    def save(**fields: object) -> ProviderConnection:
        with scope(acme.pk):
            return providers.save(**{"org": acme, "actor": "system", "name": "Mine", "kind": "openai"} | fields)

    return save


def refused(make: Make, **fields: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        make(**fields)
    return {problem.field: problem.code.value for problem in caught.value.field_errors}


def test_an_anthropic_provider_keeps_its_address(make: Make) -> None:
    assert make(kind="anthropic", base_url="https://gateway.test/v1/").base_url == "https://gateway.test/v1"
    assert make(kind="anthropic").base_url == ""
    assert make(kind="sandbox", base_url="https://gateway.test").base_url == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://:secret@models.test", "https://@models.test", "https://models.test?", "https://models.test#",
        "https://models.test:99999", "https://[models", "https://mod els.test", "https://models.test/\nx",
        "https://models.test\\@evil.test", "javascript:alert(1)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_an_address_that_hides_something_is_refused(make: Make, kind: str, address: str) -> None:
    assert refused(make, kind=kind, base_url=address) == {"base_url": "INVALID_FORMAT"}


def test_an_address_may_be_of_ones_own_network(make: Make) -> None:
    assert make(base_url="http://[::1]:11434/v1").base_url == "http://[::1]:11434/v1"


def test_what_is_too_much_is_refused(make: Make) -> None:
    assert refused(make, base_url="https://models.test/" + "a" * 500) == {"base_url": "TOO_LONG"}
    assert refused(make, key="k" * 501) == {"key": "TOO_LONG"}
    assert refused(make, key="sk\r\nhost: evil.test") == {"key": "INVALID_FORMAT"}
    assert refused(make, key="schlüssel") == {"key": "INVALID_FORMAT"}
    assert refused(make, model_patterns=["x" * 257]) == {"model_patterns": "TOO_LONG"}
    assert refused(make, model_patterns=map(str, range(101))) == {"model_patterns": "TOO_MANY"}


def test_patterns_are_kept_once_and_none_means_all(make: Make) -> None:
    assert make(model_patterns=[" gpt-* ", "", "o3", "gpt-*"]).model_patterns == ["gpt-*", "o3"]
    assert make(model_patterns=[" "]).model_patterns == ["*"]


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://evil.test/v1"},
        {"base_url": "http://models.test/v1"},
        {"base_url": "https://models.test:8443/v1"},
        {"base_url": ""},
        {"kind": "anthropic"},
    ],
)
def test_a_key_is_never_taken_along_to_another_address(make: Make, acme: Organization, change: dict[str, str]) -> None:
    provider = make(base_url="https://models.test/v1", key=KEY)
    assert refused(make, provider=provider, **change) == {"key": "REQUIRED"}
    with scope(acme.pk):
        stored = ProviderConnection.objects.get(pk=provider.pk)
    assert (stored.base_url, stored.kind) == ("https://models.test/v1", "openai")
    assert make(provider=stored, key="sk-new", **change).key() == "sk-new"


def test_a_key_stays_when_the_address_says_the_same_place(make: Make) -> None:
    provider = make(base_url="https://models.test", key=KEY)
    moved = make(provider=provider, base_url="https://Models.test/v1", name="Renamed")
    assert (moved.key(), moved.base_url, moved.name) == (KEY, "https://Models.test/v1", "Renamed")


def test_a_key_does_not_travel_through_the_sandbox(make: Make) -> None:
    provider = make(base_url="https://models.test/v1", key=KEY)
    resting = make(provider=provider, kind="sandbox")
    assert refused(make, provider=resting, kind="openai", base_url="https://evil.test/v1") == {"key": "REQUIRED"}


def test_a_change_is_announced_after_the_commit(make: Make, acme: Organization) -> None:
    heard: list[Change | None] = []
    on_change(heard.append)
    try:
        with scope(acme.pk):
            make()
            assert heard == []
        assert [(change.kind, change.org_id) for change in heard if change] == [("org", acme.pk)]
    finally:
        _listeners.remove(heard.append)


def test_a_provider_that_answers_is_said_to(make: Make, acme: Organization, model_server: ModelServer) -> None:
    result = providers.check(make(base_url=model_server.base_url, key=KEY), actor="system")
    assert (result.is_ok, result.code, result.model_count) == (True, "OK", 2)
    [(path, headers)] = model_server.seen
    assert (path, headers["authorization"]) == ("/v1/models", f"Bearer {KEY}")
    with scope(acme.pk):
        event = AuditEvent.objects.get(action="provider.tested")
    assert event.detail == {"code": "OK"}


def test_an_anthropic_provider_is_tested_at_its_own_address(make: Make, model_server: ModelServer) -> None:
    provider = make(kind="anthropic", base_url=model_server.base_url, key=KEY)
    assert providers.check(provider, actor="system").model_count == 2
    assert model_server.seen[0][1]["x-api-key"] == KEY


def test_the_sandbox_always_answers(make: Make) -> None:
    assert providers.check(make(kind="sandbox"), actor="system").is_ok


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (401, f'{{"error": {{"message": "Wrong key {KEY}"}}}}', "PROVIDER_CREDENTIALS_REFUSED", "refused the key"),
        (429, '{"error": {"code": "insufficient_quota"}}', "PROVIDER_QUOTA_EXHAUSTED", "quota"),
        (503, "", "PROVIDER_FAILED", "failed to answer"),
        (404, f'{{"detail": "No {KEY}"}}', "PROVIDER_REJECTED_REQUEST", "status 404"),
        (301, "", "PROVIDER_REJECTED_REQUEST", "status 301"),
        (200, "<html>Sign in</html>", "PROVIDER_REJECTED_REQUEST", "Check the address"),
        (200, "[]", "PROVIDER_REJECTED_REQUEST", "Check the address"),
    ],
)
def test_a_failure_is_told_in_a_sentence_without_the_key(
    make: Make, model_server: ModelServer, status: int, body: str, code: str, words: str
) -> None:
    model_server.status, model_server.body = status, body
    result = providers.check(make(base_url=model_server.base_url, key=KEY), actor="system")
    assert (result.is_ok, result.code, result.model_count) == (False, code, None)
    assert words in result.message
    assert KEY not in result.message


def test_what_is_no_list_for_anthropic_is_told_too(make: Make, model_server: ModelServer) -> None:
    model_server.body = "<html>"
    result = providers.check(make(kind="anthropic", base_url=model_server.base_url), actor="system")
    assert (result.is_ok, result.message.endswith("Check the address.")) == (False, True)


def test_nobody_there_is_told(make: Make, model_server: ModelServer) -> None:
    model_server.close()
    result = providers.check(make(base_url=model_server.base_url), actor="system")
    assert (result.is_ok, result.code) == (False, "PROVIDER_UNREACHABLE")


def test_a_silent_provider_is_given_up(make: Make, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "CHECK_TIMEOUT_S", 0.2)
    model_server.may_answer.clear()
    result = providers.check(make(base_url=model_server.base_url), actor="system")
    assert (result.is_ok, result.code) == (False, "PROVIDER_TIMEOUT")


def test_an_endless_list_is_not_kept(make: Make, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "CHECK_MAX_BYTES", 10)
    result = providers.check(make(base_url=model_server.base_url), actor="system")
    assert result.code == "PROVIDER_ANSWER_TOO_LARGE"
