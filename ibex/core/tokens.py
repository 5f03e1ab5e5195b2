"""The only module that knows a tokenizer: how many tokens a text has for a model's family.

bpe-openai's own package also keeps every vocabulary as Python dictionaries (150 MB a process, a second to build); its
compiled half alone counts the same, so that is what is loaded.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

DEFAULT_ENCODING = "o200k_base"
OLDER_ENCODING = "cl100k_base"
CHUNK_CHARACTERS = 100_000
"""bpe-openai refuses input over 200,000 tokens; a character is at most a few tokens, most are a fraction of one."""

_OLDER_FAMILIES = ("gpt-4-", "gpt-3.5", "text-embedding")
_PACKAGE = "bpe_openai"


def encoding_for(model: str) -> str:
    """The encoding of a model's family; other vendors' models are counted with the newest, a close estimate."""
    return OLDER_ENCODING if model == "gpt-4" or model.startswith(_OLDER_FAMILIES) else DEFAULT_ENCODING


def count(text: str, encoding: str = DEFAULT_ENCODING) -> int:
    """Tokens of `text`. Half a surrogate pair, which is no Unicode text, counts as a question mark."""
    tokenizer = _tokenizer(encoding)
    valid = text if text.isascii() else text.encode("utf-8", "replace").decode()
    if len(valid) <= CHUNK_CHARACTERS:
        return int(tokenizer.count(valid))
    chunks = (valid[start : start + CHUNK_CHARACTERS] for start in range(0, len(valid), CHUNK_CHARACTERS))
    return sum(int(tokenizer.count(chunk)) for chunk in chunks)


@lru_cache(maxsize=4)
def _tokenizer(encoding: str) -> Any:
    return _bindings().tokenizer_for_encoding(encoding)


@lru_cache(maxsize=1)
def _bindings() -> Any:
    package = find_spec(_PACKAGE)
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise ModuleNotFoundError(f"The package {_PACKAGE} is not installed.")
    path = next(Path(folders[0]).glob("_bindings*.so"))
    spec = spec_from_file_location(f"{_PACKAGE}._bindings", path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{path.name} cannot be loaded.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
