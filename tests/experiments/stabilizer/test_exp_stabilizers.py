"""What is recoverable, which parities are certain."""

from collections.abc import Iterator
from functools import cache

import hypothesis
import pytest
import stim
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning, Strategy, build_encryption
from experiments.stabilizer.clifford import to_stim
from experiments.stabilizer.states import (
    OutcomeLaw,
    StabilizerState,
    find_recovery_stabilizers,
    information_bits,
)

R, A = 0, 1


def signal(i: int) -> int:
    return 1 + i


def noise(n: int, i: int) -> int:
    return 1 + n + i


@cache
def after_encryption(n: int) -> StabilizerState:
    return StabilizerState.of_circuit(build_encryption(Cloning(n)))


def string(n: int, letters: dict[int, str]) -> stim.PauliString:
    return stim.PauliString("".join(letters.get(q, "_") for q in range(2 * n + 2)))


def listed_strings(n: int, clone: int) -> tuple[stim.PauliString, stim.PauliString]:
    """The two stabilizers of a clone and the key that make the clone recoverable."""
    if clone == 0:
        return (
            string(n, {R: "Y", A: "X"} | {noise(n, i): "Z" for i in range(1, n + 1)}),
            string(n, {R: "X", A: "Z"} | {noise(n, i): "Y" for i in range(1, n + 1)}),
        )
    others = [noise(n, i) for i in range(1, n + 1) if i != clone]
    own = noise(n, clone)
    first = {R: "Z", signal(clone): "X", own: "Y"} | dict.fromkeys(others, "Z")
    if n % 2 == 0:
        second = {R: "Y", signal(clone): "Z", own: "X"} | dict.fromkeys(others, "Y")
    else:
        second = {R: "X", signal(clone): "Z", own: "Y"} | dict.fromkeys(others, "X")
    return string(n, first), string(n, second)


CLONES = [(n, clone) for n in range(2, 10) for clone in range(n % 2, n + 1)]
every_clone = pytest.mark.parametrize(("n", "clone"), CLONES)


@every_clone
def test_the_listed_strings_stabilize_the_encrypted_state(n: int, clone: int) -> None:
    # A string that commutes with the whole group of a pure state is in it, up to its sign.
    for listed in listed_strings(n, clone):
        assert all(listed.commutes(g) for g in after_encryption(n).generators)


@every_clone
def test_the_two_key_strings_commute(n: int, clone: int) -> None:
    first, second = (s[n + 2 :] for s in listed_strings(n, clone))
    assert first.commutes(second)


@every_clone
def test_one_clone_and_the_key_recover_the_input(n: int, clone: int) -> None:
    held = {A if clone == 0 else signal(clone), *(noise(n, i) for i in range(1, n + 1))}
    state = after_encryption(n)
    found = find_recovery_stabilizers(state, R, held)
    assert list(found) == ["X", "Y", "Z"]
    for letter, shown in found.items():
        assert shown[R] == "_XYZ".index(letter)
        assert set(shown.pauli_indices()) <= held | {R}
        assert all(shown.commutes(g) for g in state.generators)


@every_clone
def test_the_signs_of_the_recovering_strings_are_right(n: int, clone: int) -> None:
    held = {A if clone == 0 else signal(clone), *(noise(n, i) for i in range(1, n + 1))}
    simulator = stim.TableauSimulator()
    simulator.do(to_stim(build_encryption(Cloning(n))))
    for shown in find_recovery_stabilizers(after_encryption(n), R, held).values():
        assert simulator.peek_observable_expectation(shown) == 1


Subset = tuple[list[tuple[bool, bool]], bool]
"""For every pair whether S_i and N_i are held, and whether A is."""


def subsets(n: int) -> Iterator[Subset]:
    for code in range(1 << (2 * n + 1)):
        pairs = [(bool(code >> 2 * i & 1), bool(code >> 2 * i + 1 & 1)) for i in range(n)]
        yield pairs, bool(code >> 2 * n)


def qubits(subset: Subset) -> set[int]:
    pairs, with_input = subset
    n = len(pairs)
    held = {signal(i) for i, (has, _) in enumerate(pairs, 1) if has}
    held |= {noise(n, i) for i, (_, has) in enumerate(pairs, 1) if has}
    return held | ({A} if with_input else set())


def promised(subset: Subset) -> set[str]:
    """The access structure and the leakage rules, in words of the protocol."""
    pairs, with_input = subset
    n, count = len(pairs), sum(map(sum, pairs))
    complete = any(map(all, pairs))
    one_of_each = all(s != m for s, m in pairs)
    odd_signals = sum(s for s, _ in pairs) % 2 == 1
    everything, nothing, part = {"X", "Y", "Z"}, set(), {"Y"}
    if with_input:
        if not complete and count < n:
            return nothing
        return part if one_of_each and n % 2 == 1 and not odd_signals else everything
    if complete and all(map(any, pairs)):
        return everything
    return part if one_of_each and n % 2 == 1 and odd_signals else nothing


@pytest.mark.parametrize("n", [2, 3, 4])
def test_every_subset_learns_exactly_what_the_rules_say(n: int) -> None:
    for subset in subsets(n):
        assert set(find_recovery_stabilizers(after_encryption(n), R, qubits(subset))) == promised(
            subset
        ), subset


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_set_and_its_complement_share_two_bits(n: int) -> None:
    everyone = set(range(1, 2 * n + 2))
    for held in map(qubits, subsets(n)):
        bits = [information_bits(after_encryption(n), R, part) for part in (held, everyone - held)]
        assert sum(bits) == 2, held


