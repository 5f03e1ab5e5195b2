from __future__ import annotations

import hashlib

from agents.bloom import CAPACITY, FALSE_POSITIVES, GENERATION_S, KnownBad


def digests(name: str, count: int) -> list[bytes]:
    return [hashlib.sha256(f"{name}{number}".encode()).digest() for number in range(count)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_added_is_always_found_while_two_generations_fill() -> None:
    known_bad = KnownBad()
    bad = digests("bad", 2 * CAPACITY - 1)
    for digest in bad:
        known_bad.add(digest)
    assert all(digest in known_bad for digest in bad)


def test_two_full_generations_are_wrong_at_most_once_in_a_thousand() -> None:
    known_bad = KnownBad()
    for digest in digests("bad", 2 * CAPACITY - 1):
        known_bad.add(digest)
    strangers = digests("stranger", 50_000)
    assert sum(digest in known_bad for digest in strangers) / len(strangers) <= FALSE_POSITIVES


def test_the_oldest_generation_is_forgotten_when_a_third_begins() -> None:
    known_bad = KnownBad()
    first, *rest = digests("bad", 2 * CAPACITY + 1)
    known_bad.add(first)
    for digest in rest:
        known_bad.add(digest)
    assert first not in known_bad
    assert rest[-1] in known_bad


def test_adding_one_token_again_and_again_takes_one_place() -> None:
    known_bad = KnownBad()
    first, again, *_ = digests("bad", 2)
    known_bad.add(first)
    for _ in range(3 * CAPACITY):
        known_bad.add(again)
    assert first in known_bad


def test_a_mistake_is_forgotten_after_two_lifetimes_at_most() -> None:
    clock = Clock()
    known_bad = KnownBad(clock)
    (digest,) = digests("bad", 1)
    known_bad.add(digest)
    clock.now = GENERATION_S - 1
    assert digest in known_bad
    clock.now = GENERATION_S
    assert digest in known_bad, "it moved to the older generation"
    clock.now = 2 * GENERATION_S
    assert digest not in known_bad


def test_after_a_long_silence_nothing_old_is_left() -> None:
    clock = Clock()
    known_bad = KnownBad(clock)
    (digest,) = digests("bad", 1)
    known_bad.add(digest)
    clock.now = 2 * GENERATION_S
    assert digest not in known_bad
