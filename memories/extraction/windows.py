"""Turns in portions that fit into one question to a model: whole turns together, a long turn in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ibex.core.tokens import estimate
from memories.extraction.contract import Turn

WINDOW_TOKENS = 4_000
"""Of turns in one question: with instructions and known memories it fits a model that reads 8,192 tokens."""
BEFORE_TOKENS = 800
"""Of earlier turns, the nearest, so that "there" and "she" can be understood."""
PARTS_MAX = 8
"""Of one turn: 32,000 tokens, more than the 100 KiB that one message may have. What is beyond is not read."""

_CLOSE = 0.8
"""A part ends at a space in its last fifth, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one question is about. The texts of `turns` and `before` may be parts of what was said in them."""

    turns: tuple[Turn, ...]
    before: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A turn, cut where it is long. `left_out`: parts beyond PARTS_MAX."""

    turns: tuple[Turn, ...]
    left_out: int = 0


def windows(turns: Sequence[Turn], before: Sequence[Turn] = ()) -> Iterator[Window]:
    """`turns` in order, each with what was said just before it; what is too long for PARTS_MAX parts is left out."""
    said = list(before)
    filling: list[Turn] = []
    for turn in turns:
        for part in parts_of(turn).turns:
            if filling and _tokens(*filling, part) > WINDOW_TOKENS:
                yield Window(turns=tuple(filling), before=_latest(said))
                said += filling
                filling = []
            filling.append(part)
    if filling:
        yield Window(turns=tuple(filling), before=_latest(said))


def parts_of(turn: Turn) -> Parts:
    """The turn itself, or what the user said in parts and then what the assistant answered, in parts as well."""
    if _tokens(turn) <= WINDOW_TOKENS:
        return Parts(turns=(turn,))
    user = [replace(turn, user_text=text, assistant_text="") for text in _cut(turn.user_text)]
    assistant = [replace(turn, user_text="", assistant_text=text) for text in _cut(turn.assistant_text)]
    parts = [*user, *assistant]
    return Parts(turns=tuple(parts[:PARTS_MAX]), left_out=max(len(parts) - PARTS_MAX, 0))


def _latest(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The last of them within BEFORE_TOKENS; the very last in any case, its end at least."""
    kept: list[Turn] = []
    for turn in reversed(turns):
        if kept and _tokens(turn, *kept) > BEFORE_TOKENS:
            break
        kept.insert(0, turn)
    if kept and _tokens(*kept) > BEFORE_TOKENS:
        last = kept[0]
        kept = [replace(last, user_text=_end(last.user_text), assistant_text=_end(last.assistant_text))]
    return tuple(kept)


def _end(text: str) -> str:
    fits = _characters(text, BEFORE_TOKENS // 2)
    return text[-fits:]


def _tokens(*turns: Turn) -> int:
    return sum(estimate(turn.user_text) + estimate(turn.assistant_text) for turn in turns)


def _cut(text: str) -> Iterator[str]:
    size = _characters(text, WINDOW_TOKENS)
    while len(text) > size:
        space = max(text.rfind(sign, int(size * _CLOSE), size) for sign in ("\n", " "))
        end = space + 1 if space > 0 else size
        yield text[:end]
        text = text[end:]
    if text.strip():
        yield text


def _characters(text: str, tokens: int) -> int:
    """About how many characters of `text` are so many tokens."""
    return max(int(len(text) * tokens / max(estimate(text), 1)), 1)
