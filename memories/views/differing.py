"""Two texts beside each other, with the words marked that only one of them has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

COMPARED_MAX = 600
"""Words and signs of one text; longer texts are shown unmarked, because comparing takes their product in steps."""

_TOKEN = re.compile(r"(\w+(?:['\u2019.,:-]\w+)*|[^\w\s])(\s*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A run of words. `is_other`: the other text does not have them here. `space` follows them."""

    text: str
    space: str
    is_other: bool


Pieces = Sequence[Piece]


def compared(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces, in their order."""
    first, second = _TOKEN.findall(one), _TOKEN.findall(other)
    if max(len(first), len(second)) > COMPARED_MAX:
        return [Piece(text=one, space="", is_other=False)], [Piece(text=other, space="", is_other=False)]
    matcher = SequenceMatcher(None, [word for word, _ in first], [word for word, _ in second], autojunk=False)
    steps = matcher.get_opcodes()
    return (
        _pieces((first[low:high], kind != "equal") for kind, low, high, _, _ in steps),
        _pieces((second[low:high], kind != "equal") for kind, _, _, low, high in steps),
    )


def _pieces(runs: Iterable[tuple[Sequence[tuple[str, str]], bool]]) -> Pieces:
    return [_piece(tokens, is_other=is_other) for tokens, is_other in runs if tokens]


def _piece(tokens: Sequence[tuple[str, str]], *, is_other: bool) -> Piece:
    text = "".join(word + space for word, space in tokens)
    space = tokens[-1][1]
    return Piece(text=text.removesuffix(space) if space else text, space=space, is_other=is_other)
