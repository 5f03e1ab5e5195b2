"""A question's vector by encoder.c: the network of the graph, in two thirds of onnxruntime's time (AVX2, 23 tokens).

onnxruntime takes two hundred steps for six layers; here each product ends in what comes after it. Its twin is the graph
itself (`memories.embedding.model`): the cosine of the two vectors of a text is .9997, and either's to the network in
full precision .998.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ibex.core.native import address, declared, processor_flags
from memories.embedding.encoder import DIMENSIONS
from memories.embedding.errors import EmbeddingUnavailable

SOURCE = Path(__file__).with_name("encoder.c")
MUCH_FASTER_THERE = frozenset({"avx_vnni", "avx512_vnni"})
"""Such a processor multiplies and adds bytes in one step, which onnxruntime makes use of and encoder.c does not."""
PACKED_BYTES = 61_211_136
"""What encoder.c reads, all of it: a file of another size is not the one it was written for."""
WORDS = 30_522
_P = ctypes.c_void_p
_FUNCTIONS = {"embed": (None, (_P, _P, ctypes.c_int, _P, _P)), "work_floats": (ctypes.c_long, (ctypes.c_int,))}

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


class NativeEncoder:
    """Token ids to a unit vector. Safe to share between threads."""

    def __init__(self, code: ctypes.CDLL, packed: Path, *, tokens: int) -> None:
        """`tokens`: the most that a text may have. Raises EmbeddingUnavailable when the file is not whole."""
        if packed.stat().st_size != PACKED_BYTES:
            raise EmbeddingUnavailable
        self._weights = np.memmap(packed, dtype=np.uint8, mode="r")
        self.model = address(self._weights)
        """Where the weights are; `function` reads them, and takes `work_bytes` to work in."""
        self._tokens = tokens
        self._embed = code.embed
        self.function = ctypes.cast(self._embed, ctypes.c_void_p)
        self._work_floats = code.work_floats(tokens)
        self.work_bytes = self._work_floats * np.dtype(np.float32).itemsize
        self._unused: list[np.ndarray] = []

    def run(self, ids: Sequence[int]) -> Vector:
        """The vector (384) of a text with these token ids, outside Python's lock. Raises ValueError as `checked`."""
        given = self.checked(ids)
        # One place to work in for each thread that is at it, made once.
        work = self._unused.pop() if self._unused else np.empty(self._work_floats, dtype=np.float32)
        vector = np.empty(DIMENSIONS, dtype=np.float32)
        self._embed(self.model, address(given), len(given), address(work), address(vector))
        self._unused.append(work)
        return vector

    def checked(self, ids: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Token ids as `function` takes them. Raises ValueError for those that no tokenizer of the model makes."""
        if not 0 < len(ids) <= self._tokens or not 0 <= min(ids) <= max(ids) < WORDS:
            raise ValueError(len(ids))
        return np.array(ids, dtype=np.int32)


def native_encoder(packed: Path, *, tokens: int) -> NativeEncoder | None:
    """The encoder over the weights in `packed`; None where onnxruntime is to do it."""
    if processor_flags() & MUCH_FASTER_THERE:
        return None
    code = declared(SOURCE, _FUNCTIONS)
    return None if code is None else NativeEncoder(code, packed, tokens=tokens)
