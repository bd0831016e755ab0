"""How circuits are read as Clifford circuits."""

import math
from collections.abc import Callable

import pytest
import stim
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning, Strategy
from experiments.stabilizer.clifford import STIM_NAMES, NotClifford, Step, steps, to_stim
from experiments.stabilizer.states import (
    OutcomeLaw,
)


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
