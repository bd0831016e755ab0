"""What every set of stored qubits learns, against the rule."""

import math

import numpy as np
import pytest

from experiments.kinds.leakage import Coalition, LeakagePoint, coalitions, points
from experiments.protocol import Cloning, build_encryption
from experiments.stabilizer.states import StabilizerState, information_bits
from experiments.statistics.estimators import bits_interval, bits_of_bias


def rule(n: int, names: tuple[str, ...]) -> str:
    """The access structure and leakage classes (arXiv:2604.10155, 2605.27421).

    Without A: a set recovers the input if it holds at least one qubit of every pair and both of
    one at least; one qubit of every pair tells Y if n and the number of signals are odd. With A:
    one component if it is one of every pair, n is odd and the number of signals even; nothing if no
    pair is complete and fewer than n qubits are held besides; everything otherwise.
    """
    pairs = [{f"S{i}", f"N{i}"} & set(names) for i in range(1, n + 1)]
    touched, complete = all(pairs), any(len(p) == 2 for p in pairs)
    signals = sum(name[0] == "S" for name in names)
    if "A" not in names:
        if touched and complete:
            return "everything"
        return "Y" if touched and n % 2 == 1 and signals % 2 == 1 else "nothing"
    if touched and not complete and n % 2 == 1 and signals % 2 == 0:
        return "Y"
    return "nothing" if not complete and len(names) - 1 < n else "everything"


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_every_subset_obeys_the_rule(n):
    number = 0
    for coalition in coalitions(n):
        number += 1
        assert coalition.learns() == rule(n, coalition.names), coalition.text
    assert number == 2 ** (2 * n + 1) - 1


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_set_and_its_complement_have_two_bits_together(n):
    state = StabilizerState.of_circuit(build_encryption(Cloning(n)))
    everyone = set(range(1, 2 * n + 2))
    for mask in range(2 ** (2 * n + 1)):
        held = {q for q in everyone if mask >> (q - 1) & 1}
        both = information_bits(state, 0, held) + information_bits(state, 0, everyone - held)
        assert both == 2


@pytest.mark.parametrize("n", [2, 4, 6])
def test_even_n_never_leaks_partly(n):
    assert {c.learns() for c in coalitions(n)} == {"nothing", "everything"}


@pytest.mark.parametrize(
    ("n", "subset", "learns", "settings", "bias"),
    [
        (3, "S1 S2 S3", "Y", 1, 1.0),
        (3, "S1 S2 S3 N1", "everything", 3, 1.0),
        (3, "S1 N1 N2 N3", "everything", 3, 1.0),
        (3, "S1 S2", "nothing", 1, 0.0),
        (3, "N1 N2 N3", "nothing", 1, 0.0),
        (4, "S1 S2 S3 S4", "nothing", 1, 0.0),
        (3, "A N1 N2 N3", "Y", 1, 1.0),
    ],
)
def test_the_measured_bias_without_noise(n, subset, learns, settings, bias):
    point = LeakagePoint(Coalition.of(n, subset))
    assert point.parameters["learns"] == learns
    assert len(point.settings()) == settings
    chances = [s.ideal_success() for s in point.settings()]
    assert point.linear_estimator.value(chances) == pytest.approx(bias, abs=1e-12)


def test_the_settings_read_no_qubit_outside_the_set():
    for subset in ("S1 S2 S3", "S1 S2 S3 N1", "S1 N1 N2 N3"):
        for setting in LeakagePoint(Coalition.of(3, subset)).settings():
            read = [i.qubits[0] for i in setting.circuit.data if i.name == "measure"]
            names = set()
            for qubit in read:
                register, index = setting.circuit.find_bit(qubit).registers[0]
                names.add(f"{register.name}{index + 1}")
            assert names <= {"R1", *subset.split()}


@pytest.mark.parametrize(
    ("n", "subset", "text"),
    [
        (3, "", "names no qubit"),
        (3, "S4", "'S4' names no qubit at n = 3"),
        (3, "R", "'R' names no qubit"),
        (3, "S0", "'S0' names no qubit"),
        (3, "S1 S1", "once"),
        (1, "S1", "n >= 2"),
    ],
)
def test_a_set_that_names_no_qubits_is_refused(n, subset, text):
    with pytest.raises(ValueError, match=text):
        Coalition.of(n, subset)


def test_bits_of_a_bias():
    assert bits_of_bias(0.5) == pytest.approx(1 + 0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    biases = np.linspace(0, 1, 21)
    assert np.all(np.diff([bits_of_bias(b) for b in biases]) > 0)
    assert bits_of_bias(-0.3) == bits_of_bias(0.3)
    assert bits_interval(-0.1, 0.2) == (0.0, bits_of_bias(0.2))
    assert bits_interval(-0.4, -0.2) == (bits_of_bias(0.2), bits_of_bias(0.4))


def test_a_sweep_goes_over_n_then_subsets():
    found = points([3, 4], ["S1 S2", "S1,S2,S3"])
    assert [p.label for p in found] == ["n03-S1.S2", "n03-S1.S2.S3", "n04-S1.S2", "n04-S1.S2.S3"]
