"""A text as numbers: what it would have the assistant do, how it is built, and the words and letters it uses.

A memory is dangerous by what it would authorise (money, access, secrecy, recipients, overriding rules, switching off
safeguards), by whom it addresses (the assistant of later sessions, everybody) and by posing as something it is not
(markup, another persona, an authority). Those signals are in quarantine_signals.toml; n-grams are hashed into a fixed
number of places, so nothing of a training text can be read out of the weights.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]

SIGNALS_FILE = Path(__file__).with_name("quarantine_signals.toml")
TEXT_CHARACTERS = 8_192  # the longest memory; of a longer text the beginning is judged
SIGNAL_HEAD = 512  # characters at 4 us each: the signals cost at most about 3 ms
SIGNAL_TAIL = 256
WORD_PLACES = 1 << 13
LETTER_PLACES = 1 << 14
LETTER_RUNS = (3, 4, 5)  # characters of an n-gram
NGRAM_PLACES = WORD_PLACES + LETTER_PLACES

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n+")
_LETTER_OPENING = re.compile(
    r"\b(?:subject|betreff|from|email_from|received|dear|hi|hello|minutes|invoice|ticket)\b.{0,40}?[:,]", re.IGNORECASE
)
_TASK = re.compile(
    r"""(?:^|[.!?:|\n"\u201d)][ \n]{0,3})(?:please[ ]|now[ ]|then[ ]|also[ ])?(?:write|explain|describe|summari[sz]e
    |give|name|tell|compose|draft|recommend|list|suggest|sort|calculate|convert|translate|reply|leave|reverse|replace|encode|put|answer
    |remove|add|use|insert|include|mention|convince|modify|change|end|work|integrate|ignore|state|claim|ask|send|forward
    |define|analy[sz]e|find|create|design|plan|teach|provide|offer|determine|render|craft|adapt|adjust|alter|incorporate
    |introduce|identify|compare|generate|outline|discuss|develop|prepare|produce|present|format|substitute|make|do[ ]not
    |show|what[ ]is|schreibe|übersetze|nenne|erkläre)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"\w+|[^\w\s]")
_HASH_FACTOR = np.uint32(0x01000193)  # FNV's prime
_HASH_MIX = np.uint32(0x9E3779B1)  # 2^32 over the golden ratio


class Signal(NamedTuple):
    """One thing a text may do; `name` completes "this text …"."""

    name: str
    danger: bool
    pattern: re.Pattern[str]


@lru_cache(maxsize=1)
def signals() -> tuple[Signal, ...]:
    """The signals in the order of the weights."""
    table = tomllib.loads(SIGNALS_FILE.read_text())
    fragments: dict[str, str] = table["fragments"]

    def whole(pattern: str) -> str:
        for name, fragment in fragments.items():
            pattern = pattern.replace(f"<{name}>", fragment)
        return pattern

    return tuple(
        Signal(row["name"], row["danger"], re.compile(whole(row["pattern"]), re.IGNORECASE)) for row in table["signals"]
    )


def clean(text: str) -> str:
    """One form for all spellings: compatibility and invisible characters, spaces; e-mails as if redacted."""
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS]))
    return _EMAIL.sub("[EMAIL]", " ".join(folded.split()))


def present(cleaned: str) -> dict[str, bool]:
    """Which signals a cleaned text shows, by name; of a long one its beginning and its end are searched."""
    if len(cleaned) > SIGNAL_HEAD + SIGNAL_TAIL:
        cleaned = f"{cleaned[:SIGNAL_HEAD]}\n{cleaned[-SIGNAL_TAIL:]}"
    return {signal.name: signal.pattern.search(cleaned) is not None for signal in signals()}


def structure(text: str, cleaned: str, shown: dict[str, bool]) -> Array:
    """The signals themselves, how they meet, and whether orders stand in a text that is otherwise a document."""
    danger = sum(shown[signal.name] for signal in signals() if signal.danger)
    standing = any(
        shown[name]
        for name in (
            "sets a standing rule",
            "addresses the assistant",
            "speaks for everybody",
            "waits for a trigger",
        )
    )
    careful = shown["protects someone"] or shown["requires or forbids"]
    acts = shown["is an order to act"]
    letters = sum(map(str.isalpha, cleaned)) or 1
    symbols = sum(not (character.isalnum() or character == " ") for character in cleaned)
    met = [
        min(danger, 4) / 4,
        min(danger, 4) / 4 * standing,
        min(danger, 4) / 4 * (not careful),
        acts and standing,
        acts and danger > 0,
        shown["is about a person"] and danger == 0,
        danger >= 1,
        danger >= 2,
        danger >= 3,
        *_orders(text, dictates=shown["dictates answers"]),
        min(sum(map(str.isupper, cleaned)) / letters, 0.5) * 2,
        min(symbols / max(1, len(cleaned)), 0.3) * 3,
    ]
    return np.array([*shown.values(), *met], dtype=np.float32)


def ngrams(cleaned: str) -> Array:
    """1 + log of how often each place is hit: words and pairs of words, then runs of 3 to 5 characters."""
    text = re.sub(r"\d", "0", cleaned.lower())
    words = _WORD.findall(text)
    grams = [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    places = Counter(zlib.crc32(gram.encode("utf-8", "replace")) % WORD_PLACES for gram in grams)
    vector = np.zeros(NGRAM_PLACES, dtype=np.float32)
    if places:
        vector[list(places)] = 1 + np.log(np.fromiter(places.values(), dtype=np.float32))
    hit, times = np.unique(_letter_places(f" {text} "), return_counts=True)
    vector[WORD_PLACES + hit] = 1 + np.log(times)
    return vector


def weigh(vectors: Array, idf: Array, word_scale: float, letter_scale: float) -> Array:
    """TF-IDF rows (n x NGRAM_PLACES) with the words' half of length `word_scale` and the letters' of `letter_scale`."""
    weighed = vectors * idf
    for half, scale in ((slice(0, WORD_PLACES), word_scale), (slice(WORD_PLACES, None), letter_scale)):
        weighed[:, half] *= scale / (np.linalg.norm(weighed[:, half], axis=1, keepdims=True) + 1e-9)
    return weighed


def _orders(text: str, *, dictates: bool) -> list[float]:
    """An order among many statements is out of place; a list of orders is a recipe."""
    head = text[:TEXT_CHARACTERS]
    sentences = max(1, len(_SENTENCE_END.findall(head.strip())))
    tasks = len(_TASK.findall(head))
    document = tasks > 0 and sentences >= 4
    letter = tasks > 0 and _LETTER_OPENING.search(head[:400]) is not None
    return [
        tasks > 0,
        min(tasks, 5) / 5,
        document,
        letter,
        document and tasks / sentences < 0.3,
        dictates and sentences >= 3,
    ]


def _letter_places(text: str) -> np.ndarray[Any, np.dtype[np.uint32]]:
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    hashes = []
    for length in LETTER_RUNS:
        count = len(points) - length + 1
        if count < 1:
            continue
        value = np.full(count, length, dtype=np.uint32)
        for offset in range(length):
            value = (value * _HASH_FACTOR ^ points[offset : offset + count]) * _HASH_MIX
        hashes.append((value ^ value >> np.uint32(15)) % np.uint32(LETTER_PLACES))
    return np.concatenate(hashes) if hashes else np.zeros(0, dtype=np.uint32)
