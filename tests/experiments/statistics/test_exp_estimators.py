"""Fidelities and their intervals: exact limits, dense states, and coverage by simulation."""

import math
from collections.abc import Callable
from functools import cache, reduce

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from experiments.statistics.estimators import (
    BELL_MEASUREMENT,
    THREE_STABILIZERS,
    Counts,
    Estimate,
    LinearEstimator,
    clopper_pearson,
    parity_oscillations,
)

X, Y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])


OUT_OF_RANGE = LinearEstimator(0.7, (0.9, -1.5))
"""Takes values far below 0 and far above 1."""


@st.composite
def counts(draw: st.DrawFn, largest: int = 3000) -> Counts:
    shots = draw(st.integers(1, largest))
    return Counts(draw(st.integers(0, shots)), shots)


@st.composite
def runs(draw: st.DrawFn) -> tuple[LinearEstimator, list[Counts]]:
    estimator = draw(
        st.sampled_from([BELL_MEASUREMENT, THREE_STABILIZERS, parity_oscillations(6), OUT_OF_RANGE])
    )
    size = len(estimator.weights)
    return estimator, draw(st.lists(counts(), min_size=size, max_size=size))


# --- one setting ---


@pytest.mark.parametrize("shots", [1, 2, 10, 137, 10_000])
@pytest.mark.parametrize("part", [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1])
@pytest.mark.parametrize("confidence", [0.68, 0.95, 0.99])
def test_clopper_pearson_is_the_exact_interval(shots: int, part: float, confidence: float) -> None:
    successes = round(part * shots)
    exact = binomtest(successes, shots).proportion_ci(confidence, method="exact")
    found = clopper_pearson(Counts(successes, shots), confidence)
    assert found == pytest.approx((exact.low, exact.high), abs=1e-9)


@hypothesis.settings(deadline=None)
@hypothesis.given(counts())
def test_clopper_pearson_mirrors_when_success_and_failure_swap(count: Counts) -> None:
    low, high = clopper_pearson(count)
    mirrored = clopper_pearson(Counts(count.shots - count.successes, count.shots))
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@hypothesis.settings(deadline=None)
@hypothesis.given(counts())
def test_one_setting_has_the_clopper_pearson_interval(count: Counts) -> None:
    found = BELL_MEASUREMENT.estimate([count])
    assert (found.ci_low, found.ci_high) == pytest.approx(clopper_pearson(count), abs=1e-12)


@pytest.mark.parametrize(("successes", "shots"), [(-1, 10), (11, 10), (0, 0), (0, -1)])
def test_impossible_counts_are_refused(successes: int, shots: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes in {shots} shots"):
        Counts(successes, shots)


@hypothesis.given(counts(), counts(), counts())
def test_merging_counts_adds_both_numbers_in_any_order(a: Counts, b: Counts, c: Counts) -> None:
    merged = a + b + c
    assert merged == c + (b + a)
    assert merged.successes == a.successes + b.successes + c.successes
    assert merged.shots == a.shots + b.shots + c.shots


# --- linear combinations ---


def test_value_is_the_linear_form() -> None:
    assert LinearEstimator(1.5, (2.0, -0.5)).value([0.25, 0.5]) == 1.75


@pytest.mark.parametrize("probabilities", [[], [0.5], [0.5] * 3])
def test_every_weight_needs_its_setting(probabilities: list[float]) -> None:
    with pytest.raises(ValueError, match="zip"):
        LinearEstimator(0.0, (1.0, 1.0)).value(probabilities)


def test_two_qubits_are_the_three_stabilizers() -> None:
    assert parity_oscillations(2) == THREE_STABILIZERS


@pytest.mark.parametrize("r", [0, -1])
def test_a_ghz_state_needs_a_qubit(r: int) -> None:
    with pytest.raises(ValueError, match=f"r = {r}"):
        parity_oscillations(r)


def test_a_negative_weight_turns_the_interval_around() -> None:
    count = Counts(3, 40)
    low, high = clopper_pearson(count)
    turned = LinearEstimator(1.0, (-1.0,)).estimate([count])
    assert (turned.ci_low, turned.ci_high) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_the_standard_error_is_that_of_independent_binomials() -> None:
    shots, parts = 1_000_000, (0.9, 0.8, 0.7)
    found = THREE_STABILIZERS.estimate([Counts(round(p * shots), shots) for p in parts])
    exact = math.sqrt(sum(0.25 * p * (1 - p) / shots for p in parts))
    assert found.std_err == pytest.approx(exact, rel=1e-4)


@hypothesis.settings(deadline=None)
@hypothesis.given(runs())
def test_the_interval_lies_in_0_1_and_holds_the_value_if_that_does(
    experiment: tuple[LinearEstimator, list[Counts]],
) -> None:
    estimator, found = experiment
    estimate = estimator.estimate(found)
    assert 0 <= estimate.ci_low <= estimate.ci_high <= 1
    assert estimate.std_err > 0
    if 0 <= estimate.value <= 1:
        assert estimate.ci_low <= estimate.value <= estimate.ci_high


@hypothesis.settings(deadline=None)
@hypothesis.given(runs(), st.integers(2, 20))
def test_more_shots_of_the_same_fractions_narrow_the_interval(
    experiment: tuple[LinearEstimator, list[Counts]], factor: int
) -> None:
    estimator, few = experiment
    many = [Counts(factor * c.successes, factor * c.shots) for c in few]
    wide, narrow = estimator.estimate(few), estimator.estimate(many)
    assert narrow.value == pytest.approx(wide.value, abs=1e-12)
    assert narrow.std_err < wide.std_err
    assert wide.ci_low - 1e-12 <= narrow.ci_low <= narrow.ci_high <= wide.ci_high + 1e-12


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(counts(), min_size=3, max_size=3), st.permutations(range(3)))
def test_settings_of_equal_weight_may_be_permuted(found: list[Counts], order: list[int]) -> None:
    one = THREE_STABILIZERS.estimate(found)
    other = THREE_STABILIZERS.estimate([found[k] for k in order])
    assert (one.value, one.std_err, one.ci_low, one.ci_high) == pytest.approx(
        (other.value, other.std_err, other.ci_low, other.ci_high), abs=1e-12
    )


