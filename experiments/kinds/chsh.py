"""Experiment 2: a CHSH test between R and a decrypted clone (arXiv:2602.10695, Fig. 2).

S = <Z⊗(Z+X)/√2> + <X⊗(Z+X)/√2> + <Z⊗(Z-X)/√2> - <X⊗(Z-X)/√2>, four settings. Three orders of
time, three different circuits: R is read before the clone is decrypted (``2-1``, a mid-circuit
measurement), both are read together (``2-2``), or the clone is read before R (``2-3``).
``undecrypted`` reads the clone as it is: S = 0.

With ``frame`` the outcomes of the key say by which Pauli the clone differs from the input, and a
correction maps the bases (Z±X)/√2 onto each other with a sign. The shots of a pair of settings are
therefore one sample: a shot of <Z⊗·> has the sign that a Z outcome of the clone would have, and a
shot of <X⊗·> that of an X outcome. Each of the four numbers is then the mean over both bases, and S
is the same sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit, Qubit
from qiskit.primitives import BitArray

from experiments import published
from experiments.gates import Clones, sizes_and_clones
from experiments.point import CloningPoint
from experiments.protocol import (
    TO_Z,
    Cloning,
    Strategy,
    append_gates,
    build_encryption,
    clone_qubit,
    find_pauli_frame,
    register,
)
from experiments.readout import (
    DecryptedClone,
    add_outcome_bits,
    build_decrypted_clone,
    build_frame_check,
    decrypt_clone,
    measure_frame_key,
)
from experiments.settings import Setting
from experiments.statistics.estimators import CHSH
from experiments.statistics.homogeneity import homogeneity_p_value

KIND = "chsh"
CLASSICAL_BOUND = 2.0
QUANTUM_BOUND = 2 * math.sqrt(2)

KEY_ASSUMPTION = "the key's outcomes do not depend on the basis in which the clone is read"

Scenario = Literal["2-1", "2-2", "2-3", "undecrypted"]
R_FIRST: Scenario = "2-1"
"""R is read before the clone is decrypted."""

SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

_BASES = (("Z", "+"), ("X", "+"), ("Z", "-"), ("X", "-"))
_TURN = {"+": math.pi / 4, "-": 3 * math.pi / 4}


def imperfect_cloner_s(copies: int) -> float:
    """S of a clone made by the best imperfect cloner with that many copies.

    >>> round(imperfect_cloner_s(2), 4)
    1.8856
    """
    return QUANTUM_BOUND * (copies + 2) / (3 * copies)


@dataclass(frozen=True)
class ChshPoint(CloningPoint):
    """One point of the sweep.

    >>> point = ChshPoint(Cloning(n=2), "2-2")
    >>> len(point.settings()), point.witness_threshold
    (4, 2.0)

    Attributes:
        cloning: n, clone and strategy.
        scenario: what is read when.
    """

    scenario: Scenario

    noise_floor = 0.0
    witness_threshold = CLASSICAL_BOUND
    linear_estimator = CHSH

    def __post_init__(self) -> None:
        if self.cloning.strategy == "witness":
            raise ValueError(
                "strategy 'witness' decrypts nothing, so there is no clone for a CHSH test; "
                "choose 'unitary', 'feedforward' or 'frame', or scenario 'undecrypted'"
            )

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": KIND,
            **self.cloning.parameters,
            "estimator": "chsh",
            "scenario": self.scenario,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n02-clone1-unitary-chsh-2-1``."""
        return f"{self.cloning.label}-chsh-{self.scenario}"

    def settings(self) -> tuple[Setting, ...]:
        """The four correlators, in the order of the estimator's weights."""
        return tuple(self._setting(reference, sign) for reference, sign in _BASES)

    @property
    def assumption(self) -> str | None:
        """What the classical bound needs where the key decides the sign of a shot."""
        if self.cloning.strategy != "frame" or self.scenario == "undecrypted":
            return None
        return KEY_ASSUMPTION

    def assumption_p_value(self, shots: Sequence[BitArray]) -> float | None:
        """P value of equal distributions of the key's signs in both bases of the clone.

        The two bases of R are strata of Pearson's test of homogeneity.

        Args:
            shots: outcomes of each setting, in the order of the settings.
        """
        if self.assumption is None:
            return None
        frame = find_pauli_frame(self.cloning.n, (self.cloning.clone,))
        signs: dict[str, list[NDArray[np.int64]]] = {}
        for setting, found in zip(self.settings(), shots, strict=True):
            key = next(x for x in setting.circuit.cregs if x.name == "key")
            bits = [setting.circuit.find_bit(bit).index for bit in key]
            values = found.to_bool_array(order="little")[:, bits]
            z, x = (np.bitwise_xor.reduce(values[:, list(frame.key[p])], axis=1) for p in "ZX")
            signs.setdefault(setting.label[0], []).append(np.bincount(2 * z + x, minlength=4))
        return homogeneity_p_value([np.array(bases) for bases in signs.values()])

    def published(self) -> published.Published | None:
        """The printed value of this point, if there is one."""
        if self.cloning.strategy != "unitary" or self.cloning.clone == 0:
            return None
        return published.chsh(self.cloning.n, self.scenario)

    def _setting(self, reference: str, sign: str) -> Setting:
        done = self._done(reference)
        circuit = done.circuit.copy()
        if self.scenario != R_FIRST:
            add_outcome_bits(circuit)
        (r,), (c,) = (next(x for x in circuit.cregs if x.name == name) for name in "rc")
        if self.scenario in ("2-2", "undecrypted"):
            append_gates(circuit, TO_Z[reference], done.reference)
            turn(circuit, done.clone, sign)
            circuit.measure([done.reference, done.clone], [r, c])
        else:
            turn(circuit, done.clone, sign)
            circuit.measure(done.clone, c)
        if self.scenario == "2-3":
            circuit.barrier(done.reference, done.clone)
            append_gates(circuit, TO_Z[reference], done.reference)
            circuit.measure(done.reference, r)
        key = measure_frame_key(circuit, done)
        check = build_frame_check(circuit, (r, c), 0, reference, done, key)
        return Setting(f"{reference}{sign}", circuit, (check,))

    def _done(self, reference: str) -> DecryptedClone:
        if self.scenario == "undecrypted":
            circuit = build_encryption(self.cloning)
            ends = register(circuit, "R")[0], clone_qubit(circuit, self.cloning.clone)
            return DecryptedClone(circuit, *ends)
        if self.scenario != R_FIRST:
            return build_decrypted_clone(self.cloning)
        circuit = build_encryption(self.cloning)
        (r, _), first = add_outcome_bits(circuit), register(circuit, "R")[0]
        append_gates(circuit, TO_Z[reference], first)
        circuit.measure(first, r)
        circuit.barrier(label="reference read")
        return decrypt_clone(circuit, self.cloning)


def turn(circuit: QuantumCircuit, qubit: Qubit, sign: str) -> None:
    """Turn the measurement of (Z+X)/√2 (``+``) or (Z-X)/√2 (``-``) into one of Z."""
    # √X turns Z into -Y, so both observables into the plane of X and Y.
    circuit.sx(qubit)
    circuit.rz(_TURN[sign], qubit)
    circuit.h(qubit)


def points(
    n: Iterable[int],
    clones: Clones,
    strategies: Iterable[Strategy],
    scenarios: Iterable[Scenario],
) -> Sequence[ChshPoint]:
    """The sweep, in the order of its arguments (n slowest).

    An undecrypted clone has no strategy: it is measured once, whatever strategies there are.
    """
    strategies = tuple(strategies)
    return [
        ChshPoint(Cloning(size, clone, strategy), scenario)
        for (size, clone), strategy, scenario in product(
            sizes_and_clones(n, clones), strategies, tuple(scenarios)
        )
        if scenario != "undecrypted" or strategy == strategies[0]
    ]
