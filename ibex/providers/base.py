"""The values of one call to a model provider, and what every provider is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from pydantic import SecretStr

from ibex.providers.errors import ProviderAnswerTooLarge

MAX_READ_BYTES = 64 * 1024 * 1024
"""Largest body `ProviderAnswer.read` keeps in memory: 2,048 embeddings of 3,072 floats in JSON are about 60 MiB."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of the prompt, and of the completion."""

    prompt: Decimal
    completion: Decimal


Prices = Mapping[str, Price]
"""By the model's name, or by a pattern of names with `*` for any part."""
NO_PRICES: Prices = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A provider row resolved for one call: its key is decrypted, and shown by no repr."""

    id: str
    name: str
    kind: str
    base_url: str
    """With the version, as OpenAI SDKs have it: `https://api.openai.com/v1`."""
    api_key: SecretStr = field(default=SecretStr(""), repr=False)
    prices: Prices = field(default_factory=lambda: NO_PRICES, repr=False)
    """What its operator says that models cost here; they go before the list prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """What to send. The body is bytes already: no provider rewrites it."""

    path: str
    """Below the base URL, with its slash: `/chat/completions`."""
    method: str = "POST"
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    """The answer is read as it comes and may last; it changes the time limits, never the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What came back, any status: the body is not read yet. Whoever takes it calls `aclose` in the end."""

    status: int
    headers: Mapping[str, str]
    """Lower-cased names. Hop-by-hop headers are still among them."""
    chunks: AsyncIterator[bytes] = field(repr=False)
    """The body's bytes, unchanged, cut where the network cut them. Raises ProviderTimeout or ProviderCutOff."""
    aclose: Callable[[], Awaitable[None]] = field(repr=False)
    """Ends the exchange; a provider that is still talking is cut off. Safe to call twice."""

    async def read(self, limit: int = MAX_READ_BYTES) -> bytes:
        """The whole body, of at most `limit` bytes, and then closed. Raises ProviderAnswerTooLarge beyond it."""
        body = bytearray()
        try:
            async for chunk in self.chunks:
                body += chunk
                if len(body) > limit:
                    raise ProviderAnswerTooLarge
        finally:
            await self.aclose()
        return bytes(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens


class Provider(Protocol):
    """One way of talking to a model. Stateless: all that differs between two calls is in its arguments."""

    async def send(self, upstream: Upstream, call: ProviderCall) -> ProviderAnswer:
        """The provider's answer, whatever its status, as soon as its headers are there.

        Raises ProviderUnreachable or ProviderTimeout when there is no answer.
        """
        ...
