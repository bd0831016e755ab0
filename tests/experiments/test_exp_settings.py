"""Checks, their products, and counting the shots in which they hold."""

from itertools import combinations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from experiments.settings import Check, Setting, products, success_probability

BITS = 5

checks = st.builds(Check.of_mask, st.integers(1, (1 << BITS) - 1), st.integers(0, 1))


def holds(check: Check, outcome: int) -> bool:
    return sum(outcome >> bit & 1 for bit in check.bits) % 2 == check.parity


@hypothesis.given(st.integers(0, 1 << 20), st.integers(0, 1))
def test_a_check_is_its_mask(mask: int, parity: int) -> None:
    check = Check.of_mask(mask, parity)
    assert (check.mask, check.parity) == (mask, parity)
    assert list(check.bits) == sorted(set(check.bits))


@hypothesis.given(st.lists(checks, min_size=1, max_size=3), st.integers(0, (1 << BITS) - 1))
def test_products_hold_as_the_checks_they_are_made_of(chosen: list[Check], outcome: int) -> None:
    failed = [not holds(check, outcome) for check in chosen]
    odd_failures = [
        sum(some) % 2 == 1
        for size in range(1, len(chosen) + 1)
        for some in combinations(failed, size)
    ]
    assert [not holds(check, outcome) for check in products(chosen)] == odd_failures


@hypothesis.given(
    st.lists(checks, min_size=1, max_size=3),
    st.lists(st.integers(0, 9), min_size=1 << BITS, max_size=1 << BITS).filter(any),
)
def test_success_follows_from_the_means_of_the_products(
    chosen: list[Check], weights: list[int]
) -> None:
    law = np.array(weights) / sum(weights)
    means = [
        sum(p if holds(check, outcome) else -p for outcome, p in enumerate(law))
        for check in products(chosen)
    ]
    exact = sum(p for outcome, p in enumerate(law) if all(holds(c, outcome) for c in chosen))
    assert success_probability(means, len(chosen)) == pytest.approx(exact, abs=1e-12)


@hypothesis.given(
    st.lists(checks, min_size=1, max_size=3),
    st.lists(st.integers(0, (1 << BITS) - 1), min_size=1, max_size=40),
)
def test_successes_are_the_shots_in_which_every_check_holds(
    chosen: list[Check], outcomes: list[int]
) -> None:
    setting = Setting("any", QuantumCircuit(BITS, BITS), tuple(chosen))
    shots = BitArray.from_samples(outcomes, num_bits=BITS)
    expected = sum(all(holds(check, outcome) for check in chosen) for outcome in outcomes)
    assert setting.successes(shots) == expected


@pytest.mark.parametrize(("parity", "chance"), [(0, 1.0), (1, 0.0)])
def test_ideal_success_of_a_certain_bit(parity: int, chance: float) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    assert Setting("bit", circuit, (Check((0,), parity),)).ideal_success() == chance


def test_ideal_success_of_two_coins_is_a_quarter() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    assert Setting("coins", circuit, (Check((0,), 0), Check((1,), 1))).ideal_success() == 0.25
