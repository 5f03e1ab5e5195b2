"""GET /v1/models and one of them: a provider that is down spoils neither."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from agents.authentication import forget_everything
from agents.choices import ProviderKind
from agents.models import ProviderConnection
from ibex.core.tenancy import scope
from proxy import models_list, routes
from tests.factories import make_token
from tests.providers.conftest import double
from tests.proxy.asgi import call, in_thread

__all__ = ["double"]


@pytest.fixture(autouse=True)
def fresh():
    routes._cache.clear()
    forget_everything()


@pytest.fixture
def bearer(acme):
    with scope(acme.pk):
        ProviderConnection.objects.of(acme.pk).delete()
    return {"authorization": f"Bearer {make_token(acme)}"}


async def add(acme, name, base_url, *patterns, priority=100, kind=ProviderKind.OPENAI):
    def make():
        with scope(acme.pk):
            ProviderConnection.objects.create(
                org=acme, name=name, kind=kind, base_url=base_url, model_patterns=list(patterns), priority=priority
            )

    await in_thread(make)


def lists(double, *ids):
    async def answer(_request):
        models = [{"id": name, "object": "model", "created": 7, "owned_by": "double"} for name in ids]
        return web.json_response({"object": "list", "data": models})

    double.answer = answer


async def listed(bearer):
    answered = await call("GET", "/v1/models", **bearer)
    assert answered.status == 200
    assert answered.json["object"] == "list"
    return [(model["id"], model["owned_by"]) for model in answered.json["data"]]


async def test_the_union_is_what_each_provider_lists_and_serves(hot_path, acme, bearer, double):
    lists(double, "gpt-x", "gpt-y", "whisper")
    await add(acme, "Big", double.upstream.base_url, "gpt-*")
    await add(acme, "Small", "", "*", kind=ProviderKind.SANDBOX)
    assert await listed(bearer) == [("gpt-x", "double"), ("gpt-y", "double"), ("ibex-sandbox", "ibex")]


@pytest.mark.parametrize("status", [200, 401, 404, 500])
async def test_a_provider_without_a_list_leaves_the_names_in_its_patterns(hot_path, acme, bearer, double, status):
    async def answer(_request):
        return web.Response(status=status, text="<html>")

    double.answer = answer
    await add(acme, "Odd", double.upstream.base_url, "claude-x", "claude-*")
    assert await listed(bearer) == [("claude-x", "Odd")]


@pytest.mark.parametrize("said", [[], {"data": 5}, {"data": [None, {"id": 5}, {"id": "gpt-x", "owned_by": "o"}]}])
async def test_an_odd_list_is_read_as_far_as_it_makes_sense(hot_path, acme, bearer, double, said):
    async def answer(_request):
        return web.json_response(said)

    double.answer = answer
    await add(acme, "Odd", double.upstream.base_url, "*")
    assert await listed(bearer) == ([("gpt-x", "o")] if isinstance(said, dict) and said["data"] != 5 else [])


async def test_providers_that_hang_or_are_gone_delay_nothing_beyond_the_deadline(
    hot_path, acme, bearer, double, monkeypatch
):
    monkeypatch.setattr(models_list, "LIST_TIMEOUT_S", 0.2)

    async def answer(_request):
        await asyncio.Event().wait()

    double.answer = answer
    await add(acme, "Hangs", double.upstream.base_url, "slow-one", "slow-*")
    await add(acme, "Gone", "http://127.0.0.1:9/v1", "gone-one")
    await add(acme, "Closed", "http://169.254.169.254/v1", "closed-one")
    await add(acme, "Works", "", "*", kind=ProviderKind.SANDBOX)
    assert [name for name, _ in await listed(bearer)] == ["closed-one", "gone-one", "ibex-sandbox", "slow-one"]
    async with asyncio.timeout(5):
        await double.caller_left.wait()


async def test_the_first_choice_describes_a_model_that_several_serve(hot_path, acme, bearer, double):
    lists(double, "shared")
    await add(acme, "Second", double.upstream.base_url, "*", priority=2)
    await add(acme, "First", "http://127.0.0.1:9/v1", "shared", priority=1)
    assert await listed(bearer) == [("shared", "First")]


async def test_one_model_is_retrieved_also_with_slashes_in_its_name(hot_path, acme, bearer, double):
    lists(double, "meta/llama", "gpt-x")
    await add(acme, "Big", double.upstream.base_url, "*")
    for name in ("gpt-x", "meta/llama", "meta%2Fllama"):
        answered = await call("GET", f"/v1/models/{name}", **bearer)
        assert (answered.status, answered.json["object"]) == (200, "model")
        assert answered.json["id"] == name.replace("%2F", "/")


async def test_a_model_that_nobody_lists_is_not_found_unless_somebody_could_not_be_asked(
    hot_path, acme, bearer, double
):
    lists(double, "gpt-x")
    await add(acme, "Big", double.upstream.base_url, "*")
    answered = await call("GET", "/v1/models/secret-name", **bearer)
    assert (answered.status, answered.error["code"]) == (404, "NOT_FOUND")
    assert b"secret-name" not in answered.body
    await add(acme, "Gone", "http://127.0.0.1:9/v1", "claude-*")
    routes._cache.clear()
    assert (await call("GET", "/v1/models/gpt-z", **bearer)).status == 404
    answered = await call("GET", "/v1/models/claude-x", **bearer)
    assert (answered.status, answered.error["code"]) == (503, "SERVICE_DEGRADED")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-x"])
async def test_strangers_and_weak_tokens_are_told_nothing(hot_path, acme, bearer, path):
    assert (await call("GET", path)).status == 401
    weak = await in_thread(lambda: make_token(acme, scopes=["trace:read"]))
    assert (await call("GET", path, authorization=f"Bearer {weak}")).error["code"] == "SCOPE_MISSING"
    assert (await call("POST", path, b"{}", **bearer)).status == 405


async def test_an_organization_without_providers_is_told_so(hot_path, bearer):
    assert (await call("GET", "/v1/models", **bearer)).error["code"] == "PROVIDER_NOT_CONFIGURED"
