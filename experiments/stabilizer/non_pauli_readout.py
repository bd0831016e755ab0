r"""Readouts in a basis that is not a Pauli's: CHSH tests and parity oscillations.

A qubit may be turned about Z by any angle φ if nothing but single-qubit Clifford gates and its
readout follow. That readout asks for cos α X + sin α Y of the state just before the turn. Under
Pauli noise, and given all other outcomes, the turned qubits are then in a mixture of states
(\|b⟩ + s\|b̄⟩)/√2 up to local Cliffords: a GHZ state, a Bell state, or for one qubit an eigenstate
of X or Y. For such a component the parity of all the turned readouts has the mean

    s cos(Σ_q (-1)^{b_q} α_q),

and, given the parity, every outcome is equally likely, since each shorter string anticommutes with
a stabilizer. So the outcome law is exact, and a stabilizer simulator samples it: it is asked for
(b, s) of each shot instead of the readouts.
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
    """The readout of one qubit in a turned basis.

    Attributes:
        qubit: the qubit.
        bit: classical bit of its outcome.
        position: index of the turn among the steps.
        pauli: X or Y, the observable that the Clifford gates after the turn read, up to a sign.
        radians: the observable before the turn is cos(radians) X + sin(radians) Y, up to the
            same sign.
    """

    qubit: int
    bit: int
    position: int
    pauli: str
    radians: float


def find_non_pauli_readouts(operations: Sequence[Step]) -> tuple[NonPauliReadout, ...]:
    """The readouts behind a Z rotation that is not Clifford; rotations without effect left out.

    Raises:
        NotClifford: if such a rotation is followed by anything but single-qubit Clifford gates
            and one readout.
    """
    turned: dict[int, int] = {}
    after: dict[int, list[Step]] = {}
    for position, step in enumerate(operations):
        for qubit in step.qubits:
            if qubit in turned and step.name not in ("barrier", "delay"):
                after[qubit].append(step)
        if step.angle and step.qubits[0] not in turned:
            turned[step.qubits[0]] = position
            after[step.qubits[0]] = []
    found = (
        _turned(qubit, position, operations[position], after[qubit])
        for qubit, position in turned.items()
    )
    return tuple(one for one in found if one)


def _turned(qubit: int, position: int, turn: Step, after: Sequence[Step]) -> NonPauliReadout | None:
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
        if bit is None or turn.condition:
            raise _misplaced(turn)
        pauli = "_XYZ"[observable[0]]
        if pauli == "Z":
            return None
        radians = turn.turns * math.pi / 2 + turn.angle
        return NonPauliReadout(
            qubit, bit, position, pauli, (0.0 if pauli == "X" else math.pi / 2) - radians
        )
    raise _misplaced(turn)


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
    """The steps with every turn that has no effect on an outcome left out."""
    kept = {one.position for one in read}
    return [s for k, s in enumerate(operations) if not s.angle or k in kept]


def replace_by_pauli_readouts(
    operations: Sequence[Step], read: Sequence[NonPauliReadout], letters: str
) -> list[Step]:
    """The steps with each turned readout replaced by one of a Pauli just before its turn.

    Args:
        operations: the steps.
        read: the turned readouts.
        letters: the Pauli of each, in their order.
    """
    turned = {one.qubit: one for one in read}
    letter_of = {one.qubit: letter for one, letter in zip(read, letters, strict=True)}
    out: list[Step] = []
    for position, step in enumerate(operations):
        one = turned.get(step.qubits[0]) if len(step.qubits) == 1 else None
        if one is None or position < one.position:
            if not step.angle:
                out.append(step)
        elif position == one.position:
            out += [Step(gate, (one.qubit,)) for gate in _TO_Z[letter_of[one.qubit]]]
            out.append(Step("measure", (one.qubit,), (one.bit,)))
    return out


def readout_axes(
    operations: Sequence[Step], read: Sequence[NonPauliReadout]
) -> dict[int, tuple[float, float, float]]:
    """What each turned readout asks for, as a Bloch vector just after the last stage.

    Args:
        operations: steps with labelled barriers.
        read: the turned readouts; all of what they do to a qubit follows the last such barrier.

    Returns:
        Classical bit → (x, y, z): the outcome is that of x X + y Y + z Z.
    """
    start = _last_stage(operations)
    axes = {}
    for one in read:
        observable = MATRICES["Z"]
        for step in reversed(operations[start:]):
            if one.qubit in step.qubits and step.name not in ("barrier", "delay", "measure"):
                gate = matrix(step)
                observable = gate.conj().T @ observable @ gate
        x, y, z = (float(np.trace(observable @ MATRICES[p]).real) / 2 for p in "XYZ")
        axes[one.bit] = (x, y, z)
    return axes


def replace_by_readouts_after_last_stage(
    operations: Sequence[Step], read: Sequence[NonPauliReadout], letter: str
) -> list[Step]:
    """The steps with each turned readout replaced by one of a Pauli just after the last stage."""
    start = _last_stage(operations)
    turned = {one.qubit: one for one in read}
    out = [
        step
        for k, step in enumerate(operations)
        if k <= start or step.name == "barrier" or step.qubits[0] not in turned
    ]
    for one in read:
        out += [Step(gate, (one.qubit,)) for gate in _TO_Z[letter]]
        out.append(Step("measure", (one.qubit,), (one.bit,)))
    return out


def _last_stage(operations: Sequence[Step]) -> int:
    return max(k for k, step in enumerate(operations) if step.name == "barrier" and step.label)


MATRICES = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.diag([1, -1]).astype(complex),
}
"""Pauli letter → its matrix."""


_STANDARD_GATES = get_standard_gate_name_mapping()


def matrix(step: Step) -> NDArray[np.complex128]:
    """The unitary of a single-qubit step, shape (2, 2)."""
    if step.name == "rz":
        half = (step.turns * math.pi / 2 + step.angle) / 2
        return np.diag([np.exp(-1j * half), np.exp(1j * half)])
    # From Qiskit: stim's matrices have single precision.
    return np.asarray(_STANDARD_GATES[step.clifford_name].to_matrix(), dtype=np.complex128)


@dataclass(frozen=True)
class NonPauliReadoutLaw:
    """The whole outcome law of a circuit without noise, turned readouts included.

    Attributes:
        read: the turned readouts; their qubits are in a GHZ state up to the other outcomes.
        letters: X or Y for each turned qubit: the product of these Paulis has a sign s that the
            other outcomes tell; empty if there is no such product, so that the turned readouts
            are fair coins.
        law: the law with that Pauli read just before each turn.
        flips: for each turned qubit the bit b without noise, counted from the first qubit's.
    """

    read: tuple[NonPauliReadout, ...]
    letters: str
    law: OutcomeLaw
    flips: tuple[int, ...] = ()

    @classmethod
    def of(cls, operations: Sequence[Step]) -> NonPauliReadoutLaw:
        """The law of the given operations on |0…0>.

        Raises:
            NotClifford: if several turned qubits are in no GHZ state.
        """
        read = find_non_pauli_readouts(operations)
        if not read:
            return cls((), "", find_outcome_law(drop_idle_rotations(operations, ())))
        mine = sum(1 << one.bit for one in read)
        bits = {bit for step in operations for bit in step.clbits}
        others = sum(1 << bit for bit in bits) & ~mine
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
            if law.complete(mine, others) is not None:
                return cls(read, letters, law, tuple(flips))
        return cls(read, "", populations, tuple(flips))

    @property
    def mask(self) -> int:
        """The classical bits of the turned readouts, bit c being ``1 << c``."""
        return sum(1 << one.bit for one in self.read)

    @property
    def radians(self) -> tuple[float, ...]:
        """The angles α of the readouts, each counted from the axis of its letter."""
        letters = self.letters or "X" * len(self.read)
        return tuple(
            one.radians - (math.pi / 2 if letter == "Y" else 0.0)
            for one, letter in zip(self.read, letters, strict=True)
        )

    @property
    def signed_radians(self) -> tuple[float, ...]:
        """(-1)^b α of the readouts without noise."""
        return tuple((1 - 2 * b) * a for b, a in zip(self.flips, self.radians, strict=True))

    def mean(self, mask: int) -> float:
        """Mean of (-1)^(parity of the bits in ``mask``)."""
        mine = mask & self.mask
        if mine and (mine != self.mask or not self.letters):
            return 0.0
        parity = self.law.parity(mask)
        if parity is None:
            return 0.0
        sign = 1.0 - 2.0 * parity
        return sign * math.cos(sum(self.signed_radians)) if mine else sign


def find_outcome_law(operations: Sequence[Step]) -> OutcomeLaw:
    """The law of steps on any qubits of a large device: what they are called does not matter."""
    renamed = compact(operations)
    qubits = 1 + max((q for s in renamed for q in s.qubits), default=-1)
    bits = 1 + max((bit for s in renamed for bit in s.clbits), default=-1)
    return OutcomeLaw.of(renamed, qubits, bits)
