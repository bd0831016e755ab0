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

A wrong model of noise can only make both values smaller. The joint law of detectors and observables
is exact: its characteristic function is the product of (1 - 2p) over the mechanisms that a parity
meets an odd number of times, and one Walsh-Hadamard transform gives all of it. A table has
:data:`MOST_EXACT` detectors at most: where a circuit has more, :func:`most_telling` says which are
used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import stim
from numpy.typing import NDArray

from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.decoding_rules import ALL_PASSED, MOST_CORRECTIONS, Keep
from backends.simulation.noise import NoisyCircuit, build_noisy_circuit
from backends.simulation.walsh_hadamard import walsh_hadamard
from experiments.settings import Check, Setting, wrong_parities
from experiments.stabilizer.clifford import Step
from experiments.statistics.estimators import LinearEstimator

MOST_EXACT = 22
"""Most detectors of an exact table, observables beyond the first counted too."""

_ERASED = 1e-300
"""Stands for the factor 0 of a mechanism that acts half of the time."""
_EQUAL = 1e-9
"""Trusts that differ by less are equal: they are exact up to rounding."""
_SURE = 64
"""Shots in which an outcome that is a coin is the same with a chance of 2^-63."""
_NEVER = 1e-13
"""Probabilities below are rounding of the transform."""


@dataclass(frozen=True)
class Mechanism:
    """An error that happens independently of all others.

    Attributes:
        probability: of the error.
        detectors: the detectors that it flips, as a bit mask.
        observables: the observables that it flips, as a bit mask.
    """

    probability: float
    detectors: int
    observables: int


@dataclass(frozen=True)
class ErrorModel:
    """What the calibration knows of errors in one setting.

    Attributes:
        detectors: number of detectors.
        observables: number of observables, which are the checks of the setting.
        mechanisms: the errors, distinct in what they flip.
        corrections: the observables that X and Z of each clone flip, as bit masks.
        wrong: observables whose noiseless value makes a shot fail, as a bit mask; 0 but for inputs
            in a state with a negative component.
        contrast: how far the success of a noiseless shot is from a coin: 1, but for a readout in a
            basis that is no Pauli's. Negative where a noiseless shot rather fails.
    """

    detectors: int
    observables: int
    mechanisms: tuple[Mechanism, ...]
    corrections: tuple[int, ...]
    wrong: int = 0
    contrast: float = 1.0

    def restricted(self, detectors: Sequence[int]) -> ErrorModel:
        """The model of some of the detectors, in the given order."""
        found: dict[tuple[int, int], float] = {}
        for one in self.mechanisms:
            seen = sum((one.detectors >> d & 1) << k for k, d in enumerate(detectors))
            _merge(found, (seen, one.observables), one.probability)
        return ErrorModel(
            len(detectors),
            self.observables,
            _sorted(found),
            self.corrections,
            self.wrong,
            self.contrast,
        )

    def agrees(self, other: ErrorModel) -> bool:
        """Whether another model is this one up to rounding."""
        mine, others = (
            {(m.detectors, m.observables): m.probability for m in one.mechanisms}
            for one in (self, other)
        )
        return (
            self.detectors == other.detectors
            and self.observables == other.observables
            and self.corrections == other.corrections
            and self.wrong == other.wrong
            and abs(self.contrast - other.contrast) < _EQUAL
            and all(
                abs(mine.get(key, 0.0) - others.get(key, 0.0)) < _EQUAL
                for key in mine.keys() | others.keys()
            )
        )

    def law(self) -> NDArray[np.float64]:
        """Joint law of flipped observables and wrong detectors.

        Shape (2^observables, 2^detectors), float64.
        """
        size = self.detectors + self.observables
        logs = np.zeros(2**size)
        always = 0
        for one in self.mechanisms:
            mask = one.observables << self.detectors | one.detectors
            logs[mask] += np.log(max(abs(1.0 - 2.0 * one.probability), _ERASED))
            # What happens more often than not is always there, but for the times when it is not.
            always ^= mask if one.probability > 0.5 else 0
        total = logs.sum()
        law = walsh_hadamard(np.exp((total - walsh_hadamard(logs)) / 2.0)) / 2**size
        law = law[np.arange(2**size) ^ always] if always else law
        law[law < _NEVER] = 0.0
        return law.reshape(2**self.observables, 2**self.detectors)

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "detectors": self.detectors,
            "observables": self.observables,
            "corrections": list(self.corrections),
            "wrong": self.wrong,
            "contrast": self.contrast,
            "mechanisms": [[m.probability, m.detectors, m.observables] for m in self.mechanisms],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ErrorModel:
        """The model that :meth:`to_json` gave."""
        return cls(
            detectors=document["detectors"],
            observables=document["observables"],
            mechanisms=tuple(Mechanism(float(p), d, o) for p, d, o in document["mechanisms"]),
            corrections=tuple(document["corrections"]),
            wrong=document["wrong"],
            contrast=float(document["contrast"]),
        )


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


