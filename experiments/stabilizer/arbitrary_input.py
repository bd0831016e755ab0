"""Inputs in an arbitrary pure state, simulated exactly by a stabilizer simulator.

The input qubit is rotated by arbitrary angles at the beginning of the circuit. A barrier on this
qubit alone, labelled :data:`INPUT_STAGE`, ends its preparation; what follows is Clifford. The
parities of outcomes that are not fair coins commute, so all of them depend on the same Pauli P of
the input, or on none. Instead of the state with Bloch vector r a simulator may therefore prepare
an eigenstate of P, flipped with probability (1 - |r_P|)/2. The whole outcome distribution stays
exactly the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.stabilizer.clifford import NotClifford, Step
from experiments.stabilizer.non_pauli_readout import (
    MATRICES,
    NonPauliReadoutLaw,
    find_outcome_law,
    matrix,
)
from experiments.stabilizer.states import OutcomeLaw

INPUT_STAGE = "input"
"""Label of the barrier that ends the preparation of the input."""

Bloch = tuple[float, float, float]
"""Bloch vector (x, y, z)."""

PREPARE: Mapping[str, tuple[str, ...]] = {"X": ("h",), "Y": ("h", "s"), "Z": ()}
"""Pauli letter → gates that prepare its eigenstate +1 from |0>."""


@dataclass(frozen=True)
class ArbitraryInput:
    """An input qubit in an arbitrary pure state.

    Attributes:
        qubit: index of the qubit.
        end: index of the step that ends its preparation, a barrier.
        bloch: its Bloch vector (x, y, z) at that barrier, without noise.
    """

    qubit: int
    end: int
    bloch: Bloch


def find_arbitrary_input(operations: Sequence[Step]) -> ArbitraryInput | None:
    """Find the input that is prepared in an arbitrary pure state; None if there is none.

    Raises:
        NotClifford: if its preparation holds anything but single-qubit gates.
    """
    for end, step in enumerate(operations):
        if step.name == "barrier" and step.label == INPUT_STAGE:
            (qubit,) = step.qubits
            gates = preparation_gates(operations, qubit, end)
            return ArbitraryInput(qubit, end, rotate_bloch([0.0, 0.0, 1.0], gates))
    return None


def preparation_gates(operations: Sequence[Step], qubit: int, end: int) -> list[Step]:
    """The gates on a qubit among the first ``end`` steps.

    Raises:
        NotClifford: if any of these steps is not an unconditional single-qubit gate.
    """
    gates = [
        s for s in operations[:end] if qubit in s.qubits and s.name not in ("barrier", "delay")
    ]
    if any(len(s.qubits) > 1 or s.condition or s.name in ("measure", "reset") for s in gates):
        raise NotClifford(
            f"qubit {qubit} is prepared by more than single-qubit gates before the barrier "
            f"'{INPUT_STAGE}', so its state there is not known; the compiler has to keep it apart"
        )
    return gates


def rotate_bloch(bloch: Sequence[float], gates: Sequence[Step]) -> Bloch:
    """Apply single-qubit gates to a Bloch vector."""
    x, y, z = bloch
    state = x * MATRICES["X"] + y * MATRICES["Y"] + z * MATRICES["Z"]
    for gate in gates:
        unitary = matrix(gate)
        state = np.asarray(unitary @ state @ unitary.conj().T)
    x, y, z = (float(np.trace(state @ MATRICES[letter]).real) / 2 for letter in "XYZ")
    return x, y, z


def replace_input_by_eigenstate(
    operations: Sequence[Step], given: ArbitraryInput, letter: str
) -> list[Step]:
    """Replace the preparation of the input by one of the eigenstate +1 of a Pauli.

    Args:
        operations: the steps of the circuit.
        given: its input.
        letter: the Pauli, ``X``, ``Y`` or ``Z``.
    """
    return [
        *(
            step
            for step in operations[: given.end]
            if given.qubit not in step.qubits or step.name == "barrier"
        ),
        *(Step(gate, (given.qubit,)) for gate in PREPARE[letter]),
        *operations[given.end :],
    ]


@dataclass(frozen=True)
class ArbitraryInputLaw:
    """The outcome law of a circuit with an input in an arbitrary state, without noise.

    Attributes:
        letter: the Pauli of the input on which outcomes depend.
        component: expectation value of that Pauli in the input.
        law: the outcome law with the eigenstate +1 of that Pauli as input.
        blind: the parities that are certain for every input.
    """

    letter: str
    component: float
    law: OutcomeLaw
    blind: OutcomeLaw

    @classmethod
    def of(cls, operations: Sequence[Step], given: ArbitraryInput) -> ArbitraryInputLaw:
        """The outcome law of steps whose input is ``given``."""
        laws = {
            letter: find_outcome_law(replace_input_by_eigenstate(operations, given, letter))
            for letter in "ZXY"
        }
        letter = max(laws, key=lambda pauli: len(laws[pauli].rows))
        other = "X" if letter == "Z" else "Z"
        return cls(letter, given.bloch["XYZ".index(letter)], laws[letter], laws[other])

    def mean(self, mask: int) -> float:
        """Expectation value of (-1)^(parity of the bits in ``mask``)."""
        parity = self.law.parity(mask)
        if parity is None:
            return 0.0
        sign = 1.0 - 2.0 * parity
        return sign if self.blind.parity(mask) is not None else sign * self.component


def ideal_outcome_law(operations: Sequence[Step]) -> ArbitraryInputLaw | NonPauliReadoutLaw:
    """The outcome law of a circuit without noise, for an arbitrary input and any readout basis.

    Raises:
        NotClifford: if the outcomes follow neither of the two laws.
    """
    given = find_arbitrary_input(operations)
    return ArbitraryInputLaw.of(operations, given) if given else NonPauliReadoutLaw.of(operations)
