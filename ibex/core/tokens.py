"""The only module that knows a tokenizer: how many tokens a text has for a model's family.

bpe-openai's own package also keeps every vocabulary as Python dictionaries (150 MB a process, a second to build); its
compiled half alone counts the same, so that is what is loaded, and only in a process that has to count: even so the
newest vocabulary takes 70 MB.
"""

from __future__ import annotations

import asyncio
import re
import string
from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from typing import Any

DEFAULT_ENCODING = "o200k_base"
OLDER_ENCODING = "cl100k_base"
CHUNK_CHARACTERS = 100_000
"""bpe-openai refuses input over 200,000 tokens; a character is at most a few tokens, most are a fraction of one."""

LETTER, DIGIT, SIGN = 0.28, 0.6, 0.4
"""Tokens of one ASCII character, on average; spaces belong to the words after them."""
IDEOGRAM = 0.8
"""Tokens of one Chinese, Japanese or Korean character."""
OTHER_BYTE = 0.19
"""Tokens of one byte of what else is not ASCII."""

_LETTERS, _DIGITS = string.ascii_letters.encode(), string.digits.encode()
_BEYOND_ASCII = bytes(range(128, 256))
_IDEOGRAMS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_OLDER_FAMILIES = ("gpt-4-", "gpt-3.5", "text-embedding")
_PACKAGE = "bpe_openai"
_tokenizers: dict[str, Any] = {}


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


def at_most(text: str) -> int:
    """Never fewer than the tokens of `text`, without a tokenizer: each is at least one byte."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def estimate(text: str) -> int:
    """About as many tokens as `count` says, without a tokenizer, in a sixth of its time: for what nobody is refused by.

    The weights were fitted to Django's translations into 30 languages, its code, prose and JSON: English, Spanish,
    German, French and program text come within 13 %, most other languages within 25 %; random letters count half.
    """
    data = text.encode("utf-8", "surrogatepass")
    letters, digits, blanks = _number_of(_LETTERS, data), _number_of(_DIGITS, data), data.count(b" ")
    beyond = ideograms = 0
    if not text.isascii():
        beyond, ideograms = _number_of(_BEYOND_ASCII, data), len(_IDEOGRAMS.findall(text))
    signs = len(data) - letters - digits - blanks - beyond
    others = beyond - 3 * ideograms  # each has three bytes
    return round(LETTER * letters + DIGIT * digits + SIGN * signs + IDEOGRAM * ideograms + OTHER_BYTE * others)


def _number_of(wanted: bytes, data: bytes) -> int:
    return len(data) - len(data.translate(None, wanted))


def can_count(encoding: str) -> bool:
    """Whether `count` can be asked now. Outside an event loop always; on one, only once the tokenizer is loaded.

    Loading takes 50 ms, longer than a call has for all of its memories: it is begun in a thread, and whoever asks in
    the meantime does without.
    """
    if encoding not in _tokenizers and _on_an_event_loop():
        _load_in_a_thread(encoding)
        return False
    return True


def _on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@lru_cache(maxsize=4)
def _load_in_a_thread(encoding: str) -> Thread:
    """The one thread of this encoding, under way."""
    thread = Thread(target=_tokenizer, args=(encoding,), name="load-tokenizer", daemon=True)
    thread.start()
    return thread


def _tokenizer(encoding: str) -> Any:
    if encoding not in _tokenizers:
        _tokenizers[encoding] = _bindings().tokenizer_for_encoding(encoding)
    return _tokenizers[encoding]


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
