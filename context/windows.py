"""How many tokens a model's context holds, prompt and answer together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

UNKNOWN_WINDOW = 8_192
"""Tokens assumed for a model that is not listed (SPEC section 6)."""

# By the beginning of the name, the longest that fits; figures as the vendors publish them.
WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        "ibex-sandbox": 128_000,
        # OpenAI
        "gpt-3.5-turbo": 16_385,
        "gpt-3.5-turbo-instruct": 4_096,
        "gpt-4": 8_192,
        "gpt-4-32k": 32_768,
        "gpt-4-turbo": 128_000,
        "gpt-4-1106": 128_000,
        "gpt-4-0125": 128_000,
        "gpt-4o": 128_000,
        "chatgpt-4o": 128_000,
        "gpt-4.1": 1_047_576,
        "gpt-4.5": 128_000,
        "gpt-5": 400_000,
        "gpt-oss": 131_072,
        "o1": 200_000,
        "o1-mini": 128_000,
        "o1-preview": 128_000,
        "o3": 200_000,
        "o4-mini": 200_000,
        # Anthropic
        "claude-2": 100_000,
        "claude-": 200_000,
        # Google
        "gemini-1.5-pro": 2_097_152,
        "gemini-": 1_048_576,
        "gemma-2": 8_192,
        "gemma-3": 131_072,
        # Open weights and others
        "llama-3": 8_192,
        "llama-3.1": 131_072,
        "llama-3.2": 131_072,
        "llama-3.3": 131_072,
        "llama3.1": 131_072,
        "llama3.2": 131_072,
        "llama3.3": 131_072,
        "meta-llama-3.1": 131_072,
        "mistral-large": 131_072,
        "mistral-small": 32_768,
        "mixtral-8x7b": 32_768,
        "mixtral-8x22b": 65_536,
        "qwen2.5": 32_768,
        "qwen3": 32_768,
        "deepseek-chat": 65_536,
        "deepseek-reasoner": 65_536,
        "command-r": 128_000,
        "grok-2": 131_072,
        "grok-3": 131_072,
        "grok-4": 256_000,
    }
)


@lru_cache(maxsize=1_024)
def window_of(model: str) -> int:
    """Tokens of the context of `model`; a vendor in front of the name (`openai/gpt-4o`) does not matter."""
    name = model.rpartition("/")[2].lower()
    known = max((prefix for prefix in WINDOWS if name.startswith(prefix)), key=len, default="")
    return WINDOWS.get(known, UNKNOWN_WINDOW)
