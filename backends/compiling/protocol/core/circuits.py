"""From a program to a circuit: native operations up to each fence, their signs mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import stim
from qiskit.circuit import CircuitInstruction, QuantumCircuit, QuantumRegister

from backends.compiling.protocol.core.native.frames import NAMES
from backends.compiling.protocol.core.native.lowering import lower
from backends.compiling.protocol.core.native.propagation import (
    BARRIER,
    DELAY,
    GIVEN,
    LETTERS,
    MEASURE,
    PULSE,
    RESET,
    TURN,
)
from backends.compiling.protocol.core.native.signs import (
    Fence,
    Operation,
    absorb,
    as_stim,
    correction,
)
from backends.compiling.protocol.core.native.tables import CX, CZ, device_tables
from backends.compiling.protocol.core.scratch import Scratch
from backends.compiling.protocol.core.trees.encryption import WAITED
from backends.devices.snapshot import DeviceSnapshot
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import StabilizerState

_ENTANGLERS = {CZ: "cz", CX: "cx"}
_LOGICAL = (DELAY, RESET, GIVEN, LETTERS, MEASURE)
"""Kinds of rows that are written as they stand in the logical circuit."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Native operations up to a fence.

    Attributes:
        operations: in order.
        mark: of the fence.
        qubits: device qubits of the fence.
    """

    operations: list[Operation]
    mark: int
    qubits: tuple[int, ...]


def split_at_fences(scratch: Scratch, count: int, snapshot: DeviceSnapshot) -> Iterator[Segment]:
    """Lower the first ``count`` rows of a program: native operations up to each of its fences.

    Fences after waits are left out.

    Raises:
        AssertionError: if ``count`` says that there is no program, or a gate has no coupler.
    """
    if count < 0:
        raise AssertionError("this placement is not possible")
    frames = np.zeros(snapshot.num_qubits, dtype=np.int64)
    length = lower(scratch.rows[:count], device_tables(snapshot), frames, scratch.native)
    if length < 0:
        raise AssertionError("a gate of this placement has no working coupler")
    operations: list[Operation] = []
    for kind, a, b, c in scratch.native[:length].tolist():
        if kind in _LOGICAL or (kind == BARRIER and c == WAITED):
            continue
        if kind == BARRIER:
            yield Segment(operations, c, tuple(scratch.lists[a : a + b].tolist()))
            operations = []
        elif kind in (PULSE, TURN):
            operations.append(Operation(NAMES[b], (a,), timed=kind == PULSE))
        else:
            operations.append(Operation((_ENTANGLERS.get(kind, "ecr"),), (a, b)))


def new_circuit(logical: QuantumCircuit, snapshot: DeviceSnapshot) -> QuantumCircuit:
    """An empty circuit on the qubits of a device, with the classical bits of a logical circuit."""
    out = QuantumCircuit(QuantumRegister(snapshot.num_qubits, "q"))
    out.add_bits(logical.clbits)
    out.add_register(*logical.cregs)
    return out


def write_operations(out: QuantumCircuit, operations: Iterable[Operation | Fence]) -> None:
    """Append operations, and fences as barriers."""
    for operation in operations:
        if isinstance(operation, Fence):
            out.barrier(operation.qubits, label=operation.label)
            continue
        for step in operation.steps():
            getattr(out, step.name)(*step.qubits)


def write_instruction(
    out: QuantumCircuit,
    logical: QuantumCircuit,
    instruction: CircuitInstruction,
    sites: Sequence[int],
    entangler: str,
) -> None:
    """Append an instruction of the logical circuit, its qubits being at ``sites``."""
    if instruction.name in ("cx", "cz") and entangler == "cz":
        local = [sites[1]] if instruction.name == "cx" else []
        out.h(local)
        out.cz(*sites)
        out.h(local)
        return
    bits = [out.clbits[logical.find_bit(c).index] for c in instruction.clbits]
    out.append(instruction.operation, sites, bits)


class FollowedState:
    """The state of the device while a circuit is written, to mend the signs of its stabilizers."""

    def __init__(self, qubits: int) -> None:
        self.simulator = stim.TableauSimulator()
        self.simulator.set_num_qubits(qubits)
        self._qubits = qubits

    def string(self, letters: dict[int, str]) -> stim.PauliString:
        """Pauli letters on device qubits, as a string."""
        string = stim.PauliString(self._qubits)
        for qubit, letter in letters.items():
            string[qubit] = letter
        return string

    def apply(self, operations: Iterable[Operation]) -> None:
        """Go on to the state after some operations."""
        self.simulator.do(as_stim(operations))

    def stabilizers(
        self,
        prefix: QuantumCircuit,
        sites: Sequence[int],
        kept: Sequence[int] | None = None,
        z_only: Sequence[int] = (),
    ) -> list[stim.PauliString]:
        """Stabilizers of a logical state, on the device.

        Args:
            prefix: the logical circuit, without readouts.
            sites: where its qubits are.
            kept: logical qubits outside which a stabilizer may have no letter; None for all.
            z_only: logical qubits on which a stabilizer may have Z too.
        """
        state = StabilizerState.of(steps(prefix), prefix.num_qubits, 0)
        chosen = state.generators if kept is None else state.restrict(kept, z_only=z_only)
        return [
            self.string({sites[q]: "_XYZ"[g[q]] for q in range(len(g))}) * g.sign for g in chosen
        ]

    def mend(
        self,
        operations: list[Operation | Fence],
        expected: Sequence[stim.PauliString],
        support: Sequence[int],
    ) -> None:
        """Write the Pauli on ``support`` into operations that gives the stabilizers their signs."""
        self.absorb(operations, correction(self.simulator, expected, support))

    def absorb(
        self, operations: list[Operation | Fence], pauli: dict[int, tuple[bool, bool]]
    ) -> None:
        """Write a Pauli that is due after some operations into them, and go on to that state."""
        for qubit, (x, z) in pauli.items():
            if x:
                self.simulator.x(qubit)
            if z:
                self.simulator.z(qubit)
        absorb(operations, pauli)
