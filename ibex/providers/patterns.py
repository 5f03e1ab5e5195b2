"""Names of models with `*` for any part: which providers serve a model, and what it costs there."""

from __future__ import annotations

from collections.abc import Iterable

ANY = "*"


def is_pattern(name: str) -> bool:
    """Whether it stands for more than one name."""
    return ANY in name


def matches(name: str, pattern: str) -> bool:
    """Whether `pattern` stands for `name`. Only `*` is special, and no number of them makes it slow."""
    first, *others = pattern.split(ANY)
    if not others:
        return name == pattern
    *middles, last = others
    at, end = len(first), len(name) - len(last)
    if at > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for middle in middles:
        found = name.find(middle, at, end)
        if found < 0:
            return False
        at = found + len(middle)
    return True


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of `patterns` stands for `name`."""
    return any(matches(name, pattern) for pattern in patterns)
