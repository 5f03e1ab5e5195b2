"""The one HTTP client. No other module of IBEX knows which library it is.

aiohttp, because it was measured at 0.16-0.23 ms of CPU a call for 1 to 50 callers, where httpx's own pool went from
0.28 to 4.6 ms. Bytes pass unchanged: nothing is decompressed, decoded or re-framed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp

from ibex import __version__
from ibex.providers.base import ProviderAnswer
from ibex.providers.errors import (
    ProviderAddressForbidden,
    ProviderCutOff,
    ProviderNotConnected,
    ProviderTimeout,
    ProviderUnreachable,
)
from ibex.providers.networks import ForbiddenAddress, connecting_socket

CONNECT_TIMEOUT_S = 10.0
"""For a place in the pool, the name, the connection and the TLS handshake together."""
IDLE_TIMEOUT_S = 600.0
"""Longest silence of a provider, before its headers or between two chunks: OpenAI SDKs wait as long."""
ANSWER_TIMEOUT_S = 600.0
"""Longest whole exchange that is not a stream. A stream may last as long as it talks."""
DNS_CACHE_S = 60
POOL_CONNECTIONS = 400
"""Calls under way at once, in one process: each holds two file descriptors, and many systems give a process 1,024."""
POOL_CONNECTIONS_PER_HOST = 200
"""So that one provider that hangs cannot take every connection from the others."""

_CONNECT = {"connect": CONNECT_TIMEOUT_S, "sock_read": IDLE_TIMEOUT_S}
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, **_CONNECT)
_ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S, **_CONNECT)

_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}


async def send(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, stream: bool = False
) -> ProviderAnswer:
    """Send one request and return when the answer's headers are there. Follows no redirect; repeats no POST.

    Raises ProviderUnreachable, ProviderTimeout or ProviderAddressForbidden.
    """
    timeout = _STREAM_TIMEOUT if stream else _ANSWER_TIMEOUT
    try:
        response = await _session().request(
            method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        )
    except aiohttp.ClientConnectorError as error:
        is_closed = isinstance(error.os_error, ForbiddenAddress)
        raise (ProviderAddressForbidden if is_closed else ProviderNotConnected) from error
    except TimeoutError as error:
        raise ProviderTimeout from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a URL or header that cannot be sent
        raise ProviderUnreachable from error
    answer_body = _Body(response)
    return ProviderAnswer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        chunks=answer_body,
        aclose=answer_body.aclose,
    )


async def close_client() -> None:
    """Close this event loop's connections: at shutdown, and at the end of every loop that does not last."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


class _Body(AsyncIterator[bytes]):
    """The bytes of one answer, each piece as it arrives."""

    __slots__ = ("_response",)

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except TimeoutError as error:
            raise ProviderTimeout from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderCutOff from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # A body read to its end gave its connection back to the pool already; otherwise this closes the connection,
        # which is how a provider learns that nobody listens any more.
        self._response.close()


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None:
        for ended in [known for known in list(_sessions) if known.is_closed()]:
            del _sessions[ended]
        session = _sessions[loop] = _new_session()
    return session


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=POOL_CONNECTIONS,
            limit_per_host=POOL_CONNECTIONS_PER_HOST,
            ttl_dns_cache=DNS_CACHE_S,
            socket_factory=connecting_socket,
        ),
        headers={"Accept-Encoding": "identity", "User-Agent": f"ibex/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),  # a provider's cookie for one tenant must not travel with another's call
        auto_decompress=False,
        trust_env=False,
    )
