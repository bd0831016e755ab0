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


def absorb(operations: list[Operation], pauli: dict[int, tuple[bool, bool]]) -> None:
    """Write a Pauli that is due after a segment into its operations.

    Z is free anywhere. X moves back to the last pulse on its qubit; where there is none it becomes
    a gate of its own at the start.
    """
    front: list[Operation] = []
    wanted = {qubit for qubit, (x, _) in pauli.items() if x}
    for qubit, (_, z) in pauli.items():
        if z:
            _put_z(operations, qubit, front)
    for index in range(len(operations) - 1, -1, -1):
        operation = operations[index]
        on = wanted.intersection(operation.qubits)
        if not on:
            continue
        wanted -= on
        if operation.timed:
            operation.after += [("x", qubit) for qubit in on]
            continue
        before = taken_back(operation, on)
        for k, qubit in enumerate(operation.qubits):
            if before[k] in (1, 2):
                wanted.add(qubit)
            if before[k] in (2, 3):
                _put_z(operations[:index], qubit, front)
    front += [Operation(("x",), (qubit,), timed=True) for qubit in sorted(wanted)]
    operations[:0] = front


def _put_z(operations: Sequence[Operation], qubit: int, front: list[Operation]) -> None:
    last = next((o for o in reversed(operations) if qubit in o.qubits), None)
    if last is None:
        front.append(Operation(("z",), (qubit,)))
    else:
        last.after.append(("z", qubit))


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
