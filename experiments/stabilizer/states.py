"""Exact predictions from the stabilizer formalism.

A pure stabilizer state is given by its generators, as :class:`stim.PauliString`. What a party can
learn, what can be recovered, and which parities of outcomes are certain all follow from a
subgroup: the elements of the stabilizer group that act only on the qubits of that party.

Measurements are deferred: each writes its outcome on a fresh record qubit by a CX. So a circuit
with measurements has a pure final state too, in which Z on a record qubit is the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from experiments.stabilizer.clifford import Step, StimWriter, steps


@dataclass(frozen=True)
class StabilizerState:
    """A pure stabilizer state.

    Attributes:
        generators: independent commuting Pauli strings, as many as there are qubits.
    """

    generators: tuple[stim.PauliString, ...]

    @classmethod
    def of(cls, operations: Iterable[Step], num_qubits: int, num_clbits: int) -> StabilizerState:
        """The state after ``operations`` on |0…0>; bit c is qubit ``num_qubits + c``."""
        writer = StimWriter(record_qubits_from=num_qubits)
        for step in operations:
            writer.write(step)
        simulator = stim.TableauSimulator()
        simulator.set_num_qubits(num_qubits + num_clbits)
        simulator.do(writer.circuit())
        return cls(tuple(simulator.canonical_stabilizers()))

    @classmethod
    def of_circuit(cls, circuit: QuantumCircuit) -> StabilizerState:
        """The final state of ``circuit``, its classical bits appended as record qubits."""
        return cls.of(steps(circuit), circuit.num_qubits, circuit.num_clbits)

    @property
    def num_qubits(self) -> int:
        """Number of qubits, record qubits included."""
        return len(self.generators)

    def restrict(
        self, anywhere: Iterable[int], z_only: Iterable[int] = ()
    ) -> tuple[stim.PauliString, ...]:
        """Generators of the subgroup that acts only on some qubits.

        Args:
            anywhere: indices of qubits on which its elements may act by any Pauli.
            z_only: indices of qubits on which they may act by Z.
        """
        free = set(anywhere)
        diagonal = set(z_only) - free
        elsewhere = [q for q in range(self.num_qubits) if q not in free and q not in diagonal]
        rows = [
            (_mask(x_bits, [*elsewhere, *diagonal]) << len(elsewhere) | _mask(z_bits, elsewhere), g)
            for g in self.generators
            for x_bits, z_bits in (g.to_numpy(),)
        ]
        return tuple(_kernel(rows))


def _mask(bits: NDArray[np.bool_], qubits: Sequence[int]) -> int:
    """The bits at ``qubits`` as an integer, the first qubit lowest.

    Args:
        bits: shape (number of qubits,), bool.
        qubits: indices into it.
    """
    chosen = np.packbits(bits[list(qubits)], bitorder="little")
    return int.from_bytes(chosen.tobytes(), "little")


def _kernel(rows: list[tuple[int, stim.PauliString]]) -> list[stim.PauliString]:
    """Products of the Pauli strings whose constraint masks cancel (elimination over GF(2))."""
    pivots: dict[int, tuple[int, stim.PauliString]] = {}
    kernel = []
    for mask, pauli in rows:
        while mask:
            pivot = mask.bit_length()
            if pivot not in pivots:
                pivots[pivot] = (mask, pauli)
                break
            mask ^= pivots[pivot][0]
            pauli = pauli * pivots[pivot][1]
        else:
            kernel.append(pauli)
    return kernel


def find_recovery_stabilizers(
    state: StabilizerState, reference: int, subset: Iterable[int]
) -> dict[str, stim.PauliString]:
    """Find the Paulis of the reference qubit that a set of qubits determines.

    Args:
        state: the state after encryption, reference included.
        reference: index of the qubit R that is entangled with the input.
        subset: indices of the qubits that a party holds (without R).

    Returns:
        Pauli letter on R → stabilizer, with its sign, that determines it. Empty: the party learns
        nothing. One entry: it learns that component of the input. Three entries: it can recover
        the input itself (Yamaguchi & Kempf, PRL 136, 010801).
    """
    held = set(subset) - {reference}
    group = [g for g in state.restrict({reference, *held}) if g[reference]]
    found: dict[str, stim.PauliString] = {}
    for k, first in enumerate(group):
        found.setdefault("_XYZ"[first[reference]], first)
        for second in group[k + 1 :]:
            both = first * second
            if both[reference]:
                found.setdefault("_XYZ"[both[reference]], both)
    return dict(sorted(found.items()))


def information_bits(state: StabilizerState, reference: int, subset: Iterable[int]) -> int:
    """Mutual information of R with ``subset``, in bits: 0, 1 or 2.

    The values of a set and of its complement add up to 2.
    """
    return {0: 0, 1: 1, 3: 2}[len(find_recovery_stabilizers(state, reference, subset))]


@dataclass(frozen=True)
class OutcomeLaw:
    """The outcome distribution of a circuit without noise: the parities that are certain.

    All other parities are fair coins.

    Attributes:
        rows: (mask, parity) pairs in reduced echelon form: the bits in ``mask`` (bit c of the
            circuit is 1 << c) have the given parity in every shot.
    """

    rows: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, operations: Iterable[Step], num_qubits: int, num_clbits: int) -> OutcomeLaw:
        """The outcome law of steps on |0…0>."""
        state = StabilizerState.of(operations, num_qubits, num_clbits)
        records = range(num_qubits, num_qubits + num_clbits)
        group = state.restrict((), z_only=records)
        rows = [(_mask(g.to_numpy()[1], records), int(g.sign.real < 0)) for g in group]
        return cls(_echelon(rows))

    @classmethod
    def of_circuit(cls, circuit: QuantumCircuit) -> OutcomeLaw:
        """The outcome law of ``circuit`` on |0…0>."""
        return cls.of(steps(circuit), circuit.num_qubits, circuit.num_clbits)

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, int]]) -> OutcomeLaw:
        """The law in which some parities, given as (mask, parity), are certain."""
        return cls(_echelon(rows))

    def parity(self, mask: int) -> int | None:
        """The certain parity of the bits in ``mask``, 0 or 1; None if it is a fair coin."""
        parity = 0
        for row, value in self.rows:
            if mask >> (row.bit_length() - 1) & 1:
                mask ^= row
                parity ^= value
        return parity if mask == 0 else None

    def complete(self, mask: int, free: int) -> tuple[int, int] | None:
        """Extend ``mask`` by bits of ``free`` to a certain parity.

        Returns:
            (extended mask, parity), or None if no extension has a certain parity.
        """
        # Echelon with the fixed bits above the free ones: a row whose leading bit is free
        # touches free bits only and is never needed.
        width = max(mask.bit_length(), free.bit_length(), *(r.bit_length() for r, _ in self.rows))
        fixed = ((1 << width) - 1) & ~free
        rows = _echelon([((row & fixed) << width | row, value) for row, value in self.rows])
        wanted, parity = (mask & fixed) << width, 0
        taken = 0
        for row, value in rows:
            if row >> width == 0:
                continue
            if wanted >> (row.bit_length() - 1) & 1:
                wanted ^= row & ~((1 << width) - 1)
                taken ^= row & ((1 << width) - 1)
                parity ^= value
        return (taken, parity) if wanted == 0 else None


def _echelon(rows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Reduced row echelon form over GF(2), leading bits descending."""
    pivots: dict[int, tuple[int, int]] = {}
    for mask, value in rows:
        while mask and mask.bit_length() in pivots:
            pivot_mask, pivot_value = pivots[mask.bit_length()]
            mask, value = mask ^ pivot_mask, value ^ pivot_value
        if mask:
            pivots[mask.bit_length()] = (mask, value)
    for lead in sorted(pivots):
        mask, value = pivots[lead]
        for other in sorted(pivots, reverse=True):
            if other > lead and pivots[other][0] >> (lead - 1) & 1:
                pivots[other] = (pivots[other][0] ^ mask, pivots[other][1] ^ value)
    return tuple(pivots[lead] for lead in sorted(pivots, reverse=True))
