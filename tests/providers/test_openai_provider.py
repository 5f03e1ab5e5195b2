from __future__ import annotations

import dataclasses

import pytest
from pydantic import SecretStr

from ibex.providers.base import ProviderCall, Upstream
from ibex.providers.errors import UnknownProviderKind
from ibex.providers.openai import OpenAIProvider
from ibex.providers.registry import provider_for
from ibex.providers.sandbox import SandboxProvider

BODY = b'{ "model":"gpt-4o",  "unknown": {"kept": [1, 2.50]}, "messages":[] }'


async def send(upstream: Upstream, **call) -> bytes:
    answer = await OpenAIProvider().send(upstream, ProviderCall(path="/chat/completions", body=BODY, **call))
    return await answer.read()


async def test_the_body_goes_out_as_it_came_with_the_operators_key(double):
    assert await send(double.upstream) == b'{"ok": true}'
    seen = double.seen[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions", BODY)
    assert seen.headers["authorization"] == "Bearer sk-of-the-operator"
    assert seen.headers["content-type"] == "application/json"


async def test_a_slash_at_the_end_of_the_base_url_changes_nothing(double):
    await send(dataclasses.replace(double.upstream, base_url=double.upstream.base_url + "/"))
    assert double.seen[0].path == "/v1/chat/completions"


async def test_without_a_key_no_authorization_is_sent_not_even_the_callers(double):
    upstream = dataclasses.replace(double.upstream, api_key=SecretStr(""))
    await send(upstream, headers={"Authorization": "Bearer ibex_pat_secret"})
    assert "authorization" not in double.seen[0].headers


async def test_the_callers_credentials_and_ibex_headers_stay_here_and_the_rest_goes_along(double):
    await send(
        double.upstream,
        headers={
            "Authorization": "Bearer ibex_pat_secret",
            "Cookie": "sessionid=1",
            "X-API-Key": "ibex_pat_secret",
            "X-IBEX-User-ID": "ana",
            "Host": "ibex.example",
            "Content-Length": "7",
            "OpenAI-Beta": "assistants=v2",
        },
    )
    headers = double.seen[0].headers
    assert "ibex_pat_secret" not in str(headers)
    assert not {"cookie", "x-api-key", "x-ibex-user-id"} & headers.keys()
    assert headers["host"] == double.origin.removeprefix("http://")
    assert headers["content-length"] == str(len(BODY))
    assert headers["openai-beta"] == "assistants=v2"


async def test_a_get_has_no_body_and_no_content_type(double):
    answer = await OpenAIProvider().send(double.upstream, ProviderCall(path="/models", method="GET"))
    await answer.read()
    assert double.seen[0].body == b""
    assert "content-type" not in double.seen[0].headers


def test_the_key_is_in_no_repr(double):
    assert "sk-of-the-operator" not in repr(double.upstream)


def test_a_kind_finds_its_provider_and_an_unknown_kind_says_so():
    assert isinstance(provider_for("openai"), OpenAIProvider)
    assert isinstance(provider_for("sandbox"), SandboxProvider)
    with pytest.raises(UnknownProviderKind) as raised:
        provider_for("carrier-pigeon")
    assert raised.value.status == 501
