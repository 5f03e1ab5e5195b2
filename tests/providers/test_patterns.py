from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibex.providers.patterns import matches

WORDS = st.text("ab*", max_size=8)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "*"),
        ("", "*"),
        ("gpt-4o-mini", "gpt-4o*"),
        ("gpt-4o", "gpt-4o*"),
        ("openai/gpt-4o", "*/gpt-4o"),
        ("claude-3-5-haiku-latest", "claude-*-haiku-*"),
        ("aXbXc", "a*b*c"),
        ("what?", "what?"),
        ("a[1]", "a[1]"),
        ("a\nb", "a*b"),
    ],
)
def test_it_stands_for_the_name(name, pattern):
    assert matches(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("gpt-4o", "gpt-4"),
        ("gpt-4o", "GPT-4o"),
        ("gpt-4o", ""),
        ("gpt-4o-mini", "*gpt-4o"),
        ("aba", "ab*ba"),
        ("claude-haiku", "claude-*-haiku"),
        ("whatx", "what?"),
        ("a1", "a[1]"),
    ],
)
def test_it_does_not(name, pattern):
    assert not matches(name, pattern)


@given(name=st.text("ab", max_size=8), pattern=WORDS)
def test_it_agrees_with_the_definition(name, pattern):
    def stands(name: str, pattern: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(stands(name[cut:], pattern[1:]) for cut in range(len(name) + 1))
        return name[:1] == pattern[0] and stands(name[1:], pattern[1:])

    assert matches(name, pattern) == stands(name, pattern)


def test_many_stars_are_not_slow():
    assert not matches("a" * 256, "*a" * 100 + "*b*")
