"""CHSH test: three circuits, one ideal value, and the bounds."""

import math
from itertools import product

import pytest
from dense import outcome_distribution, success_chance

from experiments.gates import clones_of
from experiments.kinds.chsh import (
    CLASSICAL_BOUND,
    QUANTUM_BOUND,
    SCENARIOS,
    ChshPoint,
    imperfect_cloner_s,
    points,
)
from experiments.protocol import Cloning
from experiments.statistics.estimators import CHSH, Counts

DECRYPTED = ("2-1", "2-2", "2-3")
SIZES = [(n, clone) for n in (2, 3) for clone in clones_of(n)]


def ideal_s(point: ChshPoint) -> float:
    return point.linear_estimator.value([s.ideal_success() for s in point.settings()])


@pytest.mark.parametrize("strategy", ["unitary", "feedforward", "frame"])
@pytest.mark.parametrize("scenario", DECRYPTED)
@pytest.mark.parametrize(("n", "clone"), SIZES)
def test_a_decrypted_clone_reaches_the_quantum_bound(n, clone, scenario, strategy):
    point = ChshPoint(Cloning(n, clone, strategy), scenario)
    assert ideal_s(point) == pytest.approx(2 * math.sqrt(2), abs=1e-12)


@pytest.mark.parametrize(("n", "clone"), SIZES)
def test_an_undecrypted_clone_shows_nothing(n, clone):
    assert ideal_s(ChshPoint(Cloning(n, clone), "undecrypted")) == 0


@pytest.mark.parametrize("strategy", ["unitary", "frame"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_correlator_is_that_of_a_dense_simulation(scenario, strategy):
    for setting in ChshPoint(Cloning(2, 1, strategy), scenario).settings():
        chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
        assert setting.ideal_success() == pytest.approx(chance, abs=1e-9), setting.label


@pytest.mark.parametrize("n", [2, 3])
def test_frame_shots_of_a_pair_of_settings_are_one_sample(n):
    """Each setting alone has the right correlator, whichever Pauli the key announces."""
    for setting in ChshPoint(Cloning(n, 1, "frame"), "2-2").settings():
        sign = -1 if setting.label == "X-" else 1
        chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
        assert 2 * chance - 1 == pytest.approx(sign / math.sqrt(2), abs=1e-9), setting.label


def order(point: ChshPoint) -> list[str]:
    """Labelled stages and readouts of the first setting, in order."""
    circuit = point.settings()[0].circuit
    out = []
    for instruction in circuit.data:
        if instruction.name == "measure":
            name = circuit.find_bit(instruction.qubits[0]).registers[0][0].name
            out.append(f"read {name}")
        elif instruction.name == "barrier" and instruction.label:
            out.append(instruction.label)
    return out


def test_the_three_orders_of_time_are_three_circuits():
    stages = ["preparation", "encryption"]
    point = {s: ChshPoint(Cloning(2), s) for s in SCENARIOS}
    assert order(point["2-1"]) == [*stages, "read R", "reference read", "decryption", "read S"]
    assert order(point["2-2"]) == [*stages, "decryption", "read R", "read S"]
    assert order(point["2-3"]) == [*stages, "decryption", "read S", "read R"]
    assert order(point["undecrypted"]) == [*stages, "read R", "read S"]


def test_the_readout_of_2_3_is_not_simultaneous():
    circuit = ChshPoint(Cloning(2), "2-3").settings()[0].circuit
    names = [i.name for i in circuit.data]
    first, last = names.index("measure"), len(names) - 1 - names[::-1].index("measure")
    assert "barrier" in names[first:last]


@pytest.mark.parametrize(("n", "copies"), [(2, 3), (3, 3), (4, 5), (5, 5)])
def test_the_imperfect_cloner_stays_below_the_classical_bound(n, copies):
    assert len(clones_of(n)) == copies
    s = imperfect_cloner_s(copies)
    assert s == pytest.approx(QUANTUM_BOUND * (copies + 2) / (3 * copies))
    assert s < CLASSICAL_BOUND


def test_errors_of_s_are_those_of_four_independent_correlators():
    shots = 10_000
    chance = (1 + 1 / math.sqrt(2)) / 2
    good, bad = round(shots * chance), round(shots * (1 - chance))
    found = CHSH.estimate([Counts(good, shots)] * 3 + [Counts(bad, shots)])
    assert found.value == pytest.approx(QUANTUM_BOUND, abs=1e-3)
    # Var(E) = (1 - E²)/N for each correlator E = ±1/√2.
    assert found.std_err == pytest.approx(math.sqrt(4 * 0.5 / shots), rel=1e-3)
    assert found.ci_low < QUANTUM_BOUND < found.ci_high <= 4


def test_a_sweep_measures_an_undecrypted_clone_once():
    found = points([2], [1], ["unitary", "frame"], ["2-2", "undecrypted"])
    assert [(p.cloning.strategy, p.scenario) for p in found] == [
        ("unitary", "2-2"),
        ("unitary", "undecrypted"),
        ("frame", "2-2"),
    ]
    assert len({p.label for p in found}) == 3


def test_published_values_belong_to_unitary_decryption_of_a_signal():
    for n, scenario in product((2, 6), DECRYPTED):
        assert ChshPoint(Cloning(n), scenario).published() is not None
    assert ChshPoint(Cloning(2, 0), "2-2").published() is None
    assert ChshPoint(Cloning(2, 1, "frame"), "2-2").published() is None
    assert ChshPoint(Cloning(7), "2-2").published() is None


def test_witness_has_no_clone_to_test():
    with pytest.raises(ValueError, match="decrypts nothing"):
        ChshPoint(Cloning(2, 1, "witness"), "2-2")
