"""No provider leads IBEX to its own machine's secrets, whatever its address is written like or resolves to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from agents.choices import ProviderKind
from agents.services import providers
from ibex.core.errors import InvalidRequest
from ibex.core.tenancy import scope
from ibex.env import env
from ibex.providers import client
from ibex.providers.errors import ProviderAddressForbidden, ProviderNotConnected
from ibex.providers.networks import is_open, may_be_typed

CLOSED = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
OWN = ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.9", "192.168.1.5", "fd12:3456::1", "0.0.0.0", "::ffff:127.0.0.1"]  # noqa: S104
PUBLIC = ["104.18.7.192", "2606:4700::6812:7c0"]


@pytest.fixture
def public_only(monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("IBEX_PROVIDER_NETWORKS", "public")
    env.cache_clear()
    yield
    monkeypatch.undo()
    env.cache_clear()


@pytest.mark.parametrize("address", CLOSED)
def test_what_a_machine_tells_only_itself_is_closed(address):
    assert not may_be_typed(address)
    assert not is_open(ip_address(address.partition("%")[0]))


@pytest.mark.parametrize(
    "host",
    [
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.254.169.254.",
        "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
        "instance-data",
    ],
)
def test_no_other_spelling_opens_it(host):
    assert not may_be_typed(host)


@pytest.mark.parametrize("host", [*OWN, *PUBLIC, "localhost", "ollama", "api.openai.com", "models.example.internal"])
def test_a_model_server_of_ones_own_is_a_provider_like_others(host):
    assert may_be_typed(host)


def test_a_deployment_may_keep_to_the_internet(public_only):
    assert not any(map(may_be_typed, [*OWN, "localhost", "models.localhost", "2130706433"]))
    assert all(map(may_be_typed, [*PUBLIC, "api.openai.com"]))


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://[fd00:ec2::254]/v1", "http://2852039166/v1"])
def test_a_closed_address_is_not_saved(acme, url):
    with pytest.raises(InvalidRequest) as refused, scope(acme.pk):
        providers.save(org=acme, actor="system", name="Mole", kind=ProviderKind.OPENAI, base_url=url)
    [problem] = refused.value.field_errors
    assert (problem.field, problem.code.value) == ("base_url", "INVALID_FORMAT")
    assert "169" not in problem.message


@pytest.fixture
async def asked() -> Iterator[None]:
    yield
    await client.close_client()


async def get(url: str) -> None:
    await client.send("GET", url, headers={})


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]"])
async def test_a_closed_address_is_not_connected_to(asked, host):
    with pytest.raises(ProviderAddressForbidden) as refused:
        await get(f"http://{host}/latest/meta-data")
    assert refused.value.envelope("r")["error"]["code"] == "PROVIDER_ADDRESS_FORBIDDEN"


def _resolves_to(monkeypatch, *addresses: str) -> None:
    async def getaddrinfo(_loop, _host, port, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


async def test_a_name_is_judged_by_the_address_it_leads_to(asked, monkeypatch):
    _resolves_to(monkeypatch, "169.254.169.254", "100.100.100.200")
    with pytest.raises(ProviderAddressForbidden):
        await get("http://innocent.example/v1")


async def test_a_name_with_an_open_address_too_is_answered_by_that_one(double, monkeypatch):
    _resolves_to(monkeypatch, "169.254.169.254", "127.0.0.1")
    port = double.origin.rpartition(":")[2]
    answer = await client.send("GET", f"http://innocent.example:{port}/v1", headers={})
    assert answer.status == 200
    await answer.aclose()


async def test_loopback_is_not_connected_to_where_only_the_internet_is_open(double, public_only):
    with pytest.raises(ProviderAddressForbidden):
        await get(double.origin)
    assert double.seen == []


async def test_an_open_address_where_nobody_listens_is_still_only_unreachable(asked):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ProviderNotConnected):
        await get(f"http://127.0.0.1:{port}/v1")
