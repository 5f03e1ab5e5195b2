"""Personal data and secrets: what is found of it, beside the plain patterns that one would write first.

Presidio's synthetic texts say where their personal data is; keys and tokens, which they lack, are made up here in the
published formats, beside identifiers that only look like them. A value is found when a finding of its type overlaps it.
Only findings sure enough to be redacted count as said; what is less sure holds a memory back for a human.
"""

from __future__ import annotations

import random
import re
import string
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from agents.privacy import PiiAction, PiiKind
from benchmarks.decisions import Hits, Line, Row, rows_of
from benchmarks.promises import Promise
from memories.refinement.pii import SURE, PiiPolicy, redact

TYPES = {
    "EMAIL_ADDRESS": PiiKind.EMAIL,
    "PHONE_NUMBER": PiiKind.PHONE,
    "CREDIT_CARD": PiiKind.CARD,
    "IBAN_CODE": PiiKind.IBAN,
    "IP_ADDRESS": PiiKind.IP,
    "STREET_ADDRESS": PiiKind.ADDRESS,
    "PERSON": PiiKind.NAME,
}
STRUCTURED = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS")
"""Types that have a form of their own, and are promised."""
EVERYTHING = PiiPolicy(actions=dict.fromkeys(PiiKind, PiiAction.REDACT))
PLAIN = {
    PiiKind.EMAIL: r"[\w.+-]+@[\w-]+\.[\w.-]+",
    PiiKind.PHONE: r"\+?\(?\d[\d ().-]{7,}\d",
    PiiKind.CARD: r"\b(?:\d[ -]?){13,16}\b",
    PiiKind.IBAN: r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    PiiKind.IP: r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    PiiKind.ADDRESS: r"\b\d+ (?:[A-Z]\w+ )+(?:Street|St|Avenue|Ave|Road|Rd|Lane|Drive)\b",
    PiiKind.NAME: r"\b[A-Z][a-z]+ [A-Z][a-z]+\b",
}
PLAIN_SECRET = re.compile(r"(?i)\b(?:api[_-]?key|secret|token|password)\b\s?(?:is|=|:)\s?\S+|\b[\w-]{24,}\b")
SECRETS_EACH = 20
SEED = 11

Span = tuple[PiiKind, int, int]
Finder = Callable[[str], list[Span]]


def personal_data(folder: Path, *, short: bool) -> tuple[list[Line], list[Promise]]:
    """The lines of the table and what is promised of them."""
    rows = rows_of(folder, "pii_presidio.jsonl", short=short)
    lines: list[Line] = []
    told: dict[str, tuple[Hits, np.ndarray]] = {}
    for name in TYPES:
        for title, finder in (("plain pattern", _plain), ("IBEX", _ours)):
            told[name] = _found(rows, name, finder)
            lines.append(_line(f"PII {name}: {title}", *told[name]))
    ours = [told[name] for name in STRUCTURED]
    promises = [
        Promise(
            name="PII, structured: recall",
            value=float(np.concatenate([values for _, values in ours]).mean()),
            unit="", limit=0.97, at_least=True,
        ),
        Promise(
            name="PII, structured: precision",
            value=float(np.concatenate([hits.true[hits.said] for hits, _ in ours]).mean()),
            unit="", limit=0.97, at_least=True,
        ),
    ]  # fmt: skip
    secret_lines, secrets = _secrets()
    return [*lines, *secret_lines], [*promises, *secrets]


def _found(rows: Sequence[Row], name: str, finder: Finder) -> tuple[Hits, np.ndarray]:
    """Of every finding of the type whether it is right, and of every value of the type whether it was found."""
    kind = TYPES[name]
    right, values = [], []
    for row in rows:
        spans = [(span["start"], span["end"]) for span in row["spans"] if span["type"] == name]
        findings = [(start, end) for found, start, end in finder(row["text"]) if found is kind]
        right += [any(_overlap(finding, span) for span in spans) for finding in findings]
        values += [any(_overlap(finding, span) for finding in findings) for span in spans]
    said = np.ones(len(right), dtype=bool)
    return Hits(said=said, true=np.array(right, dtype=bool)), np.array(values, dtype=bool)


