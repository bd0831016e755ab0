"""What is recoverable, which parities are certain, and how circuits are read."""

import math
from collections.abc import Callable, Iterator
from functools import cache

import hypothesis
import pytest
import stim
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning, Strategy, build_encryption
from experiments.stabilizer.clifford import STIM_NAMES, NotClifford, Step, steps, to_stim
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


# --- OutcomeLaw against brute force over GF(2) ---


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


# --- reading circuits ---


def conditional(condition: Callable[[QuantumCircuit], object], gate: str = "x") -> QuantumCircuit:
    """Bits m0 and m1 measured, then one gate on qubit 2 under a condition on them."""
    measured = ClassicalRegister(2, "m")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), measured, ClassicalRegister(1, "single"))
    circuit.measure([0, 1], measured)
    with circuit.if_test(condition(circuit)):
        getattr(circuit, gate)(2)
    return circuit


CONDITIONS = {
    "bit is 1": (lambda c: (c.clbits[1], 1), (1,), 1),
    "bit is 0": (lambda c: (c.clbits[1], 0), (1,), 0),
    "bit is True": (lambda c: (c.clbits[0], True), (0,), 1),
    "register of one bit is 0": (lambda c: (c.cregs[1], 0), (2,), 0),
    "register of one bit is 1": (lambda c: (c.cregs[1], 1), (2,), 1),
    "variable": (lambda c: expr.lift(c.clbits[0]), (0,), 1),
    "exclusive or": (lambda c: expr.bit_xor(c.clbits[1], c.clbits[0]), (0, 1), 1),
    "three terms": (
        lambda c: expr.bit_xor(expr.bit_xor(c.clbits[0], c.clbits[2]), c.clbits[1]),
        (0, 1, 2),
        1,
    ),
    "a repeated term": (
        lambda c: expr.bit_xor(expr.bit_xor(c.clbits[0], c.clbits[1]), c.clbits[0]),
        (1,),
        1,
    ),
}


@pytest.mark.parametrize(("condition", "bits", "value"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_is_read_as_the_parity_of_bits(
    condition: Callable[[QuantumCircuit], object], bits: tuple[int, ...], value: int
) -> None:
    *_, last = steps(conditional(condition))
    assert last == Step("x", (2,), condition=bits, condition_value=value)


@pytest.mark.parametrize("wanted", [0, 1])
def test_an_else_block_happens_at_the_other_parity(wanted: int) -> None:
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], wanted)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.z(0)
    assert list(steps(circuit)) == [
        Step("x", (0,), condition=(0,), condition_value=wanted),
        Step("z", (0,), condition=(0,), condition_value=1 - wanted),
    ]


