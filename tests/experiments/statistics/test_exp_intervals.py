"""Intervals of sums of settings: their coverage summed over all outcomes, and their width."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from scipy.stats import binom, t

from experiments.statistics.estimators import (
    THREE_STABILIZERS,
    Counts,
    IntervalMethod,
    LinearEstimator,
    clopper_pearson,
    parity_oscillations,
    sampled_stabilizers,
)
from experiments.statistics.intervals import bounded_mean_interval, pooled_interval

PROCESS = LinearEstimator(0.0, (1 / 6,) * 6)
SHOTS = 20
CHANCES = (0.5, 0.75, 0.9, 0.97, 1 - 1 / SHOTS, 1 - 0.2 / SHOTS, 1.0)


@cache
def interval(
    estimator: LinearEstimator, successes: tuple[int, ...], shots: int, method: IntervalMethod
) -> tuple[float, float]:
    found = estimator.estimate([Counts(k, shots) for k in successes], method=method)
    return found.ci_low, found.ci_high


def exact_coverage(
    estimator: LinearEstimator, chances: Sequence[float], shots: int, method: IntervalMethod
) -> float:
    """Probability that the interval holds the truth, summed over all outcomes of equal settings."""
    truth = estimator.value(chances)
    laws = [binom.pmf(range(shots + 1), shots, p) for p in chances]
    covered = 0.0
    for outcome in product(range(shots + 1), repeat=len(chances)):
        chance = math.prod(law[k] for law, k in zip(laws, outcome, strict=True))
        if chance > 1e-9:
            low, high = interval(estimator, tuple(sorted(outcome)), shots, method)
            covered += chance * (low - 1e-12 <= truth <= high + 1e-12)
    return covered


@pytest.mark.parametrize("chances", [*combinations_with_replacement(CHANCES, 3)], ids=str)
def test_three_settings_are_covered_whatever_their_chances(chances: tuple[float, ...]) -> None:
    """Guaranteed, not on average; outcomes that are left out have together 1e-5 at most."""
    assert exact_coverage(THREE_STABILIZERS, chances, SHOTS, "pooled") >= 0.95 - 1e-5


def test_mover_over_single_settings_does_not_cover_near_1() -> None:
    """Why the method was changed."""
    chances = (1 - 0.2 / SHOTS,) * 3
    assert exact_coverage(THREE_STABILIZERS, chances, SHOTS, "mover") < 0.92


@pytest.mark.parametrize("shots", [20, 200, 10_000])
@pytest.mark.parametrize("chance", [0.5, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("settings", [2, 6, 16])
def test_equal_settings_are_covered_as_one(settings: int, chance: float, shots: int) -> None:
    """Where settings agree all shots make up one binomial variable; summed over its outcomes."""
    total = settings * shots
    likely = np.arange(total + 1)
    law = binom.pmf(likely, total, chance)
    likely = likely[law > 1e-7]
    covered = 0.0
    for successes in likely.tolist():
        shared = np.full(settings, successes // settings)
        shared[: successes % settings] += 1
        low, high = pooled_interval(shared, np.full(settings, shots), 0.95)
        covered += float(law[successes]) * (low <= chance <= high)
    assert covered >= 0.95 - 1e-3


@pytest.mark.parametrize("shots", [200, 2000])
@pytest.mark.parametrize(
    ("chance", "spread"),
    [(0.5, 0.0), (0.5, 0.3), (0.75, 0.0), (0.75, 0.5), (0.9, 0.5), (0.97, 0.0), (0.97, 0.5)],
)
@pytest.mark.parametrize(
    "estimator",
    [THREE_STABILIZERS, PROCESS, parity_oscillations(4), parity_oscillations(15)],
    ids=["three", "process", "r4", "r15"],
)
def test_intervals_are_at_most_5_percent_wider_than_those_of_mover(
    estimator: LinearEstimator, chance: float, shots: int, spread: float
) -> None:
    """The mean of several experiments; a spread of 0.5 makes the errors differ threefold."""
    rng = np.random.default_rng(20260101)
    number = len(estimator.weights)
    chances = 1 - (1 - chance) * np.linspace(1 - spread, 1 + spread, number)
    widths = {"pooled": 0.0, "mover": 0.0}
    methods: tuple[IntervalMethod, ...] = ("pooled", "mover")
    for _ in range(6):
        drawn = [Counts(int(k), shots) for k in rng.binomial(shots, chances)]
        for method in methods:
            found = estimator.estimate(drawn, method=method)
            widths[method] += found.ci_high - found.ci_low
    assert widths["pooled"] <= 1.05 * widths["mover"]


@pytest.mark.parametrize("comparisons", [1, 10, 100, 10_000])
def test_many_comparisons_leave_an_interval(comparisons: int) -> None:
    """Bonferroni divides the error, and every interval holds the one before."""
    counts = [Counts(190, 200), Counts(120, 200), Counts(150, 200)]
    for estimator in (THREE_STABILIZERS, LinearEstimator(-1.0, (1.0, 0.5, 0.5), -1.0, 1.0)):
        plain = estimator.estimate(counts)
        strict = estimator.estimate(counts, 1 - 0.05 / comparisons)
        assert estimator.low < strict.ci_low <= plain.ci_low < plain.value
        assert plain.value < plain.ci_high <= strict.ci_high < estimator.high


def test_a_setting_without_weight_does_not_matter() -> None:
    weighed = LinearEstimator(-0.5, (0.5, 0.0, 0.5, 0.5))
    counts = [Counts(90, 100), Counts(85, 100), Counts(97, 100)]
    with_it = weighed.estimate([counts[0], Counts(3, 7), *counts[1:]])
    without = THREE_STABILIZERS.estimate(counts)
    assert (with_it.ci_low, with_it.ci_high) == (without.ci_low, without.ci_high)


# --- drawn settings


@pytest.mark.parametrize("number", [8, 16])
@pytest.mark.parametrize("rare", [0.0, 0.02, 0.1, 0.3])
def test_skewed_draws_are_covered(number: int, rare: float) -> None:
    """A share of all has lost its mean; exact over how many of these are drawn."""
    mean = rare * 0.55 + (1 - rare) * 0.97
    law = binom.pmf(range(number + 1), number, rare)
    covered = 0.0
    for lost in range(number + 1):
        values = np.array([0.55] * lost + [0.97] * (number - lost))
        low, high = bounded_mean_interval(values, 0.95)
        covered += float(law[lost]) * (low <= mean <= high)
    assert covered >= 0.95


def test_the_error_of_the_draw_stands_apart_from_that_of_the_shots() -> None:
    rng = np.random.default_rng(20260101)
    number, shots = 32, 500
    estimator = sampled_stabilizers(number, whole=False)
    of_draw, values = [], []
    for _ in range(150):
        chances = [0.9, *rng.uniform(0.7, 1.0, number)]
        found = estimator.estimate([Counts(int(rng.binomial(shots, p)), shots) for p in chances])
        assert found.std_err_of_draw is not None
        of_draw.append(found.std_err_of_draw**2)
        values.append((found.value, found.std_err))
    # Contributions are p_k; a uniform variable of width w has the variance w²/12.
    assert np.mean(of_draw) == pytest.approx(0.3**2 / 12 / number, rel=0.1)
    spread, stated = np.std([v for v, _ in values]), np.mean([e for _, e in values])
    assert stated == pytest.approx(spread, rel=0.2)


def test_nothing_that_is_not_drawn_has_an_error_of_the_draw() -> None:
    assert THREE_STABILIZERS.estimate([Counts(9, 10)] * 3).std_err_of_draw is None
    whole = sampled_stabilizers(8, whole=True).estimate([Counts(9, 10)] * 9)
    assert whole.std_err_of_draw is None


# --- runs of format 1


@pytest.mark.parametrize("estimator", [THREE_STABILIZERS, sampled_stabilizers(8, whole=False)])
def test_mover_is_that_of_runs_of_format_1(estimator: LinearEstimator) -> None:
    """Written out again, so that the numbers of old runs stay what they are."""
    rng = np.random.default_rng(1)
    number = len(estimator.weights)
    counts = [Counts(int(k), 300) for k in rng.binomial(300, 0.85, number)]
    fractions = np.array([c.successes / c.shots for c in counts])
    limits = np.array([clopper_pearson(c) for c in counts])
    weights = np.array(estimator.weights)
    below = float(weights**2 @ (fractions - limits[:, 0]) ** 2)
    above = float(weights**2 @ (limits[:, 1] - fractions) ** 2)
    smooth = np.array([(c.successes + 0.5) / (c.shots + 1) for c in counts])
    variance = float(weights**2 @ (smooth * (1 - smooth)) / 300)
    if drawn := estimator.sampled:
        spread = float(np.var(weights[-drawn:] * fractions[-drawn:] * drawn, ddof=1)) / drawn
        quantile = float(t.ppf(0.975, drawn - 1)) ** 2
        variance, below, above = (
            variance + spread,
            below + quantile * spread,
            above + quantile * spread,
        )
    value = estimator.offset + float(weights @ fractions)
    found = estimator.estimate(counts, method="mover")
    assert (found.value, found.std_err, found.ci_low, found.ci_high) == pytest.approx(
        (value, math.sqrt(variance), value - math.sqrt(below), value + math.sqrt(above)), abs=1e-12
    )
    assert found.std_err_of_draw is None
