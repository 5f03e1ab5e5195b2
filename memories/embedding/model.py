"""all-MiniLM-L6-v2 in int8 with fixed scales: a text has one vector, alone and in every batch.

Documents are onnxruntime's, in batches; a question is encoder.c's where there is a compiler for it, else onnxruntime's.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ibex.env import env
from memories.embedding.encoder import DIMENSIONS
from memories.embedding.graph import GraphFiles, prepare
from memories.embedding.queries import NativeEncoder, Vector, native_encoder
from memories.embedding.threads import EncoderThreads, code

MODEL_NAME = "all-MiniLM-L6-v2"
DOCUMENT_TOKENS = 256  # what the model was trained with (its sentence_bert_config.json)
QUERY_TOKENS = 64  # cost grows with the tokens; 64 are about 45 words
QUERY_CHARACTERS = 2_048  # what of a query is looked at at all; its first 64 tokens are far shorter
CHARACTERS_A_TOKEN = 24  # text beyond this many characters a token is never tokenised: it could not fit anyway

BATCH_TOKENS = 1_024  # padded tokens of one run: bounds its memory; larger runs are no faster
BATCH_PADDING = 16  # tokens of padding that one run may carry: they cost what starting another run does
PARALLEL_TOKENS = 192  # below this many tokens a second thread costs more than it gains

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class EmbeddingModel:
    """Texts to unit vectors. Safe to share between threads; loaded when first used."""

    name = MODEL_NAME
    dimensions = DIMENSIONS
    ignores_case = True

    def __init__(self, files: GraphFiles, *, threads: int) -> None:
        self._files = files
        self._threads = threads

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n x 384) of texts to be stored; words after 256 tokens are not read.

        Texts of like length share a run, so padding is small; runs are spread over `threads` threads.
        """
        vectors: Vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        tokens = [self._tokenizer.ids(text, DOCUMENT_TOKENS) for text in texts]
        batches = _batches([len(ids) for ids in tokens], self._threads)

        def run(batch: list[int]) -> None:
            vectors[batch] = self._encoder.run([tokens[index] for index in batch])

        if len(batches) < 2:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(min(self._threads, len(batches)), thread_name_prefix="embed-documents") as pool:
                list(pool.map(run, batches))
        return vectors

    def embed_query(self, text: str) -> Vector:
        """The vector (384) of the first 64 tokens of `text`."""
        ids = self._question_ids(text)
        return self._encoder.run([ids])[0] if self._native is None else self._native.run(ids)

    def question_threads(self, threads: int) -> EncoderThreads | None:
        """Threads of C that make questions' vectors for the running event loop; None where there are none."""
        compiled = code()
        if compiled is None or self._native is None:
            return None
        return EncoderThreads(compiled, self._native, self._question_ids, threads=threads)

    def _question_ids(self, text: str) -> list[int]:
        return self._tokenizer.ids(text, QUERY_TOKENS)

    @cached_property
    def _native(self) -> NativeEncoder | None:
        code()  # compiled here, where no event loop waits
        return native_encoder(self._files.packed, tokens=QUERY_TOKENS)

    @cached_property
    def _encoder(self) -> _Encoder:
        return _Encoder(self._files.graph)

    @cached_property
    def _tokenizer(self) -> _Tokenizer:
        return _Tokenizer(self._files.tokenizer)


def load_model(cache: Path | None = None, *, threads: int | None = None) -> EmbeddingModel:
    """The model with its graph under `cache` (default: MODEL_DIR), built first when it is missing."""
    settings = env()
    files = prepare(cache or settings.built_dir)
    return EmbeddingModel(files, threads=threads or settings.embedding_threads * settings.web_processes)


def _batches(lengths: Sequence[int], threads: int) -> list[list[int]]:
    """Indices grouped by length: each group within both budgets of a run, and at least one for every thread."""
    share = max(PARALLEL_TOKENS, -(-sum(lengths) // threads))
    budget = min(BATCH_TOKENS, share)
    batches: list[list[int]] = []
    padded = padding = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        longest = lengths[batches[-1][0]] if batches else 0
        missing = longest - lengths[index]
        if not batches or padded + longest > budget or padding + missing > BATCH_PADDING:
            batches.append([])
            padded = padding = missing = 0
            longest = lengths[index]
        batches[-1].append(index)
        padded += longest
        padding += missing
    return batches


class _Tokenizer:
    """Texts to the numbers of their word pieces."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def ids(self, text: str, limit: int) -> list[int]:
        """The first `limit` tokens of a text, the two that frame it included."""
        cut = text.lstrip()[: limit * CHARACTERS_A_TOKEN]
        # A lone surrogate (half a pair in someone's JSON) is no Unicode text, and the tokenizer would refuse it.
        ids: list[int] = self._tokenizer.encode(cut.encode("utf-8", "replace").decode()).ids
        return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


class _Encoder:
    """The graph, for several texts at once."""

    def __init__(self, graph: Path) -> None:
        self._session = _session(graph)

    def run(self, tokens: list[list[int]]) -> Vectors:
        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


def _session(path: Path) -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # One thread a run: on two shared cores a second one makes a run slower, not faster; spinning burns the other core.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Each length is a shape of its own: plans for all of them would keep memory and save no time. The arena does save
    # some, an eighth of a batch: without it each run takes its memory from the system anew.
    options.enable_mem_pattern = False
    return InferenceSession(path, options, providers=["CPUExecutionProvider"])