def test_three_signals_leak_exactly_y_at_n_3() -> None:
    signals = [signal(i) for i in (1, 2, 3)]
    assert list(find_recovery_stabilizers(after_encryption(3), R, signals)) == ["Y"]
    assert information_bits(after_encryption(3), R, signals) == 1


@pytest.mark.parametrize("n", range(2, 8))
def test_all_signals_and_one_noise_qubit_recover_everything(n: int) -> None:
    signals = [signal(i) for i in range(1, n + 1)]
    for i in range(1, n + 1):
        assert information_bits(after_encryption(n), R, [*signals, noise(n, i)]) == 2


@pytest.mark.parametrize("n", range(2, 8))
def test_the_key_alone_tells_nothing(n: int) -> None:
    assert (
        find_recovery_stabilizers(after_encryption(n), R, [noise(n, i) for i in range(1, n + 1)])
        == {}
    )


def test_holding_the_reference_itself_changes_nothing() -> None:
    state = after_encryption(3)
    assert find_recovery_stabilizers(state, R, [R, 2, 3, 4]) == find_recovery_stabilizers(
        state, R, [2, 3, 4]
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("n", "clone"), [(5, 3), (6, 0), (7, 7), (8, 2), (15, 1), (16, 0)])
def test_ideal_fidelity_is_one_at_larger_n(n: int, clone: int, strategy: Strategy) -> None:
    for estimator in ("parity",) if strategy == "witness" else ("parity", "bsm"):
        point = EntanglementPoint(Cloning(n, clone, strategy), estimator)
        ideal = [setting.ideal_success() for setting in point.settings()]
        assert point.linear_estimator.value(ideal) == 1


def parity_of(bits: int) -> int:
    return bits.bit_count() % 2


@st.composite
def affine_samples(draw: st.DrawFn) -> tuple[OutcomeLaw, int, set[int]]:
    """The law of bits that are parities of coins, their number, and all their values."""
    coins = draw(st.integers(1, 4))
    terms = draw(st.lists(st.tuples(st.integers(0, (1 << coins) - 1), st.booleans()), max_size=6))
    circuit = QuantumCircuit(coins + len(terms), len(terms))
    circuit.h(range(coins))
    for bit, (mask, flipped) in enumerate(terms):
        for coin in range(coins):
            if mask >> coin & 1:
                circuit.cx(coin, coins + bit)
        if flipped:
            circuit.x(coins + bit)
        circuit.measure(coins + bit, bit)
    values = {
        sum(
            (parity_of(tossed & mask) ^ flipped) << bit for bit, (mask, flipped) in enumerate(terms)
        )
        for tossed in range(1 << coins)
    }
    return OutcomeLaw.of_circuit(circuit), len(terms), values


def certain_parity(values: set[int], mask: int) -> int | None:
    parities = {parity_of(value & mask) for value in values}
    return parities.pop() if len(parities) == 1 else None


@hypothesis.settings(deadline=None)
@hypothesis.given(affine_samples())
def test_a_parity_is_certain_exactly_if_it_never_varies(
    sample: tuple[OutcomeLaw, int, set[int]],
) -> None:
    law, size, values = sample
    for mask in range(1 << size):
        assert law.parity(mask) == certain_parity(values, mask)


@hypothesis.settings(deadline=None)
@hypothesis.given(affine_samples(), st.integers(0, 63), st.integers(0, 63))
def test_a_mask_is_completed_exactly_if_some_extension_is_certain(
    sample: tuple[OutcomeLaw, int, set[int]], mask: int, free: int
) -> None:
    law, size, values = sample
    mask, free = mask % (1 << size), free % (1 << size)
    extensions = {mask & ~free | chosen & free for chosen in range(1 << size)}
    certain = {m: p for m in extensions if (p := certain_parity(values, m)) is not None}
    completed = law.complete(mask, free)
    assert completed in certain.items() if certain else completed is None


@hypothesis.settings(deadline=None)
@hypothesis.given(affine_samples())
def test_rows_are_in_reduced_echelon_form(sample: tuple[OutcomeLaw, int, set[int]]) -> None:
    masks = [mask for mask, _ in sample[0].rows]
    leads = [1 << (mask.bit_length() - 1) for mask in masks]
    assert leads == sorted(set(leads), reverse=True)
    for k, mask in enumerate(masks):
        assert [bool(mask & lead) for lead in leads] == [k == m for m in range(len(leads))]


def test_a_law_by_hand() -> None:
    law = OutcomeLaw(((0b110, 1), (0b001, 0)))
    assert [law.parity(mask) for mask in range(8)] == [0, 0, None, None, None, None, 1, 1]
    assert law.complete(0b010, free=0b100) == (0b110, 1)
    assert law.complete(0b010, free=0b001) is None
    assert law.complete(0, free=0) == (0, 0)


def test_no_row_means_all_coins() -> None:
    assert OutcomeLaw(()).parity(0) == 0
    assert OutcomeLaw(()).parity(1) is None
    assert OutcomeLaw(()).complete(1, free=0b110) is None
