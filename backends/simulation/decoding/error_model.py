"""What the calibration knows of errors: which detectors and observables each of them flips.

The joint law of detectors and observables is exact: its characteristic function is the product of
(1 - 2p) over the mechanisms that a parity meets an odd number of times, and one Walsh-Hadamard
transform gives all of it. A table has :data:`MOST_EXACT` detectors at most: where a circuit has
more, :func:`most_telling` says which are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import stim
from numpy.typing import NDArray

from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.noise import NoisyCircuit, build_noisy_circuit
from backends.simulation.walsh_hadamard import walsh_hadamard
from experiments.settings import Check, Setting
from experiments.stabilizer.clifford import Step

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
