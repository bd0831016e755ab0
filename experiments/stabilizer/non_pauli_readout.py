r"""Readouts in a basis that is not a Pauli basis: CHSH tests and parity oscillations.

A qubit may be rotated about Z by an arbitrary angle φ if nothing but single-qubit Clifford gates
and its readout follow. This readout measures the observable cos α X + sin α Y of the state just
before the rotation. Under Pauli noise, and conditioned on all other outcomes, the qubits with such
a readout are in a mixture of states (\|b⟩ + s\|b̄⟩)/√2 up to local Cliffords: a GHZ state, a Bell
state, or for one qubit an eigenstate of X or Y. In such a state the parity of all these readouts
has the expectation value

    s cos(Σ_q (-1)^{b_q} α_q).

Given the parity, all outcomes are equally likely, since each shorter string anticommutes with a
stabilizer. So the outcome law is exact, and a stabilizer simulator can sample it: for each shot it
samples (b, s) instead of the readouts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit.library import get_standard_gate_name_mapping

from experiments.stabilizer.clifford import STIM_NAMES, NotClifford, Step, compact
from experiments.stabilizer.states import OutcomeLaw

_TO_Z = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}


@dataclass(frozen=True)
class NonPauliReadout:
    """The readout of a qubit in a basis that is not a Pauli basis.

    Attributes:
        qubit: index of the qubit.
        bit: index of the classical bit of its outcome.
        position: index of the rotation among the steps.
        pauli: ``X`` or ``Y``, the observable just after the rotation, up to a sign.
        radians: angle α of the observable cos α X + sin α Y just before the rotation, up to the
            same sign.
    """

    qubit: int
    bit: int
    position: int
    pauli: str
    radians: float


def find_non_pauli_readouts(operations: Sequence[Step]) -> tuple[NonPauliReadout, ...]:
    """Find the readouts after a Z rotation that is not Clifford.

    Rotations without an effect on any outcome are left out.

    Raises:
        NotClifford: if such a rotation is followed by anything but single-qubit Clifford gates
            and one readout.
    """
    rotated_at: dict[int, int] = {}
    after: dict[int, list[Step]] = {}
    for position, step in enumerate(operations):
        for qubit in step.qubits:
            if qubit in rotated_at and step.name not in ("barrier", "delay"):
                after[qubit].append(step)
        if step.angle and step.qubits[0] not in rotated_at:
            rotated_at[step.qubits[0]] = position
            after[step.qubits[0]] = []
    found = (
        _find_readout(qubit, position, operations[position], after[qubit])
        for qubit, position in rotated_at.items()
    )
    return tuple(readout for readout in found if readout)


def _find_readout(
    qubit: int, position: int, rotation: Step, after: Sequence[Step]
) -> NonPauliReadout | None:
    """The readout of a qubit after its rotation; None if the rotation has no effect on it."""
    observable = stim.PauliString("Z")
    bit = None
    for step in reversed(after):
        if step.name == "measure" and bit is None:
            (bit,) = step.clbits
        elif bit is None or len(step.qubits) > 1 or step.name in ("measure", "reset"):
            break
        elif observable[0] != 3 or step.name != "rz":
            # A rotation about Z just before a readout of Z has no effect, whatever its angle.
            gate = stim.Tableau.from_named_gate(STIM_NAMES[_single_clifford(step)])
            observable = gate.inverse()(observable)
    else:
        if bit is None or rotation.condition:
            raise _misplaced(rotation)
        pauli = "_XYZ"[observable[0]]
        if pauli == "Z":
            return None
        radians = rotation.turns * math.pi / 2 + rotation.angle
        return NonPauliReadout(
            qubit, bit, position, pauli, (0.0 if pauli == "X" else math.pi / 2) - radians
        )
    raise _misplaced(rotation)


def _single_clifford(step: Step) -> str:
    if step.condition:
        raise _misplaced(step)
    return step.clifford_name


def _misplaced(step: Step) -> NotClifford:
    return NotClifford(
        f"rz on qubit {step.qubits[0]} is no multiple of π/2, and more follows it than "
        "single-qubit Clifford gates and one readout; the outcomes of such a circuit have no "
        "simple law: use the provider 'aer' without a device"
    )


def drop_idle_rotations(operations: Iterable[Step], read: Sequence[NonPauliReadout]) -> list[Step]:
    """Remove the rotations that have no effect on an outcome: all but those of ``read``."""
    kept = {readout.position for readout in read}
    return [s for k, s in enumerate(operations) if not s.angle or k in kept]


def replace_by_pauli_readouts(
    operations: Sequence[Step], read: Sequence[NonPauliReadout], letters: str
) -> list[Step]:
    """Replace each non-Pauli readout by a readout of a Pauli just before its rotation.

    Args:
        operations: the steps of the circuit.
        read: its non-Pauli readouts.
        letters: the Pauli of each, in the same order.
    """
    readout_of = {readout.qubit: readout for readout in read}
    letter_of = {readout.qubit: letter for readout, letter in zip(read, letters, strict=True)}
    out: list[Step] = []
    for position, step in enumerate(operations):
        readout = readout_of.get(step.qubits[0]) if len(step.qubits) == 1 else None
        if readout is None or position < readout.position:
            if not step.angle:
                out.append(step)
        elif position == readout.position:
            out += [Step(gate, (readout.qubit,)) for gate in _TO_Z[letter_of[readout.qubit]]]
            out.append(Step("measure", (readout.qubit,), (readout.bit,)))
    return out


def readout_axes(
    operations: Sequence[Step], read: Sequence[NonPauliReadout]
) -> dict[int, tuple[float, float, float]]:
    """The observable of each non-Pauli readout, just after the last labelled barrier.

    Args:
        operations: steps with labelled barriers.
        read: the non-Pauli readouts; all of their gates follow the last labelled barrier.

    Returns:
        Classical bit → (x, y, z) of the observable x X + y Y + z Z.
    """
    start = _last_stage(operations)
    axes = {}
    for readout in read:
        observable = MATRICES["Z"]
        for step in reversed(operations[start:]):
            if readout.qubit in step.qubits and step.name not in ("barrier", "delay", "measure"):
                gate = matrix(step)
                observable = gate.conj().T @ observable @ gate
        x, y, z = (float(np.trace(observable @ MATRICES[p]).real) / 2 for p in "XYZ")
        axes[readout.bit] = (x, y, z)
    return axes


def replace_by_readouts_after_last_stage(
    operations: Sequence[Step], read: Sequence[NonPauliReadout], letter: str
) -> list[Step]:
    """Replace each non-Pauli readout by one of a Pauli just after the last labelled barrier."""
    start = _last_stage(operations)
    qubits = {readout.qubit for readout in read}
    out = [
        step
        for k, step in enumerate(operations)
        if k <= start or step.name == "barrier" or step.qubits[0] not in qubits
    ]
    for readout in read:
        out += [Step(gate, (readout.qubit,)) for gate in _TO_Z[letter]]
        out.append(Step("measure", (readout.qubit,), (readout.bit,)))
    return out


def _last_stage(operations: Sequence[Step]) -> int:
    return max(k for k, step in enumerate(operations) if step.name == "barrier" and step.label)


MATRICES = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.diag([1, -1]).astype(complex),
}
"""Pauli letter → its matrix, shape (2, 2), complex128."""


_STANDARD_GATES = get_standard_gate_name_mapping()


def matrix(step: Step) -> NDArray[np.complex128]:
    """The unitary of a single-qubit step, shape (2, 2), complex128."""
    if step.name == "rz":
        half = (step.turns * math.pi / 2 + step.angle) / 2
        return np.diag([np.exp(-1j * half), np.exp(1j * half)])
    # From Qiskit: stim's matrices have single precision.
    return np.asarray(_STANDARD_GATES[step.clifford_name].to_matrix(), dtype=np.complex128)


@dataclass(frozen=True)
class NonPauliReadoutLaw:
    """The outcome law of a circuit with non-Pauli readouts, without noise.

    Attributes:
        read: the non-Pauli readouts; given the other outcomes their qubits are in a GHZ state.
        letters: ``X`` or ``Y`` for each of these qubits, such that the other outcomes determine
            the sign s of the product of these Paulis; empty if there is no such product: then the
            non-Pauli readouts are fair coins.
        law: the outcome law with these Paulis read just before each rotation.
        flips: the bit b of each of these qubits without noise, relative to that of the first.
    """

    read: tuple[NonPauliReadout, ...]
    letters: str
    law: OutcomeLaw
    flips: tuple[int, ...] = ()

    @classmethod
    def of(cls, operations: Sequence[Step]) -> NonPauliReadoutLaw:
        """The outcome law of steps on |0…0>.

        Raises:
            NotClifford: if several qubits have non-Pauli readouts and are in no GHZ state.
        """
        read = find_non_pauli_readouts(operations)
        if not read:
            return cls((), "", find_outcome_law(drop_idle_rotations(operations, ())))
        own_bits = sum(1 << readout.bit for readout in read)
        bits = {bit for step in operations for bit in step.clbits}
        others = sum(1 << bit for bit in bits) & ~own_bits
        populations = find_outcome_law(replace_by_pauli_readouts(operations, read, "Z" * len(read)))
        flips = [0]
        for other in read[1:]:
            parity = populations.parity(1 << read[0].bit | 1 << other.bit)
            if parity is not None:
                flips.append(parity)
        if len(flips) < len(read):
            raise NotClifford(
                f"the {len(read)} qubits that are read in turned bases are in no GHZ state there; "
                "the outcomes of such a circuit have no simple law"
            )
        # The phase between both halves of a GHZ state is ±1 or ±i: a quarter turn of one qubit.
        for first in "XY":
            letters = first + "X" * (len(read) - 1)
            law = find_outcome_law(replace_by_pauli_readouts(operations, read, letters))
            if law.complete(own_bits, others) is not None:
                return cls(read, letters, law, tuple(flips))
        return cls(read, "", populations, tuple(flips))

    @property
    def mask(self) -> int:
        """The classical bits of the non-Pauli readouts, bit c being ``1 << c``."""
        return sum(1 << readout.bit for readout in self.read)

    @property
    def radians(self) -> tuple[float, ...]:
        """The angle α of each readout, relative to the axis of its Pauli in ``letters``."""
        letters = self.letters or "X" * len(self.read)
        return tuple(
            readout.radians - (math.pi / 2 if letter == "Y" else 0.0)
            for readout, letter in zip(self.read, letters, strict=True)
        )

    @property
    def signed_radians(self) -> tuple[float, ...]:
        """The angle (-1)^b α of each readout, without noise."""
        return tuple((1 - 2 * b) * a for b, a in zip(self.flips, self.radians, strict=True))

    def mean(self, mask: int) -> float:
        """Expectation value of (-1)^(parity of the bits in ``mask``)."""
        own_bits = mask & self.mask
        if own_bits and (own_bits != self.mask or not self.letters):
            return 0.0
        parity = self.law.parity(mask)
        if parity is None:
            return 0.0
        sign = 1.0 - 2.0 * parity
        return sign * math.cos(sum(self.signed_radians)) if own_bits else sign


def find_outcome_law(operations: Sequence[Step]) -> OutcomeLaw:
    """The outcome law of steps on any qubits of a device; it does not depend on their indices."""
    compacted = compact(operations)
    qubits = 1 + max((q for s in compacted for q in s.qubits), default=-1)
    bits = 1 + max((bit for s in compacted for bit in s.clbits), default=-1)
    return OutcomeLaw.of(compacted, qubits, bits)
