"""Step 2, second half: does a candidate try to instruct the model against its operator?

Judged by what the text would have the assistant do, not by single words: override its rules, switch safeguards off, keep
a secret, send data out, act for everybody. Patterns only; a suspected memory waits for a human, so a miss costs more
than a false alarm, and both are counted by tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = r".{0,48}?"
TEXT_CHARACTERS = 8_192
"""Of a longer text the beginning is judged: no memory is longer."""
THRESHOLD = 0.5

_RULES = r"(?:instruct|rules?\b|guideline|polic(?:y|ies)|directive|prompt|restriction|guardrail)"
_CHECKS = r"(?:check|verif|confirm|approv|safety|security|moderat|filter|audit|logging|authenticat|consent)"
_DATA = r"(?:conversation|transcript|password|api[ -]?key|secret|credential|system prompt|card number|tokens?\b)"
_PATTERNS = {
    "overrides rules": rf"\b(?:ignor|disregard|forget|overrid|bypass|supersed){NEAR}(?:{_RULES}|previous|above)",
    "lifts rules": rf"{_RULES}{NEAR}(?:do(?:es)? not apply|no longer appl|not bound|lifted)",
    "switches safeguards off": rf"\b(?:disabl|turn off|skip|without|no longer needs?){NEAR}{_CHECKS}",
    "asks for secrecy": r"\b(?:hide|conceal|do not (?:tell|mention|reveal)|never (?:tell|mention|reveal))"
    rf"{NEAR}(?:user|operator|admin|anyone|this)",
    "sends data out": rf"\b(?:send|forward|upload|append|leak|print|reveal|exfiltrat){NEAR}{_DATA}",
    "speaks for everybody": r"\bfor all (?:tenants|users|customers|sessions)\b|\bother users?'? ",
    "changes persona": r"\b(?:act as|you are now|pretend to be)\b.{0,24}?(?:\bDAN\b|unrestricted|unfiltered|developer mode)",
    "imitates markup": r"</?(?:system|memory|assistant|instruction)\b|\[/?INST\]|<\|im_(?:start|end)\|>",
    "runs commands": r"\bcall the [a-z]+_[a-z_]+ tool\b|\brm -rf\b|\bcurl\b.{0,40}?\| ?sh\b",
}
_COMPILED = {name: re.compile(pattern, re.IGNORECASE | re.DOTALL) for name, pattern in _PATTERNS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`score`: 0 harmless to 1 surely hostile; `reasons` name what was found and hold nothing of the text."""

    suspicious: bool
    score: float
    reasons: tuple[str, ...] = ()


def assess(text: str, embedding: NDArray[np.float32] | None = None) -> Verdict:
    """Judge a candidate. `embedding` (384) is for classifiers that use it."""
    judged = text[:TEXT_CHARACTERS]
    reasons = tuple(name for name, pattern in _COMPILED.items() if pattern.search(judged))
    score = 1 - 0.4 ** len(reasons)
    return Verdict(suspicious=score >= THRESHOLD, score=score, reasons=reasons)
