"""A dense simulator that shares no code with the package."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Clbit, QuantumCircuit
from qiskit.circuit.classical import expr

from experiments.settings import Check

State = NDArray[np.complex128]
"""One axis of length 2 a qubit, in the order of the circuit."""

_X, _Y, _Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
_S = np.diag([1, 1j])
_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2


def controlled(gate: NDArray) -> NDArray:
    return np.block([[np.eye(2), np.zeros((2, 2))], [np.zeros((2, 2)), gate]])


MATRICES = {
    "h": (_X + _Z) / np.sqrt(2),
    "x": _X,
    "y": _Y,
    "z": _Z,
    "s": _S,
    "sdg": _S.conj(),
    "sx": _SX,
    "sxdg": _SX.conj().T,
    "cx": controlled(_X),
    "cy": controlled(_Y),
    "cz": controlled(_Z),
}


@dataclass(frozen=True)
class Branch:
    """The unnormalized state that goes with the classical bits measured so far."""

    bits: int
    state: State

    @property
    def chance(self) -> float:
        return float(np.vdot(self.state, self.state).real)


def act(state: State, matrix: NDArray, on: list[int]) -> State:
    k = len(on)
    gate = matrix.reshape((2,) * (2 * k))
    return np.moveaxis(np.tensordot(gate, state, (range(k, 2 * k), on)), range(k), on)


def measured(branch: Branch, qubit: int, bit: int) -> Iterator[Branch]:
    for outcome in (0, 1):
        state = np.zeros_like(branch.state)
        kept = (slice(None),) * qubit + (outcome,)
        state[kept] = branch.state[kept]
        after = Branch(branch.bits & ~(1 << bit) | outcome << bit, state)
        if after.chance > 1e-12:
            yield after


def reset(branch: Branch, qubit: int) -> Iterator[Branch]:
    """Both outcomes that nobody looks at, each with the qubit back in |0>."""
    for outcome in (0, 1):
        state = np.zeros_like(branch.state)
        left = (slice(None),) * qubit
        state[(*left, 0)] = branch.state[(*left, outcome)]
        if np.vdot(state, state).real > 1e-12:
            yield Branch(branch.bits, state)


def holds(condition: object, bits: int, index: dict[Clbit, int]) -> bool:
    if isinstance(condition, tuple):
        bit, value = condition
        return bits >> index[bit] & 1 == value
    if isinstance(condition, expr.Var):
        return bool(bits >> index[condition.var] & 1)
    assert condition.op is expr.Binary.Op.BIT_XOR
    return holds(condition.left, bits, index) != holds(condition.right, bits, index)


def evolve(
    circuit: QuantumCircuit, branches: list[Branch], qubits: Iterable[int], clbits: Iterable[int]
) -> list[Branch]:
    qubit_of = dict(zip(circuit.qubits, qubits, strict=True))
    bit_of = dict(zip(circuit.clbits, clbits, strict=True))

    def outcomes(instruction: CircuitInstruction, branch: Branch) -> Iterable[Branch]:
        on = [qubit_of[q] for q in instruction.qubits]
        bits = [bit_of[c] for c in instruction.clbits]
        if instruction.name == "barrier":
            return [branch]
        if instruction.name == "measure":
            return measured(branch, on[0], bits[0])
        if instruction.name == "if_else":
            taken = holds(instruction.operation.condition, branch.bits, bit_of)
            block = instruction.operation.params[0 if taken else 1]
            return [branch] if block is None else evolve(block, [branch], on, bits)
        if instruction.name == "reset":
            return reset(branch, on[0])
        if instruction.name == "delay":
            return [branch]
        if instruction.name == "rz":
            half = float(instruction.params[0]) / 2
            turn = np.diag([np.exp(-1j * half), np.exp(1j * half)])
            return [Branch(branch.bits, act(branch.state, turn, on))]
        return [Branch(branch.bits, act(branch.state, MATRICES[instruction.name], on))]

    for instruction in circuit.data:
        branches = [after for branch in branches for after in outcomes(instruction, branch)]
    return branches


def run(circuit: QuantumCircuit) -> list[Branch]:
    """Every outcome of the circuit on |0…0>, with its state."""
    flat = circuit.decompose(["encrypt", "decrypt"])
    zero = np.zeros((2,) * flat.num_qubits, dtype=complex)
    zero.flat[0] = 1
    return evolve(flat, [Branch(0, zero)], range(flat.num_qubits), range(flat.num_clbits))


def outcome_distribution(circuit: QuantumCircuit) -> NDArray[np.float64]:
    """Probability of every value of the classical bits, bit c worth 1 << c."""
    chances = np.zeros(1 << circuit.num_clbits)
    for branch in run(circuit):
        chances[branch.bits] += branch.chance
    return chances


def success_chance(distribution: NDArray[np.float64], checks: tuple[Check, ...]) -> float:
    return sum(
        chance
        for outcome, chance in enumerate(distribution)
        if all(sum(outcome >> b & 1 for b in c.bits) % 2 == c.parity for c in checks)
    )
