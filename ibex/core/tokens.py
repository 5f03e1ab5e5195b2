"""The only module that knows a tokenizer: how many tokens a text has for a model's family."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import bpe_openai

DEFAULT_ENCODING = "o200k_base"
OLDER_ENCODING = "cl100k_base"
CHUNK_CHARACTERS = 100_000
"""bpe-openai refuses input over 200,000 tokens; a character is at most a few tokens, and most are a fraction of one."""

_OLDER_FAMILIES = ("gpt-4-", "gpt-3.5", "text-embedding")


def encoding_for(model: str) -> str:
    """The encoding of a model's family; other vendors' models are counted with the newest, a close estimate."""
    return OLDER_ENCODING if model == "gpt-4" or model.startswith(_OLDER_FAMILIES) else DEFAULT_ENCODING


def count(text: str, encoding: str = DEFAULT_ENCODING) -> int:
    """Tokens of `text`."""
    tokenizer = _tokenizer(encoding)
    if len(text) <= CHUNK_CHARACTERS:
        return len(tokenizer.encode_ordinary(text))
    chunks = (text[start : start + CHUNK_CHARACTERS] for start in range(0, len(text), CHUNK_CHARACTERS))
    return sum(len(tokenizer.encode_ordinary(chunk)) for chunk in chunks)


@lru_cache(maxsize=4)
def _tokenizer(encoding: str) -> Any:
    return bpe_openai.get_encoding(encoding)