@hypothesis.settings(deadline=None)
@hypothesis.given(runs())
def test_higher_confidence_gives_a_wider_interval(
    experiment: tuple[LinearEstimator, list[Counts]],
) -> None:
    estimator, found = experiment
    narrow, wide = (estimator.estimate(found, level) for level in (0.8, 0.99))
    assert wide.ci_low <= narrow.ci_low <= narrow.ci_high <= wide.ci_high


# --- parity oscillations of dense states ---


def rotated_parity(r: int, k: int) -> NDArray[np.complex128]:
    """M_k = ⊗(cos(kπ/r) X + sin(kπ/r) Y)."""
    angle = k * math.pi / r
    return reduce(np.kron, [math.cos(angle) * X + math.sin(angle) * Y] * r)


def success_probabilities(rho: NDArray, r: int) -> list[float]:
    """Exact chances of success of the r+1 settings."""
    populations = float((rho[0, 0] + rho[-1, -1]).real)
    means = [float(np.trace(rho @ rotated_parity(r, k)).real) for k in range(1, r + 1)]
    return [populations, *((1 + (-1) ** k * mean) / 2 for k, mean in enumerate(means, 1))]


def ghz(r: int, bits: int = 0, sign: int = 1) -> NDArray[np.complex128]:
    """(|b> + s|b̄>)/√2."""
    state = np.zeros(2**r, dtype=complex)
    state[bits], state[~bits % 2**r] = 1, sign
    return state / math.sqrt(2)


def projector(state: NDArray) -> NDArray:
    return np.outer(state, state.conj())


