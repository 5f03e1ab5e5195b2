"""Which provider speaks for which kind of provider row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ibex.providers.anthropic import AnthropicProvider
from ibex.providers.base import Provider
from ibex.providers.errors import UnknownProviderKind
from ibex.providers.openai import OpenAIProvider
from ibex.providers.sandbox import SandboxProvider

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {"openai": OpenAIProvider(), "anthropic": AnthropicProvider(), "sandbox": SandboxProvider()}
)


def provider_for(kind: str) -> Provider:
    """The provider of a row's `kind`. Raises UnknownProviderKind."""
    try:
        return PROVIDERS[kind]
    except KeyError:
        raise UnknownProviderKind from None