def test_the_else_block_of_a_parity_happens_at_parity_0() -> None:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test(expr.bit_xor(*circuit.clbits)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.y(0)
    assert [s.condition_value for s in steps(circuit)] == [1, 0]


def test_a_conditional_rotation_by_pi_is_z() -> None:
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rz(-math.pi, 0)
    assert list(steps(circuit)) == [Step("z", (0,), condition=(0,))]


@pytest.mark.parametrize(("quarters", "name"), [*enumerate(["id", "s", "z", "sdg"] * 3, -4)])
def test_quarter_turns_are_counted(quarters: int, name: str) -> None:
    circuit = QuantumCircuit(1)
    circuit.rz(quarters * math.pi / 2, 0)
    (step,) = steps(circuit)
    assert (step.name, step.turns, step.clifford_name) == ("rz", quarters % 4, name)


def test_definitions_are_expanded_on_the_right_qubits() -> None:
    inner = QuantumCircuit(2, name="inner")
    inner.h(1)
    inner.cx(1, 0)
    circuit = QuantumCircuit(3)
    circuit.append(inner.to_gate(), [2, 0])
    assert list(steps(circuit)) == [Step("h", (0,)), Step("cx", (0, 2))]


def test_barriers_keep_their_label_and_delays_their_length() -> None:
    circuit = QuantumCircuit(2)
    circuit.barrier(label="stage")
    circuit.delay(250, 1, unit="ns")
    barrier, delay = steps(circuit)
    assert barrier == Step("barrier", (0, 1), label="stage")
    assert (delay.name, delay.qubits) == ("delay", (1,))
    assert delay.seconds == pytest.approx(250e-9)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_protocol_keeps_its_stage_labels(strategy: Strategy) -> None:
    point = EntanglementPoint(Cloning(3, 1, strategy), "parity")
    stages = ["preparation", "encryption"] + ["decryption"] * (strategy != "witness")
    for setting in point.settings():
        labels = [s.label for s in steps(setting.circuit) if s.name == "barrier"]
        assert labels == stages


GATES = {
    "t gate": lambda c: c.t(0),
    "rz(0.3)": lambda c: c.rz(0.3, 0),
    "rx(0.3)": lambda c: c.rx(0.3, 0),
    "toffoli": lambda c: c.ccx(0, 1, 2),
    "delay in dt": lambda c: c.delay(100, 0, unit="dt"),
}


@pytest.mark.parametrize("append", GATES.values(), ids=GATES)
@pytest.mark.parametrize(
    "reader", [OutcomeLaw.of_circuit, to_stim, lambda c: [s.clifford_name for s in steps(c)]]
)
def test_what_is_not_clifford_is_refused(
    append: Callable[[QuantumCircuit], object], reader: Callable[[QuantumCircuit], object]
) -> None:
    circuit = QuantumCircuit(3)
    append(circuit)
    with pytest.raises(NotClifford):
        reader(circuit)


def test_a_general_angle_is_named_with_its_cause() -> None:
    circuit = QuantumCircuit(1)
    circuit.rz(0.3, 0)
    with pytest.raises(
        NotClifford, match=r"rz\(0\.3\) on qubit 0 is no multiple of π/2; .*compile"
    ):
        to_stim(circuit)


def test_a_condition_inside_a_condition_is_refused() -> None:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(0)
    with pytest.raises(NotClifford, match="condition inside a condition"):
        list(steps(circuit))


@pytest.mark.parametrize("gate", ["h", "s", "sx"])
def test_only_paulis_may_be_conditional(gate: str) -> None:
    with pytest.raises(NotClifford, match=f"'{gate}' under a condition: only Pauli"):
        list(steps(conditional(lambda c: (c.clbits[0], 1), gate)))


REFUSED_CONDITIONS = {
    "register of two bits": lambda c: (c.cregs[0], 1),
    "and": lambda c: expr.bit_and(c.clbits[0], c.clbits[1]),
    "not": lambda c: expr.logic_not(c.clbits[0]),
    "constant": lambda c: expr.lift(True),
}


@pytest.mark.parametrize("condition", REFUSED_CONDITIONS.values(), ids=REFUSED_CONDITIONS)
def test_a_condition_that_is_no_parity_is_refused(
    condition: Callable[[QuantumCircuit], object],
) -> None:
    with pytest.raises(NotClifford, match="not a parity of classical bits"):
        list(steps(conditional(condition)))


def samples(circuit: QuantumCircuit) -> set[tuple[bool, ...]]:
    return set(map(tuple, to_stim(circuit).compile_sampler(seed=1).sample(64).tolist()))


def test_a_bit_exclusive_or_itself_never_fires() -> None:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test(expr.bit_xor(circuit.clbits[0], circuit.clbits[0])):
        circuit.x(0)
    circuit.measure(0, 1)
    assert samples(circuit) == {(False,)}
    assert OutcomeLaw.of_circuit(circuit).parity(0b10) == 0


def test_a_bit_that_was_never_written_counts_as_0() -> None:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure(0, 1)
    assert OutcomeLaw.of_circuit(circuit).parity(0b10) == 0
    assert samples(circuit) == {(False,)}


def coin_then_reset() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.reset(0)
    return circuit


def half_of_a_reset_bell_pair() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.reset(0)
    circuit.measure(1, 0)
    return circuit


def coin_measured_twice_into_one_bit() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    "circuit", [coin_then_reset, half_of_a_reset_bell_pair, coin_measured_twice_into_one_bit]
)
def test_a_coin_is_never_mistaken_for_a_certain_outcome(
    circuit: Callable[[], QuantumCircuit],
) -> None:
    """Refusing such a circuit is as good as following it."""
    try:
        law = OutcomeLaw.of_circuit(circuit())
    except NotClifford:
        return
    assert law.parity(1) is None


UNITARIES = [name for name in STIM_NAMES if name not in ("reset", "measure")] + ["ecr"]


@pytest.mark.parametrize("name", UNITARIES)
def test_stim_performs_the_same_unitary(name: str) -> None:
    gate = get_standard_gate_name_mapping()[name]
    if gate.params:
        gate = type(gate)(math.pi / 2)
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    matrix = stim.Tableau.from_circuit(to_stim(circuit)).to_unitary_matrix(endian="little")
    assert Operator(gate).equiv(Operator(matrix), atol=1e-6)


def test_a_turn_of_two_qubits_by_another_angle_is_refused() -> None:
    circuit = QuantumCircuit(2)
    circuit.rzz(0.3, 0, 1)
    with pytest.raises(NotClifford, match=r"'rzz' by 0\.3"):
        list(steps(circuit))