def random_density_matrix(r: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    entries = rng.normal(size=(2**r, 2**r, 2)) @ [1, 1j]
    return (rho := entries @ entries.conj().T) / np.trace(rho)


def random_ghz_diagonal(r: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    states = [ghz(r, bits, sign) for bits in range(2 ** (r - 1)) for sign in (1, -1)]
    weights = rng.dirichlet(np.ones(len(states)))
    return sum(w * projector(state) for w, state in zip(weights, states, strict=True))


def noisy_ghz(r: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    mixed = rng.uniform()
    return (1 - mixed) * projector(ghz(r)) + mixed * random_density_matrix(r, rng)


@pytest.mark.parametrize("r", range(1, 6))
@pytest.mark.parametrize("make", [random_density_matrix, random_ghz_diagonal, noisy_ghz])
def test_parity_oscillations_give_the_fidelity_of_any_state(
    r: int, make: Callable[[int, np.random.Generator], NDArray]
) -> None:
    rng = np.random.default_rng(r)
    for _ in range(10):
        rho = make(r, rng)
        exact = float(np.vdot(ghz(r), rho @ ghz(r)).real)
        found = parity_oscillations(r).value(success_probabilities(rho, r))
        assert found == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("r", range(1, 6))
def test_the_ideal_ghz_state_scores_1(r: int) -> None:
    chances = success_probabilities(projector(ghz(r)), r)
    assert chances == pytest.approx([1] * (r + 1), abs=1e-12)
    assert parity_oscillations(r).value(chances) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("r", range(1, 6))
def test_a_classical_mixture_scores_one_half(r: int) -> None:
    mixture = (projector(ghz(r)) + projector(ghz(r, sign=-1))) / 2
    assert mixture == pytest.approx(np.diag(np.diag(mixture)))
    found = parity_oscillations(r).value(success_probabilities(mixture, r))
    assert found == pytest.approx(1 / 2, abs=1e-12)


@pytest.mark.parametrize("r", range(1, 6))
def test_the_maximally_mixed_state_scores_the_noise_floor(r: int) -> None:
    found = parity_oscillations(r).value(success_probabilities(np.eye(2**r) / 2**r, r))
    assert found == pytest.approx(2**-r, abs=1e-12)


# --- coverage ---

EXPERIMENTS = 10_000
FIDELITIES = [0.26, 0.5, 0.9, 0.99]
SHOTS = [200, 2000, 10_000]


def simulated(
    estimator: LinearEstimator, probabilities: list[float], shots: int, experiments: int
) -> list[Estimate]:
    rng = np.random.default_rng(20260101)
    drawn = rng.binomial(shots, probabilities, (experiments, len(probabilities))).tolist()

    @cache
    def estimate(*successes: int) -> Estimate:
        return estimator.estimate([Counts(k, shots) for k in successes])

    # The settings of these estimators count alike, so their order does not matter.
    return [estimate(*sorted(successes)) for successes in drawn]


def coverage(estimates: list[Estimate], fidelity: float) -> float:
    return sum(e.ci_low <= fidelity <= e.ci_high for e in estimates) / len(estimates)


@pytest.mark.parametrize("shots", SHOTS)
@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_intervals_of_a_bell_measurement_cover(fidelity: float, shots: int) -> None:
    found = coverage(simulated(BELL_MEASUREMENT, [fidelity], shots, EXPERIMENTS), fidelity)
    assert 0.94 <= found <= 0.985


@pytest.mark.parametrize("shots", SHOTS)
@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_intervals_of_three_stabilizers_cover(fidelity: float, shots: int) -> None:
    """Equal chances; unequal ones are summed exactly in test_exp_intervals.py."""
    probabilities = [fidelity + (1 - fidelity) / 3] * 3
    assert THREE_STABILIZERS.value(probabilities) == pytest.approx(fidelity)
    found = coverage(simulated(THREE_STABILIZERS, probabilities, shots, 4000), fidelity)
    assert 0.94 <= found <= 0.985


@pytest.mark.parametrize("shots", [200, 2000])
@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_exact_coverage_of_a_bell_measurement(fidelity: float, shots: int) -> None:
    """Summed over all outcomes instead of sampled."""
    chances = binom.pmf(range(shots + 1), shots, fidelity)
    estimates = [BELL_MEASUREMENT.estimate([Counts(k, shots)]) for k in range(shots + 1)]
    covered = [e.ci_low <= fidelity <= e.ci_high for e in estimates]
    assert 0.95 <= chances @ covered <= 0.985


@pytest.mark.parametrize("shots", SHOTS)
@pytest.mark.parametrize("estimator", [BELL_MEASUREMENT, THREE_STABILIZERS])
def test_at_perfect_fidelity_intervals_hold_1_and_have_a_width(
    estimator: LinearEstimator, shots: int
) -> None:
    estimate = estimator.estimate([Counts(shots, shots)] * len(estimator.weights))
    assert estimate.value == estimate.ci_high == 1
    assert estimate.ci_low < 1
    assert estimate.std_err > 0


def normal_theory(successes: NDArray, shots: int) -> tuple[NDArray, NDArray]:
    value = successes / shots
    error = 1.96 * np.sqrt(value * (1 - value) / shots)
    return value - error, value + error


def test_normal_theory_fails_where_our_intervals_hold() -> None:
    covered = {}
    for fidelity in FIDELITIES:
        for shots in SHOTS:
            drawn = np.random.default_rng(20260101).binomial(shots, fidelity, EXPERIMENTS)
            low, high = normal_theory(drawn, shots)
            covered[fidelity, shots] = ((low <= fidelity) & (fidelity <= high)).mean()
    assert covered[0.99, 200] < 0.90
    assert covered[0.9, 200] < 0.94


@pytest.mark.parametrize("shots", SHOTS)
def test_normal_theory_has_no_width_at_perfect_fidelity(shots: int) -> None:
    low, high = normal_theory(np.array([shots]), shots)
    assert low == high == 1
