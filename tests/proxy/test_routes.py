"""Which provider is asked first: by priority, then who names the model; only `*` is special."""

from __future__ import annotations

from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async

from agents.models import Organization, ProviderConnection
from agents.services import providers
from ibex.core.errors import ModelNotFound
from ibex.core.tenancy import scope
from ibex.providers.base import Price
from ibex.providers.pricing import FREE
from proxy.routes import routes_of, upstreams_for


@pytest.fixture
def connect(hot_path, acme: Organization):
    @sync_to_async
    def connect(name, *patterns, priority=1, **fields):
        with scope(acme.pk):
            providers.save(
                org=acme,
                actor="system",
                name=name,
                kind="openai",
                base_url="https://models.test/v1",
                model_patterns=patterns,
                priority=priority,
                **fields,
            )

    return connect


async def names(acme, model: str) -> list[str]:
    return [upstream.name for upstream in await upstreams_for(acme.pk, model)]


async def test_an_exact_name_goes_before_a_pattern_of_the_same_priority(connect, acme):
    await connect("Wide", "gpt-*")
    await connect("Exact", "gpt-4o")
    assert await names(acme, "gpt-4o") == ["Exact", "Wide"]
    assert await names(acme, "gpt-5") == ["Wide"]


async def test_the_priority_goes_before_the_exact_name(connect, acme):
    await connect("Wide", "gpt-*", priority=1)
    await connect("Exact", "gpt-4o", priority=2)
    assert await names(acme, "gpt-4o") == ["Wide", "Exact"]


@pytest.mark.parametrize("pattern", ["gpt-?", "gpt-[45]", "gpt-[!x]"])
async def test_only_the_star_is_special(connect, acme, pattern):
    await connect("Odd", pattern)
    assert await names(acme, "gpt-4") == ["Sandbox"]
    assert await names(acme, pattern) == ["Odd"]


async def test_a_model_that_nobody_serves_is_not_found(connect, acme):
    await without_sandbox(acme)
    await connect("Mine", "gpt-*")
    with pytest.raises(ModelNotFound):
        await upstreams_for(acme.pk, "claude")


@sync_to_async
def without_sandbox(acme):
    with scope(acme.pk):
        ProviderConnection.objects.all().delete()


async def test_prices_reach_the_request_path_and_the_sandbox_is_free(connect, acme):
    await connect("Mine", "gpt-*", prices={"gpt-4o*": {"prompt": "2.5", "completion": 10}})
    mine, sandbox = (route.upstream for route in await routes_of(acme.pk))
    assert mine.prices == {"gpt-4o*": Price(Decimal("2.5"), Decimal(10))}
    assert sandbox.prices == FREE


async def test_the_sandbox_serves_its_own_name_beside_others(connect, acme):
    await connect("Mine", "*")
    await rename_sandbox(acme, ["*", "trial"])
    assert await names(acme, "gpt-4o") == ["Mine"]
    assert await names(acme, "trial") == ["Mine", "Sandbox"]


@sync_to_async
def rename_sandbox(acme, patterns):
    with scope(acme.pk):
        ProviderConnection.objects.filter(kind="sandbox").update(model_patterns=patterns)
