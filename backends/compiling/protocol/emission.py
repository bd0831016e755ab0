"""From a placement to the circuit that is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import stim
from qiskit.circuit import QuantumCircuit, QuantumRegister
from qiskit.transpiler import PassManager

from backends.compiling.clifford_passes import native_gates
from backends.compiling.protocol.building import MOST_ROWS, build
from backends.compiling.protocol.encoding import DECRYPTED, ENCRYPTED, WAITED
from backends.compiling.protocol.frames import NAMES
from backends.compiling.protocol.lowering import lower
from backends.compiling.protocol.observables import LOCAL_CODES
from backends.compiling.protocol.placement import STAND_IN, Placement
from backends.compiling.protocol.problem import ROWS, TREES
from backends.compiling.protocol.propagation import (
    BARRIER,
    DELAY,
    GIVEN,
    LETTERS,
    MEASURE,
    PULSE,
    RESET,
    TURN,
)
from backends.compiling.protocol.recognition import Recognised
from backends.compiling.protocol.signs import Operation, absorb, as_stim, correction
from backends.compiling.protocol.tables import CX, CZ, device_tables
from backends.compiling.protocol.whole_key import routed
from backends.devices.snapshot import DeviceSnapshot
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import StabilizerState

_ENTANGLERS = {CZ: "cz", CX: "cx"}


def emit(recognised: Recognised, place: Placement, snapshot: DeviceSnapshot) -> QuantumCircuit:
    """Write one setting of a point as a native circuit on the device's qubits.

    Stages are closed by the barriers of the logical circuit, its qubits listed in the same order;
    preparation by one barrier for each Bell pair, labelled ``preparation of i j`` with the numbers
    of its logical qubits, so that each pair is made just in time.

    Raises:
        AssertionError: if the placement is no implementation of the circuit.
    """
    segments = _segments(recognised, place, snapshot)
    writer = _Writer(recognised, place, snapshot)
    for mark, operations in segments:
        if mark == ENCRYPTED:
            writer.encrypted(operations)
        elif mark == DECRYPTED:
            writer.decrypted(operations)
        else:
            writer.prepared(mark, operations)
    return PassManager(native_gates(snapshot.to_target())).run(writer.out)


class _Writer:
    """Writes stage after stage, following the state to mend its signs."""

    def __init__(self, recognised: Recognised, place: Placement, snapshot: DeviceSnapshot) -> None:
        self._recognised = recognised
        self._logical = recognised.circuit
        self._snapshot = snapshot
        self._entangler = snapshot.entangler
        data = place.site[: recognised.problem.pairs].tolist()
        partners = [int(path[k - 1]) for path, k in zip(place.path, place.length, strict=True)]
        self._sites: list[int] = [partners[0], *data, *partners[1:]]
        self._stand_in = int(place.scalars[STAND_IN])
        self._site_of = {
            self._logical.qubits[q]: site
            for q, site in zip(recognised.qubits, self._sites, strict=True)
        }
        self._simulator = stim.TableauSimulator()
        # One more than the device has: R of an input that is no half of a Bell pair.
        self._simulator.set_num_qubits(snapshot.num_qubits + 1)
        self._followed = dict(self._site_of)
        if not recognised.parts.bell:
            self._followed[self._logical.qubits[recognised.qubits[0]]] = snapshot.num_qubits
        self.out = QuantumCircuit(QuantumRegister(snapshot.num_qubits, "q"))
        self.out.add_bits(self._logical.clbits)
        self.out.add_register(*self._logical.cregs)

    def prepared(self, pair: int, operations: list[Operation]) -> None:
        """Write one Bell pair, or the state of A alone."""
        if pair == 0 and not self._recognised.problem.bell:
            self._prepared_alone()
            return
        pairs = len(self._sites) // 2
        logical = (pair + 1, 0 if pair == 0 else pairs + pair)
        on = [self._sites[k] for k in logical]
        expected = [self._on(dict.fromkeys(on, letter)) for letter in "XZ"]
        self._write(operations, expected, on)
        numbers = " ".join(str(self._recognised.qubits[k]) for k in logical)
        self.out.barrier(on, label=f"preparation of {numbers}")

    def _prepared_alone(self) -> None:
        """Write A's own preparation.

        Signs are followed with half of a Bell pair in its place: what is right for that is right
        for every input.
        """
        reference, data = self._sites[:2]
        for instruction in self._recognised.parts.preparation_of_input:
            self.out.append(instruction.operation, [data])
        self._simulator.h(self.out.num_qubits)
        self._simulator.cx(self.out.num_qubits, data)
        for site, number in ((data, 1), (reference, 0)):
            label = f"preparation of {self._recognised.qubits[number]}"
            self.out.barrier([site], label=label)

    def encrypted(self, operations: list[Operation]) -> None:
        """Write encryption, its barrier and what comes before decryption."""
        pairs = len(self._sites) // 2
        end = self._recognised.parts.encrypted
        self._write(operations, self._expected(end), self._sites[1 : pairs + 1])
        self._as_they_are(end, self._recognised.parts.decoding[0])

    def decrypted(self, operations: list[Operation]) -> None:
        """Write decryption, and all that follows it."""
        problem = self._recognised.problem
        parts = self._recognised.parts
        end = parts.decoding[1]
        if self._stand_in:
            self._exchange_roles(1 + problem.clone, problem.pairs + self._stand_in)
        clone = self._sites[1 + problem.clone]
        if parts.whole_key:
            self._routed(parts.decoding[0])
            return
        if problem.decoding == ROWS:
            # Data qubits that nobody reads any more belong to nothing; of those that were read
            # when they were lost, the outcome does.
            key = range(problem.pairs + 1, 2 * problem.pairs)
            read = [self._recognised.qubits[k] for k in (0, 1 + problem.clone, *key)]
            was_read = [self._recognised.qubits[1 + pair] for pair in parts.lost_and_read]
            support = [clone, *(self._sites[k] for k in key)]
            self._write(operations, self._expected(end, read, was_read), support)
        elif problem.decoding == TREES:
            kept = self._recognised.qubits[: problem.pairs + 1]
            self._write(operations, self._expected(end, kept), [clone])
        self._as_they_are(end, len(self._logical.data))

    def _exchange_roles(self, *numbers: int) -> None:
        """From here on each of two logical qubits is where the other was."""
        first, second = numbers
        sites = self._sites
        sites[first], sites[second] = sites[second], sites[first]
        for number in numbers:
            qubit = self._logical.qubits[self._recognised.qubits[number]]
            self._site_of[qubit] = self._followed[qubit] = sites[number]

    def _routed(self, first: int) -> None:
        """Write decryption that leaves the key whole, and all that follows it."""
        for k in range(first, len(self._logical.data)):
            instruction = self._logical.data[k]
            if instruction.name == "barrier" or len(instruction.qubits) == 1:
                self._as_they_are(k, k + 1)
                continue
            sites = [self._site_of[q] for q in instruction.qubits]
            circuit, goes = routed(instruction, sites, self._snapshot)
            self.out.compose(circuit, inplace=True)
            self._site_of = {qubit: goes[site] for qubit, site in self._site_of.items()}
            if k > self._recognised.parts.last_stage:
                # No stage is left that tells where everything is: a barrier without a name does.
                whole = [i.qubits for i in self._logical.data if len(i.qubits) == len(self._sites)]
                self.out.barrier([self._site_of[q] for q in whole[-1]])

    def _write(
        self,
        operations: list[Operation],
        expected: Sequence[stim.PauliString],
        support: Sequence[int],
    ) -> None:
        self._simulator.do(as_stim(operations))
        pauli = correction(self._simulator, expected, [*support, *self._unused()])
        for qubit, (x, z) in pauli.items():
            if x:
                self._simulator.x(qubit)
            if z:
                self._simulator.z(qubit)
        absorb(operations, pauli)
        for operation in operations:
            for step in operation.steps():
                getattr(self.out, step.name)(*step.qubits)

    def _expected(
        self, end: int, kept: Sequence[int] | None = None, was_read: Sequence[int] = ()
    ) -> list[stim.PauliString]:
        """Stabilizers of the logical state without readouts and losses.

        With ``kept`` only those on these qubits, and by Z on qubits that ``was_read`` names.
        """
        prefix = self._recognised.parts.prefix(end)
        state = StabilizerState.of(steps(prefix), prefix.num_qubits, 0)
        generators = state.generators if kept is None else state.restrict(kept, z_only=was_read)
        expected = [
            self._on({self._followed[self._logical.qubits[q]]: "_XYZ"[g[q]] for q in range(len(g))})
            * g.sign
            for g in generators
        ]
        return expected + [self._on({site: "Z"}) for site in self._unused()]

    def _unused(self) -> list[int]:
        """The place of R where the input is no half of a Bell pair: a spare qubit in |0>.

        Ways may cross it, and an ECR that makes a move turns what it leaves.
        """
        return [] if self._recognised.parts.bell else self._sites[:1]

    def _on(self, letters: dict[int, str]) -> stim.PauliString:
        string = stim.PauliString(self.out.num_qubits + 1)
        for qubit, letter in letters.items():
            string[qubit] = letter
        return string

    def _as_they_are(self, first: int, end: int) -> None:
        """Write instructions of the logical circuit at the places of their qubits."""
        for k in range(first, end):
            instruction = self._logical.data[k]
            on = [self._site_of[q] for q in instruction.qubits]
            if instruction.name in ("cx", "cz") and self._entangler == "cz":
                local = [on[1]] if instruction.name == "cx" else []
                self.out.h(local)
                self.out.cz(*on)
                self.out.h(local)
            else:
                bits = [
                    self.out.clbits[self._logical.find_bit(c).index] for c in instruction.clbits
                ]
                self.out.append(instruction.operation, on, bits)
            if instruction.name in LOCAL_CODES and not self._recognised.parts.is_loss(k):
                self._simulator.do(as_stim([Operation((instruction.name,), tuple(on))]))


_Segment = tuple[int, list[Operation]]


def _segments(recognised: Recognised, place: Placement, snapshot: DeviceSnapshot) -> list[_Segment]:
    """Native operations up to each fence, with its mark; encryption and decryption are last."""
    problem, tables = recognised.problem, device_tables(snapshot)
    rows = np.zeros((MOST_ROWS, 5), dtype=np.int64)
    native = np.zeros((2 * MOST_ROWS, 4), dtype=np.int64)
    lists = np.zeros(8 * problem.pairs, dtype=np.int64)
    count = build(problem, place, tables, rows, lists)
    if count < 0:
        raise AssertionError("this placement is not possible")
    program = rows[:count]
    frames = np.zeros(snapshot.num_qubits, dtype=np.int64)
    length = lower(program, tables, frames, native)
    if length < 0:
        raise AssertionError("a gate of this placement has no working coupler")
    segments: list[_Segment] = []
    operations: list[Operation] = []
    for kind, a, b, c in native[:length].tolist():
        if (kind == BARRIER and c == WAITED) or kind in (DELAY, RESET, GIVEN, LETTERS, MEASURE):
            continue  # written as they stand in the logical circuit
        if kind == BARRIER:
            segments.append((c, operations))
            operations = []
        elif kind in (PULSE, TURN):
            operations.append(Operation(NAMES[b], (a,), timed=kind == PULSE))
        else:
            operations.append(Operation((_ENTANGLERS.get(kind, "ecr"),), (a, b)))
    return segments