def build_error_model(
    operations: Sequence[Step],
    setting: Setting,
    corrections: Sequence[int],
    snapshot: DeviceSnapshot | None,
) -> ErrorModel:
    """Build the error model of a compiled setting from the calibration of its device.

    Args:
        operations: steps of the compiled circuit, unused qubits read.
        setting: its checks and detectors.
        corrections: the checks that X and Z of each clone flip, as bit masks.
        snapshot: the calibration; None for a perfect device.

    Raises:
        DoesNotFit: if what a shot shows cannot be corrected by flips.
    """
    noisy = build_noisy_circuit(operations, snapshot)
    observables, contrast = _observables(noisy, setting.checks)
    circuit = noisy.circuit.copy()
    last = circuit.num_measurements

    def targets(records: Sequence[int]) -> list[stim.GateTarget]:
        return [stim.target_rec(record - last) for record in records]

    for detector in setting.detectors:
        circuit.append("DETECTOR", targets([noisy.record_of[bit] for bit in detector.bits]))
    for index, records in enumerate(observables):
        circuit.append("OBSERVABLE_INCLUDE", targets(records), index)
    try:
        found = circuit.detector_error_model(flatten_loops=True, approximate_disjoint_errors=True)
    except ValueError as error:
        raise DoesNotFit(
            f"setting '{setting.label}' is a coin even without noise, so no correction of it is "
            "likelier than another; use checks: none"
        ) from error
    clean = circuit.without_noise().reference_sample()
    wrong = 0
    for index, (check, records) in enumerate(zip(setting.checks, observables, strict=True)):
        ideal = sum(int(clean[record]) for record in records) & 1
        wrong |= (ideal ^ check.parity) << index
    mechanisms = _mechanisms(found, _replaced_outcomes(noisy, setting))
    return ErrorModel(
        len(setting.detectors),
        len(observables),
        mechanisms,
        tuple(corrections),
        wrong,
        contrast,
    )


def _observables(noisy: NoisyCircuit, checks: Sequence[Check]) -> tuple[list[list[int]], float]:
    """Records of each observable, and the contrast of a readout in a turned basis."""
    found = [[noisy.record_of[bit] for bit in check.bits] for check in checks]
    law = noisy.law
    if law is None or not law.read:
        return found, 1.0
    if len(checks) > 1 or len(law.read) > 1 or checks[0].mask & law.mask != law.mask:
        raise DoesNotFit(
            "several qubits are read in turned bases: an error there changes an angle and is no "
            "flip; use an estimator of Pauli bases, or checks: none"
        )
    return [[*found[0], *noisy.joint]], float(np.cos(law.signed_radians[0]))


def _replaced_outcomes(noisy: NoisyCircuit, setting: Setting) -> Iterator[Mechanism]:
    """Asymmetric readouts as flips: an outcome that is replaced is wrong half of the time.

    Where outcomes of several asymmetric readouts have a certain parity, they are wrong together:
    that is left out, since it goes with the product of their asymmetries.
    """
    clean = noisy.circuit.without_noise().compile_sampler(seed=0).sample(_SURE)
    for bit, asymmetry in sorted(noisy.asymmetries.items()):
        values = set(clean[:, noisy.record_of[bit]].tolist())
        wrong = 0.5 if len(values) > 1 else float(values == {asymmetry > 0})
        detectors = sum(1 << k for k, one in enumerate(setting.detectors) if bit in one.bits)
        observables = sum(1 << k for k, one in enumerate(setting.checks) if bit in one.bits)
        yield Mechanism(abs(asymmetry) * wrong, detectors, observables)


def _mechanisms(
    model: stim.DetectorErrorModel, others: Iterable[Mechanism]
) -> tuple[Mechanism, ...]:
    """The errors of a model and others, those that flip the same merged into one."""
    found: dict[tuple[int, int], float] = {}
    for one in others:
        _merge(found, (one.detectors, one.observables), one.probability)
    for error in model:
        if error.type != "error":
            continue
        detectors = observables = 0
        for target in error.targets_copy():
            if target.is_relative_detector_id():
                detectors ^= 1 << target.val
            elif target.is_logical_observable_id():
                observables ^= 1 << target.val
        _merge(found, (detectors, observables), error.args_copy()[0])
    return _sorted(found)


def _merge(
    found: dict[tuple[int, int], float], flipped: tuple[int, int], probability: float
) -> None:
    if any(flipped):
        known = found.get(flipped, 0.0)
        found[flipped] = known * (1 - probability) + probability * (1 - known)


def _sorted(found: Mapping[tuple[int, int], float]) -> tuple[Mechanism, ...]:
    return tuple(Mechanism(p, *flipped) for flipped, p in sorted(found.items()))


def most_telling(models: Sequence[ErrorModel], most: int) -> list[int]:
    """Choose detectors where there are more than a table can hold.

    One after the other, the detector that finds most of what flips an observable and is found by
    none before it; then the one that finds most.

    Args:
        models: of each setting of a point, which has the same detectors in all of them.
        most: how many may be used.
    """
    number = models[0].detectors
    harmful = [m for model in models for m in model.mechanisms if m.observables]
    chosen: list[int] = []
    covered = 0
    while len(chosen) < min(most, number):
        new, found = np.zeros(number), np.zeros(number)
        for one, detector in product(harmful, range(number)):
            if one.detectors >> detector & 1:
                found[detector] += one.probability
                new[detector] += 0.0 if one.detectors & covered else one.probability
        left = [k for k in range(number) if k not in chosen]
        best = max(left, key=lambda k: (new[k], found[k], -k))
        chosen.append(best)
        covered |= 1 << best
    return sorted(chosen)
