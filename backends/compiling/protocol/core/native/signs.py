"""Mending signs: frames forget Paulis, states do not.

A compiled segment equals the protocol up to a Pauli on the qubits it acted on. That Pauli is found
from the signs of the stabilizers and moved back to where a pulse stands anyway, so it is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import stim

from experiments.stabilizer.clifford import STIM_NAMES, Step, StimWriter


@dataclass(eq=False)
class Operation:
    """One native operation, with the Paulis that were moved to it.

    Attributes:
        names: gates that make it, in order, on ``qubits`` in this order.
        qubits: device qubits.
        timed: whether it holds a pulse, into which any Pauli on its qubit can go.
        after: Pauli gates right after it, as (name, qubit).
    """

    names: tuple[str, ...]
    qubits: tuple[int, ...]
    timed: bool = False
    after: list[tuple[str, int]] = field(default_factory=list)

    def steps(self) -> Iterable[Step]:
        """Its gates, Paulis included."""
        for name in self.names:
            yield Step(name, self.qubits)
        for name, qubit in self.after:
            yield Step(name, (qubit,))


@dataclass(frozen=True, eq=False)
class Fence:
    """A barrier: its qubits are in a state that is known, up to here and not beyond.

    Attributes:
        qubits: device qubits.
        label: of the barrier.
        noise: the device qubit of the noise qubit that is ready, -1 if none is.
    """

    qubits: tuple[int, ...]
    label: str
    noise: int = -1


def as_stim(operations: Iterable[Operation]) -> stim.Circuit:
    """The gates of some operations."""
    writer = StimWriter()
    for operation in operations:
        for step in operation.steps():
            writer.write(step)
    return writer.circuit()


def correction(
    simulator: stim.TableauSimulator,
    expected: Sequence[stim.PauliString],
    support: Sequence[int],
) -> dict[int, tuple[bool, bool]]:
    """The Pauli on ``support`` that gives every expected stabilizer its sign.

    Returns:
        Qubit → (X part, Z part).

    Raises:
        AssertionError: if the state has other stabilizers, or no Pauli there mends it.
    """
    pivots: dict[int, tuple[int, int]] = {}
    for generator in expected:
        found = simulator.peek_observable_expectation(generator)
        if found == 0:
            raise AssertionError(f"the compiled state is not stabilized by {generator}")
        row = 0
        for k, qubit in enumerate(support):
            letter = generator[qubit] if qubit < len(generator) else 0
            # X anticommutes with Y and Z, Z with X and Y.
            row |= (letter in (2, 3)) << (2 * k) | (letter in (1, 2)) << (2 * k + 1)
        value = int(found < 0)
        while row and row.bit_length() in pivots:
            other, sign = pivots[row.bit_length()]
            row, value = row ^ other, value ^ sign
        if row:
            pivots[row.bit_length()] = (row, value)
        elif value:
            raise AssertionError(f"no Pauli on {list(support)} mends the sign of {generator}")
    solution = 0
    for lead in sorted(pivots):
        row, value = pivots[lead]
        if ((row & solution).bit_count() & 1) != value:
            solution |= 1 << (lead - 1)
    return {
        qubit: (bool(solution >> (2 * k) & 1), bool(solution >> (2 * k + 1) & 1))
        for k, qubit in enumerate(support)
        if solution >> (2 * k) & 3
    }


def absorb(operations: list[Operation | Fence], pauli: dict[int, tuple[bool, bool]]) -> None:
    """Write a Pauli that is due after some operations into them.

    Z is free anywhere. X moves back to the last pulse on its qubit. Before the first operation, and
    behind a fence that holds its qubit, it becomes a gate of its own.

    Args:
        operations: in order; changed.
        pauli: qubit → (X part, Z part).
    """
    pending = dict(pauli)
    index = len(operations)
    while pending and index > 0:
        index -= 1
        operation = operations[index]
        on = [q for q in operation.qubits if q in pending]
        if not on:
            continue
        if isinstance(operation, Fence):
            operations[index + 1 : index + 1] = [_own_gate(q, *pending.pop(q)) for q in on]
            continue
        for q in on:
            x, z = pending[q]
            if z:
                operation.after.append(("z", q))
            if x and operation.timed:
                operation.after.append(("x", q))
            if operation.timed or not x:
                del pending[q]
            else:
                pending[q] = (True, False)
        if flipped := {q for q in on if q in pending}:
            before = taken_back(operation, flipped)
            for k, q in enumerate(operation.qubits):
                pending.pop(q, None)
                if letter := before[k]:
                    pending[q] = (letter in (1, 2), letter in (2, 3))
    operations[:0] = [_own_gate(q, *letters) for q, letters in pending.items()]


def _own_gate(qubit: int, x: bool, z: bool) -> Operation:
    after = [(name, qubit) for name, wanted in (("x", x), ("z", z)) if wanted]
    return Operation((), (qubit,), timed=x, after=after)


def taken_back(operation: Operation, on: set[int]) -> stim.PauliString:
    """X on some qubits of an operation, as the Pauli before it."""
    tableau = stim.Tableau(len(operation.qubits))
    for name in operation.names:
        tableau = tableau.then(_named(name))
    string = stim.PauliString("".join("X" if q in on else "_" for q in operation.qubits))
    return tableau.inverse()(string)


def _named(name: str) -> stim.Tableau:
    if name == "ecr":
        circuit = stim.Circuit("S 0\nSQRT_X 1\nCX 0 1\nX 0")
        return circuit.to_tableau()
    return stim.Tableau.from_named_gate(STIM_NAMES[name])
