"""A web process says that it is ready when its model has answered once, and no sooner."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.flow.conftest import wait_for
from tests.memories.embedding.web import told, web

WAITING_LIBRARY = """
import os, time
import numpy as np

class SentenceTransformer:
    def __init__(self, name, device):
        while not os.path.exists({gate!r}):
            time.sleep(0.02)

    def get_embedding_dimension(self):
        return 384

    def encode_document(self, texts, **options):
        return np.full((len(texts), 384), 384 ** -0.5, dtype=np.float32)

    encode_query = encode_document
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a web server with these settings; its address."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(web(tmp_path, settings))


def test_a_process_is_ready_when_its_model_is_warm(running: Callable[..., str], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "sentence_transformers.py").write_text(WAITING_LIBRARY.format(gate=str(gate)))
    (tmp_path / "torch.py").write_text("def set_num_threads(count): pass\n")
    address = running(IBEX_EMBEDDING_BACKEND="sentence-transformers")
    wait_for(lambda: told(address)[1].get("vault"), what="the vault")
    assert told(address)[0] == 503
    assert told(address)[1]["embedding"] is False
    with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
        assert answer.status == 200, "it lives, and calls go through without memory"
    gate.touch()
    wait_for(lambda: told(address)[0] == 200, what="/ready")
    assert told(address)[1]["embedding"] is True


def test_a_process_without_its_model_says_what_to_install(running: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "sentence_transformers.py").write_text("raise ImportError('not here')\n")
    address = running(IBEX_EMBEDDING_BACKEND="sentence-transformers", IBEX_LOG_LEVEL="ERROR")
    wait_for(lambda: told(address)[1].get("vault"), what="the vault")
    wait_for(lambda: b"requirements/reference.in" in (tmp_path / "log").read_bytes(), what="the log")
    assert told(address)[0] == 503
