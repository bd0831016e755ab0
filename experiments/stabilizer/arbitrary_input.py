"""Inputs that are no eigenstate of a Pauli: any pure state can be cloned.

The qubit to be cloned is turned by any angles at the very beginning, which closes with a barrier
on it alone, labelled :data:`INPUT_STAGE`. What follows is Clifford. The parities of outcomes that
a circuit shows commute, so all of them see the same Pauli of the input, or none: in place of the
state with Bloch vector r one may prepare an eigenstate of that Pauli P, flipped with probability
(1 - |r_P|)/2. That is exact for the whole outcome distribution, and a stabilizer simulator
follows it.
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

Bloch = tuple[float, float, float]

PREPARE: Mapping[str, tuple[str, ...]] = {"X": ("h",), "Y": ("h", "s"), "Z": ()}
"""Pauli → gates that turn |0> into its eigenstate +1."""


@dataclass(frozen=True)
class ArbitraryInput:
    """A qubit that starts in any pure state.

    Attributes:
        qubit: the qubit.
        end: index of the barrier that closes its preparation.
        bloch: its Bloch vector (x, y, z) there, without noise.
    """

    qubit: int
    end: int
    bloch: Bloch


def find_arbitrary_input(operations: Sequence[Step]) -> ArbitraryInput | None:
    """The qubit that is prepared up to a barrier of its own; None if there is none.

    Raises:
        NotClifford: if something other than single-qubit gates comes before that barrier.
    """
    for end, step in enumerate(operations):
        if step.name == "barrier" and step.label == INPUT_STAGE:
            (qubit,) = step.qubits
            mine = preparation_gates(operations, qubit, end)
            return ArbitraryInput(qubit, end, rotate_bloch([0.0, 0.0, 1.0], mine))
    return None


def preparation_gates(operations: Sequence[Step], qubit: int, end: int) -> list[Step]:
    """The gates on a qubit before the end of its preparation.

    Raises:
        NotClifford: if there is anything else.
    """
    mine = [s for s in operations[:end] if qubit in s.qubits and s.name not in ("barrier", "delay")]
    if any(len(s.qubits) > 1 or s.condition or s.name in ("measure", "reset") for s in mine):
        raise NotClifford(
            f"qubit {qubit} is prepared by more than single-qubit gates before the barrier "
            f"'{INPUT_STAGE}', so its state there is not known; the compiler has to keep it apart"
        )
    return mine


def rotate_bloch(bloch: Sequence[float], gates: Sequence[Step]) -> Bloch:
    """A Bloch vector after single-qubit gates."""
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
    """The steps with an eigenstate of a Pauli in place of the input."""
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
    """The outcome law of a circuit with a turned input, without noise.

    Attributes:
        letter: the Pauli of the input that its outcomes see.
        component: the mean of that Pauli in the input.
        law: the law with the eigenstate +1 of that Pauli as input.
        blind: the parities that are certain whatever the input.
    """

    letter: str
    component: float
    law: OutcomeLaw
    blind: OutcomeLaw

    @classmethod
    def of(cls, operations: Sequence[Step], given: ArbitraryInput) -> ArbitraryInputLaw:
        """The law of the given operations, whose input is ``given``."""
        laws = {
            letter: find_outcome_law(replace_input_by_eigenstate(operations, given, letter))
            for letter in "ZXY"
        }
        letter = max(laws, key=lambda one: len(laws[one].rows))
        other = "X" if letter == "Z" else "Z"
        return cls(letter, given.bloch["XYZ".index(letter)], laws[letter], laws[other])

    def mean(self, mask: int) -> float:
        """Mean of (-1)^(parity of the bits in ``mask``)."""
        parity = self.law.parity(mask)
        if parity is None:
            return 0.0
        sign = 1.0 - 2.0 * parity
        return sign if self.blind.parity(mask) is not None else sign * self.component


def ideal_outcome_law(operations: Sequence[Step]) -> ArbitraryInputLaw | NonPauliReadoutLaw:
    """The whole outcome law of a circuit without noise, whatever is turned in it.

    Raises:
        NotClifford: if the circuit has no simple law.
    """
    given = find_arbitrary_input(operations)
    return ArbitraryInputLaw.of(operations, given) if given else NonPauliReadoutLaw.of(operations)
