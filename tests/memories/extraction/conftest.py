"""Turns to learn from, and a stand-in for the embedding model: extraction decides by patterns first."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from memories.extraction import Candidate, LocalExtractor, Turn

Learn = Callable[..., list[Candidate]]
MONDAY = datetime(2023, 5, 8, 13, 0, tzinfo=UTC)


def bag_of_words(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors that are near where texts share words."""
    vectors = np.full((len(texts), 384), 1e-6, dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            row[zlib.crc32(word.encode()) % 384] += 1.0
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def contents(candidates: list[Candidate]) -> list[str]:
    return [candidate.content for candidate in candidates]


@pytest.fixture
def extractor() -> LocalExtractor:
    return LocalExtractor(bag_of_words)


@pytest.fixture
def learn(extractor: LocalExtractor) -> Callable[..., list[Candidate]]:
    """What is learned of one turn said on Monday, 8 May 2023."""

    def learned(user: str, assistant: str = "", **more: str) -> list[Candidate]:
        return extractor.extract([turn(user, assistant, **more)])

    return learned


def turn(user: str, assistant: str = "", number: int = 1, **more: str) -> Turn:
    return Turn(number=number, said_at=MONDAY, user_text=user, assistant_text=assistant, **more)
