"""The interval covers the truth as often as it says, a zero effect is no effect, and strata are not mixed up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from context.effect import EVEN_SESSIONS, Finding, judged
from context.figures import FIGURES, Figure
from context.intervals import Difference, Stratum, Sums, difference, student_t

RUNS = 600
BY_NAME = {figure.name: figure for figure in FIGURES}
Draw = tuple[np.ndarray, np.ndarray]


def sums(drawn: Draw) -> Sums:
    x, y = (values[drawn[1] > 0].astype(float) for values in drawn)
    return Sums(
        n=len(x),
        x=x.sum(),
        y=y.sum(),
        xx=(x * x).sum(),
        xy=(x * y).sum(),
        yy=(y * y).sum(),
        some=int((x > 0).sum()),
        not_all=int((x < y).sum()),
    )


def turns(rng: np.random.Generator, n: int, mean: float = 4.0) -> np.ndarray:
    return rng.geometric(1 / mean, n)


def draw(rng: np.random.Generator, figure: Figure, n: int, effect: float = 1.0) -> Draw:
    """Sessions as they are: turns come in runs, tokens in lumps, corrections with people who correct."""
    said = turns(rng, n)
    if figure.name == "corrections":
        inclined = np.clip(rng.beta(0.5, 9.5, n) * effect, 0, 1)
        return rng.binomial(said, inclined), said
    if figure.name == "prompt_tokens":
        return said * rng.lognormal(6, 0.8, n) * effect, np.ones(n)
    return turns(rng, n, 4 * effect), np.ones(n)


def compared(rng: np.random.Generator, figure: Figure, n: int, share: float, effect: float = 1.0) -> Stratum:
    held_out = int(rng.binomial(n, share))
    return Stratum(
        with_memories=sums(draw(rng, figure, n - held_out, effect)), held_out=sums(draw(rng, figure, held_out))
    )


@pytest.mark.parametrize("name", ["turns", "corrections", "prompt_tokens"])
@pytest.mark.parametrize(("n", "share"), [(1_000, 0.2), (3_000, 0.1), (600, 0.5)])
def test_a_zero_effect_is_inside_the_interval_and_is_called_none(name: str, n: int, share: float) -> None:
    rng, figure = np.random.default_rng(11), BY_NAME[name]
    found = [judged(figure, [compared(rng, figure, n, share)]) for _ in range(RUNS)]
    said = [result for result in found if result.finding is not Finding.NOT_ENOUGH]
    outside = sum(result.finding is not Finding.NO_DIFFERENCE for result in said) / len(said)
    called = sum(result.finding is Finding.CLEAR for result in said) / len(said)
    assert len(said) > RUNS / 2
    assert outside <= 0.08
    assert called <= 0.025


@pytest.mark.parametrize(("name", "effect", "truth"), [("turns", 0.8, -0.8), ("corrections", 0.5, -2.5)])
def test_an_effect_is_inside_the_interval_and_is_found(name: str, effect: float, truth: float) -> None:
    rng, figure = np.random.default_rng(12), BY_NAME[name]
    found = [judged(figure, [compared(rng, figure, 4_000, 0.3, effect)]) for _ in range(RUNS)]
    spans = [result.difference for result in found if result.difference]
    covered = sum(span.low <= truth <= span.high for span in spans) / len(spans)
    assert len(spans) == RUNS
    assert covered >= 0.92
    assert sum(result.finding is Finding.CLEAR for result in found) / RUNS > 0.9


def test_few_sessions_are_not_judged() -> None:
    rng = np.random.default_rng(13)
    for figure in (BY_NAME["turns"], BY_NAME["corrections"]):
        assert judged(figure, [compared(rng, figure, 80, 0.2)]).finding is Finding.NOT_ENOUGH
        assert judged(figure, []).finding is Finding.NOT_ENOUGH
        assert judged(figure, [Stratum(with_memories=Sums(), held_out=Sums())]).finding is Finding.NOT_ENOUGH


def test_unequal_sessions_must_be_more() -> None:
    rng, figure = np.random.default_rng(14), BY_NAME["prompt_tokens"]
    even = (np.full(EVEN_SESSIONS + 5, 100.0), np.ones(EVEN_SESSIONS + 5))
    assert judged(figure, [Stratum(with_memories=sums(even), held_out=sums(even))]).difference is not None
    assert judged(figure, [compared(rng, figure, 4 * EVEN_SESSIONS, 0.5)]).finding is Finding.NOT_ENOUGH


def test_what_never_happened_in_one_group_says_nothing() -> None:
    never, sometimes = (np.zeros(200), np.ones(200)), (np.arange(200) % 4 == 0, np.ones(200))
    stratum = Stratum(with_memories=sums(never), held_out=sums(sometimes))
    assert judged(BY_NAME["errors"], [stratum]).finding is Finding.NOT_ENOUGH


def test_what_changed_between_two_shares_is_no_effect() -> None:
    """Sessions get longer while the share grows: put together, held-out ones would look longer."""
    rng, figure = np.random.default_rng(15), BY_NAME["turns"]

    def group(n: int, mean: float) -> Sums:
        return sums((turns(rng, n, mean), np.ones(n)))

    early = Stratum(with_memories=group(9_000, 3), held_out=group(1_000, 3))
    late = Stratum(with_memories=group(5_000, 6), held_out=group(5_000, 6))
    mixed = Stratum(
        with_memories=added(early.with_memories, late.with_memories), held_out=added(early.held_out, late.held_out)
    )
    assert judged(figure, [mixed]).finding is Finding.CLEAR
    assert judged(figure, [early, late]).finding is Finding.NO_DIFFERENCE


def added(one: Sums, other: Sums) -> Sums:
    return Sums(**{name: getattr(one, name) + getattr(other, name) for name in Sums.__slots__})


def test_the_arithmetic_is_welchs() -> None:
    one, other = np.array([3.0, 4, 6, 9, 2]), np.array([5.0, 7, 8, 12, 10, 9])
    stratum = Stratum(with_memories=sums((one, np.ones(5))), held_out=sums((other, np.ones(6))))
    found = difference([stratum])
    error = math.sqrt(one.var(ddof=1) / 5 + other.var(ddof=1) / 6)
    assert (found.value, found.error) == (pytest.approx(one.mean() - other.mean()), pytest.approx(error))
    assert found.freedom == pytest.approx(8.098, abs=0.001)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("share", "freedom", "expected"),
    [(0.975, 10, 2.2281), (0.975, 30, 2.0423), (0.975, 120, 1.9799), (0.975, math.inf, 1.9600), (0.995, 60, 2.6603)],
)
def test_the_quantiles_are_students(share: float, freedom: float, expected: float) -> None:
    assert student_t(share, freedom) == pytest.approx(expected, abs=0.002)


def test_a_wider_interval_is_asked_where_more_is_compared() -> None:
    found = Difference(with_memories=1.0, held_out=0.0, error=0.45, freedom=1_000)
    assert found.leaves_out_zero()
    assert not found.leaves_out_zero(of=7)
