"""GHZ states of clones: exact values, and that no classical mixture passes."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from dense import outcome_distribution, success_chance
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

from experiments.kinds.ghz import LARGEST_R, GhzPoint
from experiments.settings import Setting
from experiments.statistics.estimators import Counts, sampled_stabilizers

CASES = [
    (r, strategy, estimator)
    for r, strategy, estimator in product(
        (1, 2, 3, 4), ("unitary", "feedforward", "frame"), ("parity", "stabilizers")
    )
    if not (strategy == "frame" and estimator == "parity" and r > 2)
]


def ideal(point: GhzPoint) -> float:
    return point.linear_estimator.value([s.ideal_success() for s in point.settings()])


@pytest.mark.parametrize(("r", "strategy", "estimator"), CASES)
def test_the_ideal_fidelity_is_one(r, strategy, estimator):
    for clone in (0, 1, 2):
        assert ideal(GhzPoint(r, 2, clone, strategy, estimator)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("r", [8, 22])
def test_the_ideal_fidelity_is_one_at_any_size(r):
    sampled = GhzPoint(r, estimator="stabilizers", stabilizers=8)
    for point in (sampled, GhzPoint(r)):
        # The populations have 2^r - 1 products of parities: the others are single ones.
        for setting in point.settings()[1:]:
            assert setting.ideal_success() == pytest.approx(1), setting.label


@pytest.mark.parametrize(("r", "estimator"), [(1, "parity"), (2, "parity"), (3, "stabilizers")])
def test_every_setting_is_that_of_a_dense_simulation(r, estimator):
    strategies = ["unitary", "frame"] if r < 3 else ["unitary"]
    for strategy in strategies:
        for setting in GhzPoint(r, 2, 1, strategy, estimator).settings():
            chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
            assert setting.ideal_success() == pytest.approx(chance, abs=1e-9), setting.label


def test_turned_settings_are_those_of_a_dense_simulation():
    for setting in GhzPoint(3).settings():
        chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
        assert setting.ideal_success() == pytest.approx(chance, abs=1e-9), setting.label


def with_errors(setting: Setting, z_on: tuple[int, ...], x_on: tuple[int, ...]) -> Setting:
    """The setting with Pauli gates on some A_k just after the GHZ state was prepared."""
    changed = setting.circuit.copy_empty_like()
    for instruction in setting.circuit.data:
        if instruction.name == "barrier" and instruction.label == "preparation":
            for k in z_on:
                changed.z(next(reg for reg in changed.qregs if reg.name == f"A{k}")[0])
            for k in x_on:
                changed.x(next(reg for reg in changed.qregs if reg.name == f"A{k}")[0])
        changed.append(instruction)
    return Setting(setting.label, changed, setting.checks)


def mixed(point: GhzPoint, members: list[tuple[float, tuple[int, ...], tuple[int, ...]]]) -> float:
    """F that a mixture of Pauli-shifted GHZ states scores: (weight, Z on, X on) each."""
    chances = np.zeros(len(point.settings()))
    for weight, z_on, x_on in members:
        shifted = [with_errors(s, z_on, x_on) for s in point.settings()]
        chances += weight * np.array([s.ideal_success() for s in shifted])
    return point.linear_estimator.value(list(chances))


@pytest.mark.parametrize("r", [2, 3, 4, 5])
@pytest.mark.parametrize("estimator", ["parity", "stabilizers"])
def test_a_classical_mixture_of_all_zeros_and_all_ones_scores_one_half(r, estimator):
    """Its populations are those of a GHZ state; without coherences F = 1/2, no witness."""
    mixture = [(0.5, (), ()), (0.5, (0,), ())]
    assert mixed(GhzPoint(r, estimator=estimator), mixture) == pytest.approx(0.5, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4), estimator=st.booleans())
def test_no_mixture_of_basis_states_scores_more_than_one_half(weights, estimator):
    point = GhzPoint(3, estimator="stabilizers" if estimator else "parity")
    flips = [(), (0,), (1,), (2,)]
    total = 2 * sum(weights)
    members = [(w / total, z, x) for w, x in zip(weights, flips, strict=True) for z in ((), (0,))]
    found = mixed(point, members)
    assert found == pytest.approx(weights[0] / total, abs=1e-12)
    assert found <= 0.5 + 1e-12


@pytest.mark.parametrize("r", [2, 3, 4])
def test_both_estimators_give_the_fidelity_of_every_shifted_state(r):
    qubits = range(r)
    every = [subset for k in range(r) for subset in combinations(qubits, k)]
    for x_on in every:
        for z_on in ((), (0,)):
            # X on a set and on its complement give the same state.
            expected = 1.0 if (len(x_on) in (0, r) and not z_on) else 0.0
            for estimator in ("parity", "stabilizers"):
                found = mixed(GhzPoint(r, estimator=estimator), [(1.0, z_on, x_on)])
                assert found == pytest.approx(expected, abs=1e-12), (x_on, z_on, estimator)


@pytest.mark.parametrize("r", range(2, 8))
def test_the_chosen_stabilizers_hold_x_or_y_on_every_qubit(r):
    point = GhzPoint(r, estimator="stabilizers", stabilizers=10_000)
    letters = [s.label.split("-")[1] for s in point.settings()[1:]]
    assert len(set(letters)) == len(letters) == 2 ** (r - 1)
    assert all(set(text) <= {"X", "Y"} and text.count("Y") % 2 == 0 for text in letters)
    assert point.linear_estimator.sampled == 0


def test_drawn_stabilizers_are_unbiased_and_their_spread_counts():
    """The mean over draws is F, and the intervals of single draws hold it."""
    r, number, runs = 6, 16, 400
    rng = np.random.default_rng(1)
    # A state with coherences that differ from one stabilizer to the next.
    truth = rng.uniform(0.3, 1.0, size=2 ** (r - 1))
    f = (0.8 + truth.mean()) / 2
    estimator = sampled_stabilizers(number, whole=False)
    shots, found, held = 2000, [], 0
    for _ in range(runs):
        drawn = truth[rng.integers(0, len(truth), number)]
        chances = [0.8, *((1 + drawn) / 2)]
        counts = [Counts(int(rng.binomial(shots, p)), shots) for p in chances]
        estimate = estimator.estimate(counts)
        found.append(estimate.value)
        held += estimate.ci_low <= f <= estimate.ci_high
    assert np.mean(found) == pytest.approx(f, abs=4 * np.std(found) / math.sqrt(runs))
    assert held / runs > 0.93
    assert np.std(found) == pytest.approx(estimate.std_err, rel=0.5)


def test_a_draw_belongs_to_its_seed():
    first, again, other = (
        GhzPoint(8, estimator="stabilizers", stabilizers=6, draw=seed) for seed in (1, 1, 2)
    )
    assert [s.label for s in first.settings()] == [s.label for s in again.settings()]
    assert [s.label for s in first.settings()] != [s.label for s in other.settings()]


def test_there_are_r_plus_1_parity_settings_and_the_published_layout():
    assert [len(GhzPoint(r).settings()) for r in (2, 3, 15)] == [3, 4, 16]
    assert [GhzPoint(r).num_qubits for r in (1, 15)] == [5, 75]
    assert GhzPoint(15).noise_floor == 2**-15


def test_the_preparation_is_a_ghz_state():
    circuit: QuantumCircuit = GhzPoint(4).settings()[0].circuit
    depth = 0
    for instruction in circuit.data:
        if instruction.name == "barrier":
            break
        depth += instruction.name == "cx"
    assert depth == 3 + 2 * 4


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"r": 0}, "1 to 22 qubits"),
        ({"r": LARGEST_R + 1}, "1 to 22 qubits"),
        ({"r": 2, "strategy": "witness"}, "decrypts nothing"),
        ({"r": 3, "strategy": "frame"}, "estimator 'stabilizers'"),
        ({"r": 3, "n": 3, "clone": 0}, "clone = 0"),
    ],
)
def test_what_is_no_ghz_experiment_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        GhzPoint(**arguments)
