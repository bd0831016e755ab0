"""From a placement to the circuit that is sent."""

from __future__ import annotations

from collections.abc import Sequence

import stim
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import PassManager

from backends.compiling.clifford_passes import native_gates
from backends.compiling.protocol.core.circuits import (
    FollowedState,
    new_circuit,
    split_at_fences,
    write_instruction,
    write_operations,
)
from backends.compiling.protocol.core.native.signs import Fence, Operation
from backends.compiling.protocol.core.native.tables import device_tables
from backends.compiling.protocol.core.placement import STAND_IN, Placement
from backends.compiling.protocol.core.problem import ROWS, TREES
from backends.compiling.protocol.core.recognition import LOCAL_CODES
from backends.compiling.protocol.core.trees.encryption import DECRYPTED, ENCRYPTED
from backends.compiling.protocol.single.programs import build, scratch_for
from backends.compiling.protocol.single.recognition import Recognised
from backends.compiling.protocol.single.routed_decryption import route_gate
from backends.devices.snapshot import DeviceSnapshot


def write_circuit(
    recognised: Recognised, placement: Placement, snapshot: DeviceSnapshot
) -> QuantumCircuit:
    """Write one setting of a point as a native circuit on the device's qubits.

    Stages are closed by the barriers of the logical circuit, its qubits listed in the same order;
    preparation by one barrier for each Bell pair, labelled ``preparation of i j`` with the numbers
    of its logical qubits, so that each pair is made just in time.

    Raises:
        AssertionError: if the placement is no implementation of the circuit.
    """
    tables = device_tables(snapshot)
    scratch = scratch_for(recognised.problem, tables)
    count = build(recognised.problem, placement, tables, scratch)
    writer = _Writer(recognised, placement, snapshot)
    for segment in split_at_fences(scratch, count, snapshot):
        if segment.mark == ENCRYPTED:
            writer.encrypt(segment.operations)
        elif segment.mark == DECRYPTED:
            writer.decrypt(segment.operations)
        else:
            writer.prepare(segment.mark, segment.operations)
    return PassManager(native_gates(snapshot.to_target())).run(writer.out)


class _Writer:
    """Writes stage after stage, following the state to mend its signs."""

    def __init__(
        self, recognised: Recognised, placement: Placement, snapshot: DeviceSnapshot
    ) -> None:
        self._recognised = recognised
        self._logical = recognised.circuit
        self._snapshot = snapshot
        data = placement.site[: recognised.problem.pairs].tolist()
        partners = [
            int(path[k - 1]) for path, k in zip(placement.path, placement.length, strict=True)
        ]
        self._sites: list[int] = [partners[0], *data, *partners[1:]]
        self._stand_in = int(placement.scalars[STAND_IN])
        self._site_of = {
            self._logical.qubits[q]: site
            for q, site in zip(recognised.qubits, self._sites, strict=True)
        }
        # One more than the device has: R of an input that is no half of a Bell pair.
        self._state = FollowedState(snapshot.num_qubits + 1)
        self._followed = dict(self._site_of)
        if not recognised.parts.bell:
            self._followed[self._logical.qubits[recognised.qubits[0]]] = snapshot.num_qubits
        self.out = new_circuit(self._logical, snapshot)

    def prepare(self, pair: int, operations: list[Operation]) -> None:
        """Write one Bell pair, or the state of A alone."""
        if pair == 0 and not self._recognised.problem.bell:
            self._prepare_alone()
            return
        pairs = len(self._sites) // 2
        logical = (pair + 1, 0 if pair == 0 else pairs + pair)
        on = [self._sites[k] for k in logical]
        expected = [self._state.string(dict.fromkeys(on, letter)) for letter in "XZ"]
        self._write(operations, expected, on)
        numbers = " ".join(str(self._recognised.qubits[k]) for k in logical)
        self.out.barrier(on, label=f"preparation of {numbers}")

    def _prepare_alone(self) -> None:
        """Write A's own preparation.

        Signs are followed with half of a Bell pair instead: what is right for that is right
        for every input.
        """
        reference, data = self._sites[:2]
        for instruction in self._recognised.parts.preparation_of_input:
            self.out.append(instruction.operation, [data])
        self._state.simulator.h(self.out.num_qubits)
        self._state.simulator.cx(self.out.num_qubits, data)
        for site, number in ((data, 1), (reference, 0)):
            label = f"preparation of {self._recognised.qubits[number]}"
            self.out.barrier([site], label=label)

    def encrypt(self, operations: list[Operation]) -> None:
        """Write encryption, its barrier and what comes before decryption."""
        pairs = len(self._sites) // 2
        end = self._recognised.parts.encrypted
        self._write(operations, self._expected(end), self._sites[1 : pairs + 1])
        self._copy_instructions(end, self._recognised.parts.decoding[0])

    def decrypt(self, operations: list[Operation]) -> None:
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
            # Data qubits that are not read any more count for nothing; of those that were read
            # when they were lost, the outcome does.
            key = range(problem.pairs + 1, 2 * problem.pairs)
            read = [self._recognised.qubits[k] for k in (0, 1 + problem.clone, *key)]
            was_read = [self._recognised.qubits[1 + pair] for pair in parts.lost_and_read]
            support = [clone, *(self._sites[k] for k in key)]
            self._write(operations, self._expected(end, read, was_read), support)
        elif problem.decoding == TREES:
            kept = self._recognised.qubits[: problem.pairs + 1]
            self._write(operations, self._expected(end, kept), [clone])
        self._copy_instructions(end, len(self._logical.data))

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
                self._copy_instructions(k, k + 1)
                continue
            sites = [self._site_of[q] for q in instruction.qubits]
            circuit, goes = route_gate(instruction, sites, self._snapshot)
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
        self._state.apply(operations)
        mended: list[Operation | Fence] = [*operations]
        self._state.mend(mended, expected, [*support, *self._unused()])
        write_operations(self.out, mended)

    def _expected(
        self, end: int, kept: Sequence[int] | None = None, was_read: Sequence[int] = ()
    ) -> list[stim.PauliString]:
        """Stabilizers of the logical state without readouts and losses.

        With ``kept`` only those on these qubits, and by Z on qubits that ``was_read`` names.
        """
        prefix = self._recognised.parts.prefix(end)
        sites = [self._followed[qubit] for qubit in self._logical.qubits]
        expected = self._state.stabilizers(prefix, sites, kept, was_read)
        return expected + [self._state.string({site: "Z"}) for site in self._unused()]

    def _unused(self) -> list[int]:
        """The site of R where the input is no half of a Bell pair: a spare qubit in |0>.

        Ways may cross it, and an ECR that makes a move turns what it leaves.
        """
        return [] if self._recognised.parts.bell else self._sites[:1]

    def _copy_instructions(self, first: int, end: int) -> None:
        """Append instructions of the logical circuit where their qubits are."""
        for k in range(first, end):
            instruction = self._logical.data[k]
            on = [self._site_of[q] for q in instruction.qubits]
            write_instruction(self.out, self._logical, instruction, on, self._snapshot.entangler)
            if instruction.name in LOCAL_CODES and not self._recognised.parts.is_loss(k):
                self._state.apply([Operation((instruction.name,), tuple(on))])