def _line(name: str, hits: Hits, values: np.ndarray) -> Line:
    precision, recall = hits.precision, float(values.mean()) if len(values) else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return [name, len(values), f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", "", ""]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _ours(text: str) -> list[Span]:
    findings = redact(text, EVERYTHING).findings
    return [(found.kind, found.start, found.end) for found in findings if found.confidence >= SURE]


def _plain(text: str) -> list[Span]:
    return [(kind, *match.span()) for kind, pattern in PLAIN.items() for match in re.finditer(pattern, text)]


def _secrets() -> tuple[list[Line], list[Promise]]:
    """Keys in published formats and random ones, told apart from hashes, ids and names."""
    rng = random.Random(SEED)
    keys = [make(rng) for make in _KEYS for _ in range(SECRETS_EACH)]
    others = [make(rng) for make in _NO_KEYS for _ in range(SECRETS_EACH)]
    texts = [f"For the deployment the user needs {value} from today." for value in (*keys, *others)]
    true = np.array([True] * len(keys) + [False] * len(others))
    ours = Hits(said=np.array([any(kind is PiiKind.SECRET for kind, _, _ in _ours(text)) for text in texts]), true=true)
    plain = Hits(said=np.array([bool(PLAIN_SECRET.search(text)) for text in texts]), true=true)
    return [plain.line("secrets, made up: plain pattern"), ours.line("secrets, made up: IBEX")], [
        Promise(name="secrets, made up: recall", value=ours.recall, unit="", limit=0.97, at_least=True),
        Promise(name="secrets, made up: false alarms", value=ours.false_alarms, unit="", limit=0.03),
    ]


def _some(rng: random.Random, characters: str, count: int) -> str:
    return "".join(rng.choice(characters) for _ in range(count))


_MIXED = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_KEYS: Iterable[Callable[[random.Random], str]] = (
    lambda rng: "sk-" + "proj-" + _some(rng, _MIXED, 40),
    lambda rng: "sk-" + "ant-api03-" + _some(rng, _MIXED, 60),
    lambda rng: "AK" + "IA" + _some(rng, string.ascii_uppercase + string.digits, 16),
    lambda rng: "gh" + "p_" + _some(rng, _MIXED, 36),
    lambda rng: "gl" + "pat-" + _some(rng, _MIXED, 20),
    lambda rng: "xo" + "xb-" + _some(rng, string.digits, 12) + "-" + _some(rng, _MIXED, 24),
    lambda rng: "AI" + "za" + _some(rng, _MIXED, 35),
    lambda rng: "sk" + "_live_" + _some(rng, _MIXED, 24),
    lambda rng: "SG" + "." + _some(rng, _MIXED, 22) + "." + _some(rng, _MIXED, 43),
    lambda rng: "ey" + "J" + _some(rng, _MIXED, 30) + ".eyJ" + _some(rng, _MIXED, 50) + "." + _some(rng, _MIXED, 43),
    lambda rng: "postgres" + "://app:" + _some(rng, _MIXED, 14) + "@db.internal/app",
    lambda rng: _some(rng, _MIXED, 40),
    lambda rng: _some(rng, _MIXED + "+/", 43) + "=",
)
_NO_KEYS: Iterable[Callable[[random.Random], str]] = (
    lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    lambda rng: "commit " + _some(rng, _HEX, 40),
    lambda rng: "sha256:" + _some(rng, _HEX, 64),
    lambda rng: "-".join(rng.sample(["user", "profile", "billing", "service", "worker", "staging", "frankfurt"], 5)),
    lambda rng: "_".join(rng.sample(["max", "retry", "count", "default", "timeout", "seconds", "client"], 5)).upper(),
    lambda rng: "/srv/" + "/".join(rng.sample(["releases", "current", "shared", "assets", "uploads", "public"], 4)),
    lambda rng: "https://docs.example/" + "-".join(rng.sample(["install", "upgrade", "cluster", "guide", "notes"], 4)),
    lambda rng: "order " + _some(rng, string.digits[1:], 12),
    lambda rng: f"version {rng.randrange(30)}.{rng.randrange(90)}.{rng.randrange(90)}-rc{rng.randrange(9)}",
)
