"""Decoding: from the detectors of a shot to the likeliest correction of the clone.

The noise of a compiled circuit is a list of independent error mechanisms, each of which flips some
detectors (:attr:`experiments.settings.Setting.detectors`) and some observables: the parities by
which a shot succeeds. It follows from the calibration snapshot alone; nothing is fitted to counts.

- *Corrected*: every shot counts, and its clone is corrected by the likeliest Pauli, given its
  detectors, in software. The Pauli is the same function of the detectors in all settings of a
  point: so what they measure together is the fidelity of one channel, whatever the noise really
  is. A rule that flipped each setting for itself would be no channel and could claim too much.
- *Post-selected*: only shots whose detectors are all right, or the most trustworthy fraction, by
  the same rule in all settings.

A wrong model of noise can only make both values smaller. The law of detectors and observables is
exact (:mod:`backends.simulation.decoding.error_model`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.errors import DoesNotFit
from backends.simulation.decoding.error_model import ErrorModel
from backends.simulation.decoding.rules import ALL_PASSED, MOST_CORRECTIONS, Keep
from experiments.settings import Setting, wrong_parities
from experiments.statistics.estimators import LinearEstimator

_EQUAL = 1e-9
"""Trusts that differ by less are equal: they are exact up to rounding."""
_NEVER = 1e-13
"""Probabilities below are rounding of the transform."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder says of the shots of one setting.

    Attributes:
        flips: observables to flip, shape (shots, observables), bool.
        kept: whether a shot survives post-selection, shape (shots,), bool.
    """

    flips: NDArray[np.bool_]
    kept: NDArray[np.bool_]


@dataclass(frozen=True)
class DecodedPrediction:
    """What decoding gives under the noise of the calibration.

    Attributes:
        corrected: value of the point with every shot corrected.
        postselected: value with the shots that are kept.
        kept: fraction of the shots that are kept.
        corrected_successes: probability that a corrected shot succeeds, for each setting.
        kept_successes: probability that a kept shot succeeds, for each setting.
    """

    corrected: float
    postselected: float
    kept: float
    corrected_successes: tuple[float, ...]
    kept_successes: tuple[float, ...]


@dataclass(frozen=True)
class Decoder:
    """The rule that corrects the shots of a point and says which are kept.

    Attributes:
        models: the error model of each setting, in the order of the estimator's weights; all of
            the same detectors.
        estimator: how success probabilities make up the value of the point.
        keep: ``all-passed``: shots whose detectors are all right are kept; or the fraction that is
            kept: of the most trustworthy detector outcomes as many as make it up.
    """

    models: tuple[ErrorModel, ...]
    estimator: LinearEstimator
    keep: Keep = ALL_PASSED

    def decode(self, setting: int, wrong: NDArray[np.bool_]) -> Decoded:
        """Decode shots.

        Args:
            setting: index of the setting.
            wrong: whether each detector is wrong, shape (shots, detectors), bool.
        """
        index = wrong @ (1 << np.arange(wrong.shape[1], dtype=np.int64))
        flips = self._flips[setting][self._choice[index]]
        bits = np.arange(self.models[setting].observables)
        return Decoded((flips[:, None] >> bits & 1).astype(bool), self._kept[index])

    @cached_property
    def prediction(self) -> DecodedPrediction:
        """What is expected under the noise of the calibration."""
        return self.prediction_under(self.models)

    def prediction_under(self, models: Sequence[ErrorModel]) -> DecodedPrediction:
        """What this rule gives under other noise than that which it was made for.

        Args:
            models: the true error model of each setting, of the same detectors.
        """
        corrected, among, masses = [], [], []
        for k, model in enumerate(models):
            law = self._laws[k] if model is self.models[k] else model.law()
            success = self._success(law, k, self._choice)
            mass = float(law.sum(axis=0)[self._kept].sum())
            corrected.append(float(success.sum()))
            among.append(float(success[self._kept].sum()) / mass)
            masses.append(mass)
        value = self.estimator.value
        return DecodedPrediction(
            value(corrected),
            value(among),
            sum(masses) / len(masses),
            tuple(corrected),
            tuple(among),
        )

    @cached_property
    def _laws(self) -> list[NDArray[np.float64]]:
        return [model.law() for model in self.models]

    @cached_property
    def _flips(self) -> list[NDArray[np.int64]]:
        """For each setting what each correction flips, shape (corrections,), int64."""
        generators = list(zip(*(model.corrections for model in self.models), strict=True))
        # Corrections that flip the same in every setting are the same one.
        distinct: dict[tuple[int, ...], None] = {(0,) * len(self.models): None}
        for generator in generators:
            if generator in distinct:
                continue
            if len(distinct) >= 2**MOST_CORRECTIONS:
                raise DoesNotFit(
                    f"more than {MOST_CORRECTIONS} independent corrections are too many to be "
                    "compared; take fewer qubits, or checks: none"
                )
            sums = [
                tuple(a ^ b for a, b in zip(known, generator, strict=True)) for known in distinct
            ]
            distinct |= dict.fromkeys(sums)
        return [np.array(column, dtype=np.int64) for column in zip(*distinct, strict=True)]

    def _success(
        self, law: NDArray[np.float64], k: int, choice: NDArray[np.int64] | int
    ) -> NDArray[np.float64]:
        """Joint probability of success and of each outcome of the detectors, float64.

        Args:
            law: joint law of observables and detectors; see :meth:`ErrorModel.law`.
            k: the setting.
            choice: index of the correction, one for all outcomes or shape (2^detectors,).
        """
        model = self.models[k]
        flips = np.broadcast_to(self._flips[k][choice] ^ model.wrong, law.shape[1:])
        right: NDArray[np.float64] = np.take_along_axis(law, flips[None, :], axis=0)[0]
        if model.contrast == 1.0:
            return right
        total = law.sum(axis=0)
        return total / 2 + model.contrast * (right - total / 2)

    @cached_property
    def _choice(self) -> NDArray[np.int64]:
        """Index of the best correction for each outcome of the detectors; none in a tie.

        Shape (2^detectors,), int64.
        """
        best = np.zeros(self._laws[0].shape[1], dtype=np.int64)
        top = self._gain(0)
        for choice in range(1, len(self._flips[0])):
            gain = self._gain(choice)
            better = gain > top + _EQUAL * np.abs(top) + _NEVER
            best[better], top[better] = choice, gain[better]
        return best

    def _gain(self, choice: int) -> NDArray[np.float64]:
        """What a correction contributes to the value, for each outcome of the detectors."""
        found = np.zeros(self._laws[0].shape[1])
        for k, weight in enumerate(self.estimator.weights):
            found += weight * self._success(self._laws[k], k, choice)
        return found

    @cached_property
    def _kept(self) -> NDArray[np.bool_]:
        """Whether shots with each outcome of the detectors are kept, shape (2^detectors,), bool."""
        outcomes = self._laws[0].shape[1]
        if self.keep == ALL_PASSED:
            return np.arange(outcomes) == 0
        trust, mass = np.full(outcomes, self.estimator.offset), np.zeros(outcomes)
        for k, weight in enumerate(self.estimator.weights):
            total = self._laws[k].sum(axis=0)
            success = self._success(self._laws[k], k, self._choice)
            share = np.divide(success, total, out=np.full(outcomes, 0.5), where=total > 0)
            trust += weight * share
            mass += total / len(self.models)
        trust[mass == 0] = -np.inf
        return np.asarray(trust >= _least_trust(trust, mass, float(self.keep)))


def _least_trust(trust: NDArray[np.float64], mass: NDArray[np.float64], fraction: float) -> float:
    """The least trust of what is kept, half-way to that of what is not: no matter of rounding."""
    order = np.argsort(-trust, kind="stable")
    ordered, gathered = trust[order], np.cumsum(mass[order])
    last = int(np.searchsorted(gathered, fraction * gathered[-1] * (1 - _EQUAL)))
    last = min(last, len(ordered) - 1)
    below = ordered[ordered < ordered[last] - _EQUAL]
    return float((ordered[last] + below[0]) / 2) if len(below) else float(-np.inf)


def decode_shots(
    decoder: Decoder, index: int, setting: Setting, values: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Correct the shots of a setting.

    Args:
        decoder: of its point.
        index: of the setting.
        setting: its checks and detectors.
        values: outcomes, shape (shots, bits), bool.

    Returns:
        Whether each shot succeeds when it is corrected, and whether it is kept; shape (shots,).
    """
    decoded = decoder.decode(index, wrong_parities(setting.detectors, values))
    wrong = wrong_parities(setting.checks, values) ^ decoded.flips
    good: NDArray[np.bool_] = np.logical_not(np.any(wrong, axis=1))
    return good, decoded.kept
