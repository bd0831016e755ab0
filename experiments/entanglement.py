"""Experiment 1: entanglement fidelity of a decrypted clone against n (arXiv:2602.10695, Fig. 1).

R keeps half of a Bell pair with the input, so the fidelity of (R, clone) with |φ> is the
entanglement fidelity of the whole channel: Fe = 1/4 for a useless clone, Fe > 1/2 witnesses
entanglement, and the average gate fidelity is (2 Fe + 1)/3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from experiments import published
from experiments.estimators import (
    BELL_MEASUREMENT,
    THREE_STABILIZERS,
    LinearEstimator,
)
from experiments.protocol import Cloning, Strategy
from experiments.readout import Estimator, settings
from experiments.settings import Setting

KIND = "entanglement"
TITLE = "Entanglement fidelity against the number of clones (published Experiment 1)"
NOISE_FLOOR = 0.25
WITNESS_THRESHOLD = 0.5


@dataclass(frozen=True)
class EntanglementPoint:
    """One point of the sweep: one row of the result.

    Attributes:
        cloning: n, clone and strategy.
        estimator: ``bsm`` or ``parity``.
    """

    cloning: Cloning
    estimator: Estimator

    noise_floor = NOISE_FLOOR
    witness_threshold = WITNESS_THRESHOLD

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": KIND,
            "n": self.cloning.n,
            "clone": self.cloning.clone,
            "strategy": self.cloning.strategy,
            "estimator": self.estimator,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n05-clone1-unitary-parity``."""
        c = self.cloning
        return f"n{c.n:02d}-clone{c.clone}-{c.strategy}-{self.estimator}"

    @property
    def num_qubits(self) -> int:
        """R, A, n signals and n noise qubits."""
        return self.cloning.num_qubits

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up Fe."""
        return BELL_MEASUREMENT if self.estimator == "bsm" else THREE_STABILIZERS

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        return settings(self.cloning, self.estimator)

    def published(self) -> published.Published | None:
        """The printed value of this point, if there is one (unitary decryption of an S_j)."""
        if self.cloning.strategy != "unitary" or self.cloning.clone == 0:
            return None
        return published.entanglement_fidelity(self.cloning.n, self.estimator)


def points(
    n: Iterable[int],
    clones: Iterable[int],
    strategies: Iterable[Strategy],
    estimators: Iterable[Estimator],
) -> Sequence[EntanglementPoint]:
    """The sweep, in the order of its arguments (n slowest).

    ``witness`` measures parities by its nature; with it, ``bsm`` is left out if another
    estimator is asked for too.
    """
    estimators = tuple(estimators)
    out = []
    for size, clone, strategy, estimator in product(
        tuple(n), tuple(clones), tuple(strategies), estimators
    ):
        if strategy == "witness" and estimator == "bsm" and len(estimators) > 1:
            continue
        out.append(EntanglementPoint(Cloning(size, clone, strategy), estimator))
    return out
