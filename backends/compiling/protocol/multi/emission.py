"""From a layout of several blocks to the circuit that is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, QuantumCircuit, QuantumRegister
from qiskit.transpiler import PassManager

from backends.compiling.clifford_passes import native_gates
from backends.compiling.protocol.frames import NAMES
from backends.compiling.protocol.lowering import lower
from backends.compiling.protocol.multi.building import (
    DECRYPTED,
    ENCRYPTED,
    SPREAD,
    build,
    most_rows,
)
from backends.compiling.protocol.multi.layout import Layout
from backends.compiling.protocol.multi.problem import Patches
from backends.compiling.protocol.multi.recognition import RecognisedPatches
from backends.compiling.protocol.problem import ROWS
from backends.compiling.protocol.propagation import BARRIER, PULSE, TURN
from backends.compiling.protocol.signs import Operation, as_stim, correction, taken_back
from backends.compiling.protocol.tables import CX, CZ, device_tables
from backends.devices.snapshot import DeviceSnapshot
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import StabilizerState

_ENTANGLERS = {CZ: "cz", CX: "cx"}


@dataclass(frozen=True, eq=False)
class _Fence:
    """A barrier: its qubits are in a state that is known, up to here and not beyond.

    Attributes:
        qubits: device qubits.
        label: of the barrier.
        noise: the device qubit of the noise qubit that is ready, -1 if none is.
    """

    qubits: tuple[int, ...]
    label: str
    noise: int = -1


@dataclass(frozen=True, eq=False)
class _Segment:
    """Native operations up to a fence.

    Attributes:
        operations: in order.
        mark: of the fence.
        qubits: device qubits of the fence.
    """

    operations: list[Operation]
    mark: int
    qubits: tuple[int, ...]


def emit_patches(
    recognised: Sequence[RecognisedPatches], layout: Layout, snapshot: DeviceSnapshot
) -> Iterator[QuantumCircuit]:
    """Write the settings of a point as native circuits on the device's qubits.

    Stages are closed by the barriers of the logical circuit, its qubits listed in the same order;
    preparation by one barrier for each Bell pair, labelled with the numbers of its logical qubits,
    so that each pair is made just in time.

    Raises:
        AssertionError: if the layout is no implementation of the circuits.
    """
    native = PassManager(native_gates(snapshot.to_target()))
    for one in recognised:
        writer = _Writer(one, snapshot)
        for segment in _segments(one, layout, snapshot):
            writer.add(segment)
        yield native.run(writer.circuit())


class _Writer:
    """Collects operations stage after stage, following the state to mend its signs."""

    def __init__(self, recognised: RecognisedPatches, snapshot: DeviceSnapshot) -> None:
        self._recognised = recognised
        self._logical = recognised.circuit
        self._snapshot = snapshot
        self._simulator = stim.TableauSimulator()
        self._simulator.set_num_qubits(snapshot.num_qubits)
        self._done: list[Operation | _Fence] = []
        self._sites: tuple[int, ...] = ()
        self._encrypted: tuple[int, ...] = ()
        self._decoded: list[Operation | _Fence] = []

    def add(self, segment: _Segment) -> None:
        """Append what comes before a fence, and mend its signs."""
        patches = self._recognised.problem
        self._simulator.do(as_stim(segment.operations))
        if segment.mark == DECRYPTED:
            self._decrypt(segment)
            return
        self._done += segment.operations
        on = segment.qubits
        if segment.mark == ENCRYPTED:
            self._sites = self._encrypted = on
            self._mend_keys()
            data = sorted({on[q] for q in patches.data.ravel().tolist()})
            expected = self._expected(self._recognised.encrypted)
            self._mend(self._done, expected, data)
            return
        if segment.mark == SPREAD:
            logical, noise = patches.data[:, 0].tolist(), -1
            letters = [dict.fromkeys(on, "X"), *({on[0]: "Z", q: "Z"} for q in on[1:])]
        else:
            block, pair = divmod(segment.mark, patches.pairs)
            logical = [int(patches.data[block, pair]), int(patches.partner[block, pair])]
            letters = [dict.fromkeys(on, letter) for letter in "XZ"]
            noise = on[1] if pair > 0 else -1
        self._mend(self._done, [self._on(one) for one in letters], on)
        stage = self._recognised.stage_of[logical[-1]]
        self._done.append(_Fence(on, f"{stage} of {' '.join(map(str, logical))}", noise))

    def _mend_keys(self) -> None:
        """Undo the Paulis on noise qubits that stepped aside for others: only moves are allowed."""
        size, end = self._snapshot.num_qubits, len(self._done)
        later, touched = stim.Tableau(size), set[int]()
        pauli: dict[int, tuple[bool, bool]] = {}
        for index in range(end - 1, -1, -1):
            one = self._done[index]
            if not isinstance(one, _Fence):
                touched.update(one.qubits)
            elif one.noise in touched:
                between = [o for o in self._done[index:end] if not isinstance(o, _Fence)]
                circuit = as_stim(between)
                circuit.append("I", [size - 1])
                later, end = circuit.to_tableau().then(later), index
                # X that came back as -X asks for Z, and the other way round.
                x, z = (self._came_back(later, one.noise, letter) for letter in "ZX")
                pauli[one.noise] = (x, z)
        self._apply(self._done, pauli)

    def _came_back(self, later: stim.Tableau, qubit: int, letter: str) -> bool:
        """Whether a Pauli on a qubit came back to it with the other sign."""
        rest = later(self._on({qubit: letter})) * self._on({qubit: letter})
        sign = self._simulator.peek_observable_expectation(rest)
        if sign == 0:
            raise AssertionError(f"the noise qubit on {qubit} was not only moved")
        return sign < 0

    def _decrypt(self, segment: _Segment) -> None:
        patches = self._recognised.problem
        self._sites = segment.qubits
        clones = [self._sites[q] for q in patches.clones.tolist()]
        noise = patches.partner[:, 1:].ravel().tolist()
        if patches.decoding == ROWS:
            # Qubits that nobody reads any more belong to nothing.
            kept = np.flatnonzero(patches.exact).tolist()
            expected = self._expected(self._recognised.decoded, kept)
            support = [*clones, *(self._sites[q] for q in noise)]
        else:
            kept = sorted(set(range(patches.qubits)) - set(noise))
            expected = self._expected(self._recognised.decoded, kept)
            support = clones
        self._decoded = [*segment.operations]
        self._mend(self._decoded, expected, support)

    def circuit(self) -> QuantumCircuit:
        """Everything, readout included."""
        logical, recognised = self._logical, self._recognised
        out = QuantumCircuit(QuantumRegister(self._snapshot.num_qubits, "q"), *logical.cregs)
        _write(out, self._done)
        end = recognised.encrypted
        self._as_they_are(out, logical.data[end : end + 1], self._encrypted)
        _write(out, self._decoded)
        self._as_they_are(out, logical.data[recognised.decoded :], self._sites)
        return out

    def _mend(
        self,
        operations: list[Operation | _Fence],
        expected: Sequence[stim.PauliString],
        support: Sequence[int],
    ) -> None:
        self._apply(operations, correction(self._simulator, expected, support))

    def _apply(
        self, operations: list[Operation | _Fence], pauli: dict[int, tuple[bool, bool]]
    ) -> None:
        for qubit, (x, z) in pauli.items():
            if x:
                self._simulator.x(qubit)
            if z:
                self._simulator.z(qubit)
        _absorb(operations, pauli)

    def _expected(self, end: int, kept: Sequence[int] | None = None) -> list[stim.PauliString]:
        """Stabilizers of the logical state, readouts left out; those on ``kept`` alone."""
        prefix = self._logical.copy_empty_like()
        for instruction in self._logical.data[:end]:
            prefix.append(instruction)
        state = StabilizerState.of(steps(prefix), prefix.num_qubits, 0)
        generators = state.generators if kept is None else state.restrict(kept)
        return [
            self._on({self._sites[q]: "_XYZ"[g[q]] for q in range(len(g))}) * g.sign
            for g in generators
        ]

    def _on(self, letters: dict[int, str]) -> stim.PauliString:
        string = stim.PauliString(self._snapshot.num_qubits)
        for qubit, letter in letters.items():
            string[qubit] = letter
        return string

    def _as_they_are(
        self,
        out: QuantumCircuit,
        instructions: Iterable[CircuitInstruction],
        sites: Sequence[int],
    ) -> None:
        """Write instructions of the logical circuit at the places of their qubits."""
        for instruction in instructions:
            on = [sites[self._logical.find_bit(q).index] for q in instruction.qubits]
            if instruction.name in ("cx", "cz") and self._snapshot.entangler == "cz":
                local = [on[1]] if instruction.name == "cx" else []
                out.h(local)
                out.cz(*on)
                out.h(local)
            else:
                bits = [out.clbits[self._logical.find_bit(c).index] for c in instruction.clbits]
                out.append(instruction.operation, on, bits)


def _write(out: QuantumCircuit, operations: Iterable[Operation | _Fence]) -> None:
    for one in operations:
        if isinstance(one, _Fence):
            out.barrier(one.qubits, label=one.label)
            continue
        for step in one.steps():
            getattr(out, step.name)(*step.qubits)


def _absorb(operations: list[Operation | _Fence], pauli: dict[int, tuple[bool, bool]]) -> None:
    """Write a Pauli that is due after some operations into them.

    Z is free anywhere. X moves back to the last pulse on its qubit. Beyond a fence with the qubit
    nothing may change: there X becomes a gate of its own.
    """
    pending = dict(pauli)
    index = len(operations)
    while pending and index > 0:
        index -= 1
        one = operations[index]
        on = [q for q in one.qubits if q in pending]
        if not on:
            continue
        if isinstance(one, _Fence):
            operations[index + 1 : index + 1] = [_own_gate(q, *pending.pop(q)) for q in on]
            continue
        for q in on:
            x, z = pending[q]
            if z:
                one.after.append(("z", q))
            if x and one.timed:
                one.after.append(("x", q))
            if one.timed or not x:
                del pending[q]
            else:
                pending[q] = (True, False)
        if flipped := {q for q in on if q in pending}:
            before = taken_back(one, flipped)
            for k, q in enumerate(one.qubits):
                pending.pop(q, None)
                if letter := before[k]:
                    pending[q] = (letter in (1, 2), letter in (2, 3))
    operations[:0] = [_own_gate(q, *letters) for q, letters in pending.items()]


def _own_gate(qubit: int, x: bool, z: bool) -> Operation:
    after = [(name, qubit) for name, wanted in (("x", x), ("z", z)) if wanted]
    return Operation((), (qubit,), timed=x, after=after)


def _segments(
    recognised: RecognisedPatches, layout: Layout, snapshot: DeviceSnapshot
) -> Iterator[_Segment]:
    """Native operations up to each fence; encryption and decryption are last."""
    patches, tables = recognised.problem, device_tables(snapshot)
    rows: NDArray[np.int64] = np.zeros((most_rows(patches, layout), 5), dtype=np.int64)
    native = np.zeros((3 * len(rows), 4), dtype=np.int64)
    lists = np.zeros(3 * patches.qubits + 2 * patches.blocks * patches.pairs, dtype=np.int64)
    count = build(patches, layout, tables, rows, lists)
    if count < 0:
        raise AssertionError("this layout is not possible")
    frames = np.zeros(snapshot.num_qubits, dtype=np.int64)
    length = lower(rows[:count], tables, frames, native)
    if length < 0:
        raise AssertionError("a gate of this layout has no working coupler")
    operations: list[Operation] = []
    for kind, a, b, c in native[:length].tolist():
        if kind == BARRIER:
            on = tuple(lists[a : a + b].tolist())
            if c == ENCRYPTED:
                on = _encrypted_sites(patches, layout, on)
            yield _Segment(operations, c, on)
            operations = []
        elif kind in (PULSE, TURN):
            operations.append(Operation(NAMES[b], (a,), timed=kind == PULSE))
        else:
            operations.append(Operation((_ENTANGLERS.get(kind, "ecr"),), (a, b)))


def _encrypted_sites(patches: Patches, layout: Layout, decrypted: Sequence[int]) -> tuple[int, ...]:
    """Where the logical qubits are before clones and keys take their roles in decryption."""
    sites = list(decrypted)
    for g, clone in enumerate(patches.clones.tolist()):
        keys = patches.partner[patches.path_block[g], patches.path_pair[g]].tolist()
        number = [clone, *keys[1:]]
        for role, own in enumerate(layout.role[g].tolist()):
            sites[number[own]] = decrypted[number[role]]
    return tuple(sites)
