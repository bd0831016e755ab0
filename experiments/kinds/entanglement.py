"""Experiment 1: entanglement fidelity of a decrypted clone against n (arXiv:2602.10695, Fig. 1).

R keeps half of a Bell pair with the input, so the fidelity of (R, clone) with |φ> is the
entanglement fidelity of the whole channel: Fe = 1/4 for a useless clone, Fe > 1/2 witnesses
entanglement, and the average gate fidelity is (2 Fe + 1)/3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from experiments import published
from experiments.gates import Clones, sizes_and_clones
from experiments.inputs import NAMED_INPUTS, NamedInput, PureState
from experiments.point import CloningPoint
from experiments.protocol import Cloning, Strategy
from experiments.readout import Estimator, build_settings
from experiments.settings import Setting
from experiments.statistics.estimators import (
    BELL_MEASUREMENT,
    THREE_STABILIZERS,
    LinearEstimator,
)

KIND = "entanglement"
NOISE_FLOOR = 0.25
WITNESS_THRESHOLD = 0.5
STATE_NOISE_FLOOR = 0.5
CLASSICAL_FIDELITY = 2 / 3
"""Mean over all pure states of the best channel that measures its input and prepares a copy.

The six Pauli eigenstates have the mean of all pure states, so their mean has this bound too; fewer
states do not.
"""

Process = Literal["process"]
PROCESS: Process = "process"
SweptInput = NamedInput | PureState | Process
"""``process`` stands for all six Pauli eigenstates in turn."""
INPUT_NAMES = (*NAMED_INPUTS, PROCESS)
_EIGENSTATES: tuple[NamedInput, ...] = ("0", "1", "+", "-", "+i", "-i")
_FILE_NAMES = {"0": "Z0", "1": "Z1", "+": "X0", "-": "X1", "+i": "Y0", "-i": "Y1", PROCESS: "s-all"}


@dataclass(frozen=True)
class EntanglementPoint(CloningPoint):
    """One point of the sweep: one row of the result.

    >>> point = EntanglementPoint(Cloning(n=3, clone=2, strategy="frame"), "parity")
    >>> point.num_qubits, [setting.label for setting in point.settings()]
    (8, ['ZZ', 'YY', 'XX'])

    Attributes:
        cloning: n, clone, strategy and input.
        estimator: ``bsm`` or ``parity``; without meaning for inputs other than ``bell``.
        process: whether all six Pauli eigenstates are cloned in turn; their mean fidelity is that
            over all pure inputs.
    """

    estimator: Estimator
    process: bool = False

    @property
    def input(self) -> str:
        """What is cloned: half of a Bell pair, a state, or all six Pauli eigenstates."""
        if self.process:
            return PROCESS
        state = self.cloning.input
        return state.name if isinstance(state, PureState) else state

    @property
    def noise_floor(self) -> float:
        """The value of a useless clone."""
        return NOISE_FLOOR if self.input == "bell" else STATE_NOISE_FLOOR

    @property
    def witness_threshold(self) -> float | None:
        """Fe of the best separable state; for ``process`` what measuring and preparing gives.

        A single state has no bound: a box that always emits it scores 1.
        """
        if self.process:
            return CLASSICAL_FIDELITY
        return WITNESS_THRESHOLD if self.input == "bell" else None

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        known: dict[str, int | str] = {
            "experiment": KIND,
            **self.cloning.parameters,
            "estimator": self.estimator,
        }
        if self.input == "bell":
            return known
        tomography = isinstance(self.cloning.input, PureState)
        return {
            **known,
            "estimator": "tomography" if tomography else "state",
            "input": self.input,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n05-clone1-unitary-parity``."""
        state = self.cloning.input
        if isinstance(state, PureState):
            end = f"theta{state.theta_degrees:.10g}-phi{state.phi_degrees:.10g}"
        else:
            end = self.estimator if self.input == "bell" else f"input{_FILE_NAMES[self.input]}"
        return f"{self.cloning.label}-{end}"

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up Fe, or a mean fidelity of states."""
        if self.process:
            return LinearEstimator(0.0, (1 / 6,) * 6)
        if isinstance(self.cloning.input, PureState):
            # F = (1 + r·<σ>)/2 with the Bloch vector r of the state.
            bloch = self.cloning.input.bloch
            return LinearEstimator((1 - sum(bloch)) / 2, bloch)
        if self.input != "bell":
            return LinearEstimator(0.0, (1.0,))
        return BELL_MEASUREMENT if self.estimator == "bsm" else THREE_STABILIZERS

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        if not self.process:
            return build_settings(self.cloning, self.estimator)
        found = []
        for state in _EIGENSTATES:
            (setting,) = build_settings(replace(self.cloning, input=state), self.estimator)
            found.append(replace(setting, label=f"input{_FILE_NAMES[state]}"))
        return tuple(found)

    def published(self) -> published.Published | None:
        """The printed value of this point, if there is one (unitary decryption of an S_j)."""
        if self.cloning.strategy != "unitary" or self.cloning.clone == 0 or self.input != "bell":
            return None
        return published.entanglement_fidelity(self.cloning.n, self.estimator)


def points(
    n: Iterable[int],
    clones: Clones,
    strategies: Iterable[Strategy],
    estimators: Iterable[Estimator],
    inputs: Iterable[SweptInput] = ("bell",),
) -> Sequence[EntanglementPoint]:
    """The sweep, in the order of its arguments (n slowest).

    ``witness`` measures parities by its nature; with it, ``bsm`` is left out if another
    estimator is asked for too.
    """
    estimators = tuple(estimators)
    out = []
    for (size, clone), strategy, state, estimator in product(
        sizes_and_clones(n, clones), tuple(strategies), tuple(inputs), estimators
    ):
        if state != "bell":
            # Read in bases that the state decides: there is nothing to estimate in two ways.
            if estimator == estimators[0]:
                out.append(_with_input(Cloning(size, clone, strategy), state))
            continue
        if strategy == "witness" and estimator == "bsm" and len(estimators) > 1:
            continue
        out.append(EntanglementPoint(Cloning(size, clone, strategy), estimator))
    return out


def _with_input(cloning: Cloning, state: SweptInput) -> EntanglementPoint:
    if state == PROCESS:
        return EntanglementPoint(replace(cloning, input="0"), "parity", process=True)
    return EntanglementPoint(replace(cloning, input=state), "parity")
