"""Does this text try to instruct the model against its operator?

Two linear classifiers over `quarantine_features`: one knows attacks on a prompt (overridden instructions, personas,
orders hidden in documents), the other memories that would do harm later ("refunds need no approval any more"). The
second also weighs the text's embedding where there is one. The worse of the two decides.

Trained by scripts/train_quarantine.py on permissively licensed sets and on quarantine_examples.jsonl; nothing is
downloaded and nothing learns at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from memories.refinement.quarantine_features import Array, clean, ngrams, present, signals, structure, weigh

WEIGHTS_FILE = Path(__file__).with_name("quarantine_weights.npz")
SUSPICIOUS = 0.5  # score from which a text is quarantined
UNNAMED = "reads like known attacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """How much each kind of feature counts before training; the same for every text."""

    words: float
    letters: float
    structure: float


INJECTION = Scales(words=2.0, letters=3.0, structure=0.15)
POISON = Scales(words=2.0, letters=2.0, structure=0.5)
MEANING = 2.0  # scale of the embedding, beside POISON.structure
FAINT = 3.0  # how much further below zero a negative poison logit is taken: ranking improves, no verdict changes
BIAS = 3.0  # the constant feature: large, so that it is hardly regularised


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`score` in [0, 1]; `reasons` are the dangerous things the text does, each completing "this text …"."""

    suspicious: bool
    score: float
    reasons: tuple[str, ...]


def assess(text: str, embedding: np.ndarray | None = None) -> Verdict:
    """Judge a candidate memory. `embedding` is its vector (384) of length 1, where it has been made already."""
    cleaned = clean(text)
    shown = present(cleaned)
    form = structure(text, cleaned, shown)
    grams = ngrams(cleaned)[None]
    weights = _weights()
    injection = _logit(weights, "injection", gram_features(grams, weights["idf"], INJECTION)[0], form, INJECTION)
    poison = _logit(weights, "poison", gram_features(grams, weights["idf"], POISON)[0], form, POISON)
    if embedding is not None:
        meaning = _logit(weights, "meaning", MEANING * np.asarray(embedding, dtype=np.float32), form, POISON)
        poison = (poison + meaning) / 2
    score = float(1 / (1 + np.exp(-worse(injection, poison))))
    suspicious = score >= SUSPICIOUS
    named = tuple(signal.name for signal in signals() if signal.danger and shown[signal.name])
    return Verdict(suspicious=suspicious, score=score, reasons=(named or (UNNAMED,)) if suspicious else ())


def worse(injection: Any, poison: Any) -> Any:
    """The logit that decides, of numbers or arrays. What resembles poison only faintly says nothing about a prompt."""
    return np.maximum(injection, np.where(poison > 0, poison, FAINT * poison))


def gram_features(grams: Array, idf: Array, scales: Scales) -> Array:
    """The n-gram features (n x places) of one classifier."""
    return weigh(grams, idf, scales.words, scales.letters)


def _logit(weights: dict[str, Any], name: str, first: Array, form: Array, scales: Scales) -> float:
    value = first @ weights[f"{name}_features"] + scales.structure * form @ weights[f"{name}_structure"]
    return float(value + BIAS * weights[f"{name}_bias"])


@lru_cache(maxsize=1)
def _weights() -> dict[str, Any]:
    with np.load(WEIGHTS_FILE, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
