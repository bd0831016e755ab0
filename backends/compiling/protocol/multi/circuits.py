"""From a layout of several blocks to the circuit that is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import stim
from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.transpiler import PassManager

from backends.compiling.clifford_passes import native_gates
from backends.compiling.protocol.core.circuits import (
    FollowedState,
    Segment,
    new_circuit,
    split_at_fences,
    write_instruction,
    write_operations,
)
from backends.compiling.protocol.core.native.signs import Fence, Operation, as_stim
from backends.compiling.protocol.core.native.tables import device_tables
from backends.compiling.protocol.core.problem import ROWS
from backends.compiling.protocol.core.trees.encryption import DECRYPTED, ENCRYPTED, SPREAD
from backends.compiling.protocol.multi.layout import Layout
from backends.compiling.protocol.multi.problem import MultiProblem
from backends.compiling.protocol.multi.programs import build, scratch_for
from backends.compiling.protocol.multi.recognition import RecognisedInstances
from backends.devices.snapshot import DeviceSnapshot


def write_circuits(
    recognised: Sequence[RecognisedInstances], layout: Layout, snapshot: DeviceSnapshot
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
        scratch = scratch_for(one.problem, layout)
        count = build(one.problem, layout, device_tables(snapshot), scratch)
        writer = _Writer(one, layout, snapshot)
        for segment in split_at_fences(scratch, count, snapshot):
            writer.add(segment)
        yield native.run(writer.circuit())


class _Writer:
    """Collects operations stage after stage, following the state to mend its signs."""

    def __init__(
        self, recognised: RecognisedInstances, layout: Layout, snapshot: DeviceSnapshot
    ) -> None:
        self._recognised = recognised
        self._logical = recognised.circuit
        self._snapshot = snapshot
        self._layout = layout
        self._state = FollowedState(snapshot.num_qubits)
        self._done: list[Operation | Fence] = []
        self._sites: tuple[int, ...] = ()
        self._encrypted: tuple[int, ...] = ()
        self._decoded: list[Operation | Fence] = []

    def add(self, segment: Segment) -> None:
        """Append what comes before a fence, and mend its signs."""
        problem = self._recognised.problem
        self._state.apply(segment.operations)
        if segment.mark == DECRYPTED:
            self._decrypt(segment)
            return
        self._done += segment.operations
        on = segment.qubits
        if segment.mark == ENCRYPTED:
            on = _encrypted_sites(problem, self._layout, on)
            self._sites = self._encrypted = on
            self._mend_keys()
            data = sorted({on[q] for q in problem.data.ravel().tolist()})
            expected = self._expected(self._recognised.encrypted)
            self._state.mend(self._done, expected, data)
            return
        if segment.mark == SPREAD:
            logical, noise = problem.data[:, 0].tolist(), -1
            letters = [dict.fromkeys(on, "X"), *({on[0]: "Z", q: "Z"} for q in on[1:])]
        else:
            block, pair = divmod(segment.mark, problem.pairs)
            logical = [int(problem.data[block, pair]), int(problem.partner[block, pair])]
            letters = [dict.fromkeys(on, letter) for letter in "XZ"]
            noise = on[1] if pair > 0 else -1
        self._state.mend(self._done, [self._state.string(one) for one in letters], on)
        stage = self._recognised.stage_of[logical[-1]]
        self._done.append(Fence(on, f"{stage} of {' '.join(map(str, logical))}", noise))

    def _mend_keys(self) -> None:
        """Undo the Paulis on noise qubits that made way for others: only moves are allowed."""
        size, end = self._snapshot.num_qubits, len(self._done)
        later, touched = stim.Tableau(size), set[int]()
        pauli: dict[int, tuple[bool, bool]] = {}
        for index in range(end - 1, -1, -1):
            one = self._done[index]
            if not isinstance(one, Fence):
                touched.update(one.qubits)
            elif one.noise in touched:
                between = [o for o in self._done[index:end] if not isinstance(o, Fence)]
                circuit = as_stim(between)
                circuit.append("I", [size - 1])
                later, end = circuit.to_tableau().then(later), index
                # X that came back as -X asks for Z, and the other way round.
                x, z = (self._came_back(later, one.noise, letter) for letter in "ZX")
                pauli[one.noise] = (x, z)
        self._state.absorb(self._done, pauli)

    def _came_back(self, later: stim.Tableau, qubit: int, letter: str) -> bool:
        """Whether a Pauli on a qubit came back to it with the other sign."""
        rest = later(self._state.string({qubit: letter})) * self._state.string({qubit: letter})
        sign = self._state.simulator.peek_observable_expectation(rest)
        if sign == 0:
            raise AssertionError(f"the noise qubit on {qubit} was not only moved")
        return sign < 0

    def _decrypt(self, segment: Segment) -> None:
        problem = self._recognised.problem
        self._sites = segment.qubits
        clones = [self._sites[q] for q in problem.clones.tolist()]
        noise = problem.partner[:, 1:].ravel().tolist()
        if problem.decoding == ROWS:
            # Qubits that are not read any more count for nothing.
            kept = np.flatnonzero(problem.exact).tolist()
            expected = self._expected(self._recognised.decoded, kept)
            support = [*clones, *(self._sites[q] for q in noise)]
        else:
            kept = sorted(set(range(problem.qubits)) - set(noise))
            expected = self._expected(self._recognised.decoded, kept)
            support = clones
        self._decoded = [*segment.operations]
        self._state.mend(self._decoded, expected, support)

    def circuit(self) -> QuantumCircuit:
        """Everything, readout included."""
        logical, recognised = self._logical, self._recognised
        out = new_circuit(logical, self._snapshot)
        write_operations(out, self._done)
        end = recognised.encrypted
        self._copy_instructions(out, logical.data[end : end + 1], self._encrypted)
        write_operations(out, self._decoded)
        self._copy_instructions(out, logical.data[recognised.decoded :], self._sites)
        return out

    def _expected(self, end: int, kept: Sequence[int] | None = None) -> list[stim.PauliString]:
        """Stabilizers of the logical state, readouts left out; those on ``kept`` alone."""
        prefix = self._logical.copy_empty_like()
        for instruction in self._logical.data[:end]:
            prefix.append(instruction)
        return self._state.stabilizers(prefix, self._sites, kept)

    def _copy_instructions(
        self,
        out: QuantumCircuit,
        instructions: Iterable[CircuitInstruction],
        sites: Sequence[int],
    ) -> None:
        """Append instructions of the logical circuit where their qubits are."""
        for instruction in instructions:
            on = [sites[self._logical.find_bit(q).index] for q in instruction.qubits]
            write_instruction(out, self._logical, instruction, on, self._snapshot.entangler)


def _encrypted_sites(
    problem: MultiProblem, layout: Layout, decrypted: Sequence[int]
) -> tuple[int, ...]:
    """Where the logical qubits are before clones and keys take their roles in decryption."""
    sites = list(decrypted)
    for g, clone in enumerate(problem.clones.tolist()):
        keys = problem.partner[problem.path_block[g], problem.path_pair[g]].tolist()
        number = [clone, *keys[1:]]
        for role, own in enumerate(layout.role[g].tolist()):
            sites[number[own]] = decrypted[number[role]]
    return tuple(sites)
