"""Clones of clones: exact recovery, clones that exist, and keys that are needed."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.gates import clones_of
from experiments.kinds.iterated import IteratedPoint, physical_generations, points
from experiments.protocol import build_nested_cloning, find_recovery_strings
from experiments.stabilizer.states import StabilizerState, find_recovery_stabilizers

STRATEGIES = ("unitary", "feedforward", "frame")


def ideal(point: IteratedPoint) -> float:
    return point.linear_estimator.value([s.ideal_success() for s in point.settings()])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("estimator", ["bsm", "parity"])
@pytest.mark.parametrize(
    ("n", "level", "clone"),
    [(n, level, clone) for n in (2, 3) for level in (0, 1, 2) for clone in clones_of(n)],
)
def test_every_path_of_one_clone_comes_back(n, level, clone, estimator, strategy):
    point = IteratedPoint(n, (1,) * (level + 1), level, clone, strategy, estimator)
    assert ideal(point) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("generations", [(1, 3, 9), (1, 1, 1)])
def test_every_final_clone_comes_back_along_its_own_path(generations, strategy):
    for path in product(clones_of(2), repeat=3):
        point = IteratedPoint(2, generations, 2, path[-1], strategy, "bsm", path)
        assert ideal(point) == pytest.approx(1, abs=1e-12), path
        assert point.key_qubits == 6


@pytest.mark.parametrize("generations", [(1, 3), (1, 2), (1, 3, 9), (1, 3, 4, 7)])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_physical_generations_leave_the_clone_intact(generations, strategy):
    for clone in (0, 1, 2):
        point = IteratedPoint(2, generations, len(generations) - 1, clone, strategy)
        assert ideal(point) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("level", [0, 1])
def test_a_clone_of_an_inner_generation_comes_back_if_it_was_not_cloned_again(level):
    assert ideal(IteratedPoint(2, (1, 2, 5), level)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("n", [2, 3])
def test_all_final_clones_are_recoverable(n, level):
    """Every path of choices, not only those that choose the same clone each time."""
    for path in product(clones_of(n), repeat=level + 1):
        assert set(find_recovery_strings(n, path)) == {"X", "Y", "Z"}


def test_a_path_needs_its_keys_of_every_generation():
    n, path = 2, (1, 2, 0)
    circuit, clone, key = build_nested_cloning(n, path)
    state = StabilizerState.of_circuit(circuit)
    index = {qubit: k for k, qubit in enumerate(circuit.qubits)}
    held = [index[q] for q in (clone, *key)]
    assert len(find_recovery_stabilizers(state, 0, held)) == 3
    for level in range(len(path)):
        lost = set(range(1 + level * n, 1 + (level + 1) * n))
        rest = [q for k, q in enumerate(held) if k not in lost]
        assert find_recovery_stabilizers(state, 0, rest) == {}


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([2, 3, 4]),
    path=st.lists(st.integers(0, 4), min_size=1, max_size=5),
)
def test_the_key_strings_of_any_path_commute(n, path):
    chosen = tuple(list(clones_of(n))[c % len(clones_of(n))] for c in path)
    strings = find_recovery_strings(n, chosen)
    key = {letter: text[1:] for letter, text in strings.items()}
    for a, b in (("X", "Y"), ("Y", "Z"), ("X", "Z")):
        clash = sum(p != q and "I" not in (p, q) for p, q in zip(key[a], key[b], strict=True))
        assert clash % 2 == 0


@pytest.mark.parametrize(
    ("n", "level", "qubits", "clones"),
    [(2, 0, 6, 3), (2, 1, 18, 9), (2, 2, 54, 27), (4, 1, 50, 25), (3, 1, 26, 9)],
)
def test_sizes_of_full_generations(n, level, qubits, clones):
    point = IteratedPoint(n, physical_generations(n, level), level)
    assert (point.num_qubits, point.clones) == (qubits, clones)
    assert point.settings()[0].circuit.num_qubits == qubits


@pytest.mark.parametrize(
    ("generations", "level", "qubits", "clones", "value"),
    [
        ((1, 3, 9, 11), 2, 98, 49, 0.355),
        ((1, 3, 9, 25), 3, 154, 77, 0.286),
    ],
)
def test_the_published_large_runs(generations, level, qubits, clones, value):
    point = IteratedPoint(2, generations, level)
    assert (point.num_qubits, point.clones) == (qubits, clones)
    printed = point.published()
    assert printed is not None
    assert printed.value == value
    assert ideal(point) == pytest.approx(1, abs=1e-12)


def test_virtual_runs_have_the_published_sizes_and_values():
    for n, level, qubits, value in ((2, 6, 30, 0.254), (4, 3, 34, 0.255)):
        point = IteratedPoint(n, (1,) * (level + 1), level)
        printed = point.published()
        assert point.num_qubits == qubits
        assert printed is not None
        assert printed.value == value


def test_all_physical_clones_exist_before_decryption_begins():
    circuit = IteratedPoint(2, (1, 3), 1).settings()[0].circuit
    labels = [i.label for i in circuit.data if i.name == "barrier" and i.label]
    encryptions = [k for k, i in enumerate(circuit.data) if i.name == "encrypt"]
    end = [i.label if i.name == "barrier" else None for i in circuit.data].index("encryption")
    assert len(encryptions) == 4
    assert max(encryptions) < end
    assert labels[0] == "preparation"
    assert labels[-2:] == ["encryption", "decryption"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((2, (), 0), "starts with 1"),
        ((2, (2,), 0), "starts with 1"),
        ((2, (1, 4), 1), "1 to 3 instances, not 4"),
        ((2, (1, 0), 1), "1 to 3 instances, not 0"),
        ((2, (1, 3), 2), "levels 0 to 1"),
        ((2, (1, 3), 0), "none is left"),
        ((3, (1,), 0, 0), "clone = 0"),
        ((2, (1,), 0, 1, "witness"), "one generation only"),
        ((2, (1, 3), 1, 1, "unitary", "bsm", (2, 0)), "the last of them clone 1"),
        ((2, (1, 3), 1, 1, "unitary", "bsm", (1,)), "each of the 2 generations"),
        ((2, (1, 3), 1, 1, "unitary", "bsm", (5, 1)), "no such clone"),
    ],
)
def test_what_is_no_iterated_experiment_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        IteratedPoint(*arguments)


def test_a_sweep_goes_over_structures_then_strategies():
    found = points([2], [((1,), 0), ((1, 3), 1)], [1], ["unitary", "frame"], ["parity"])
    assert [(p.level, p.strategy) for p in found] == [
        *[(0, "unitary"), (0, "frame")],
        *[(1, "unitary"), (1, "frame")],
    ]
    assert len({p.label for p in found}) == len(found)
