"""CHSH test: three circuits, one ideal value, and the bounds."""

import math
from itertools import product

import numpy as np
import pytest
from dense import outcome_distribution, success_chance
from qiskit.primitives import BitArray

from experiments.gates import clones_of
from experiments.kinds.chsh import (
    CLASSICAL_BOUND,
    QUANTUM_BOUND,
    SCENARIOS,
    ChshPoint,
    imperfect_cloner_s,
    points,
)
from experiments.protocol import Cloning, find_pauli_frame
from experiments.settings import Setting
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


# The assumption of 'frame'


def local_shots(point: ChshPoint, shots: int, *, mixed: bool) -> list[BitArray]:
    """Shots of a local model, which knows in advance how they will be counted.

    The clone always gives 0. The key flips the outcomes that should be flipped: which ones depends
    on the basis of the clone alone.

    Args:
        point: the point, with strategy ``frame``.
        shots: of each setting, even.
        mixed: whether R in X and the key share a random bit, which hides the dependence.
    """
    made = []
    for setting in point.settings():
        reference, sign = setting.label
        rows = np.zeros((shots, setting.circuit.num_clbits), dtype=bool)
        for shot in range(shots):
            hidden = shot % 2 if mixed else 0
            rows[shot, key_bits(setting)] = key_that_flips(point, 0, (sign == "-") ^ hidden)
            rows[shot, bits_of(setting, "r")] = hidden if reference == "X" else 0
        made.append(BitArray.from_bool_array(rows, order="little"))
    return made


def bits_of(setting: Setting, name: str) -> list[int]:
    (register,) = (x for x in setting.circuit.cregs if x.name == name)
    return [setting.circuit.find_bit(bit).index for bit in register]


def key_bits(setting: Setting) -> list[int]:
    return bits_of(setting, "key")


def key_that_flips(point: ChshPoint, z: int, x: int) -> tuple[int, ...]:
    """An outcome of the key that flips the outcomes of these bases."""
    frame = find_pauli_frame(point.cloning.n, (point.cloning.clone,))

    def flips(outcome: tuple[int, ...], pauli: str) -> int:
        return (frame.flip[pauli] + sum(outcome[i] for i in frame.key[pauli])) % 2

    outcomes = product((0, 1), repeat=point.cloning.n)
    return next(o for o in outcomes if (flips(o, "Z"), flips(o, "X")) == (z, x))


def value_of(point: ChshPoint, shots: list[BitArray]) -> float:
    counts = [
        Counts(setting.successes(one), one.num_shots)
        for setting, one in zip(point.settings(), shots, strict=True)
    ]
    return point.linear_estimator.estimate(counts).value


@pytest.mark.parametrize("n", [2, 3])
def test_a_local_model_whose_key_knows_the_basis_reaches_four_and_is_found_out(n):
    point = ChshPoint(Cloning(n, 1, "frame"), "2-2")
    shots = local_shots(point, 100, mixed=False)
    assert value_of(point, shots) == 4
    p_value = point.assumption_p_value(shots)
    assert p_value is not None
    assert p_value < 1e-12


def test_no_test_of_the_counts_proves_the_assumption():
    """A shared random bit hides the dependence: this is why the row states it as assumed."""
    point = ChshPoint(Cloning(2, 1, "frame"), "2-2")
    shots = local_shots(point, 100, mixed=True)
    assert value_of(point, shots) == 4
    assert point.assumption_p_value(shots) == pytest.approx(1)


def test_only_frame_rests_on_the_assumption():
    for strategy in ("unitary", "feedforward"):
        point = ChshPoint(Cloning(2, 1, strategy), "2-2")
        assert point.assumption is None
        assert point.assumption_p_value([]) is None
    assert ChshPoint(Cloning(2, 1, "frame"), "undecrypted").assumption is None
    assert "clone" in (ChshPoint(Cloning(2, 1, "frame"), "2-1").assumption or "")


@pytest.mark.parametrize("scenario", DECRYPTED)
def test_honest_shots_do_not_refute_the_assumption(scenario):
    point = ChshPoint(Cloning(2, 1, "frame"), scenario)
    rng = np.random.default_rng(5)
    shots = []
    for setting in point.settings():
        law = outcome_distribution(setting.circuit)
        drawn = rng.choice(len(law), size=2000, p=law / law.sum())
        bits = drawn[:, None] >> np.arange(setting.circuit.num_clbits) & 1
        shots.append(BitArray.from_bool_array(bits.astype(bool), order="little"))
    assert value_of(point, shots) == pytest.approx(2 * math.sqrt(2), abs=0.15)
    p_value = point.assumption_p_value(shots)
    assert p_value is not None
    assert p_value > 1e-3
