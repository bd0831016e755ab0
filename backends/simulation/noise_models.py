"""What a calibration leaves open, as two bounds of the noise model.

A calibration states errors of gates that run alone, echoed dephasing times, and the state of one
day. What holds while a circuit runs is uncertain in ways that are listed in :data:`ASSUMPTIONS`,
each with an optimistic and a pessimistic value. The values come from the calibration itself or from
general knowledge of superconducting processors, never from results that predictions are compared
with. All optimistic values together make :data:`OPTIMISTIC`, all pessimistic ones :data:`LAYERS`;
the prediction under either is one end of the interval of a prediction. Where past calibrations of
the device are known they take the place of the assumed drift (:data:`OF_EACH_CALIBRATION`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from backends.devices.snapshot import DeviceSnapshot, QubitCalibration

ModelName = Literal["calibration", "layers"]
"""Noise models that simulators draw from."""


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """How channels follow from a calibration. The defaults are the calibration as it stands.

    Attributes:
        name: of the model.
        parallel: whether every two-qubit gate has the error of gates in parallel, by the layer
            fidelities of the calibration. Calibrations without them, and those by which gates in
            parallel are better, leave gates as they are.
        interactions: whether interactions that are never switched off dephase idle qubits.
        dephasing_factor: how many times shorter T2 is than the stated one.
        readout_dephasing: probability that the readout of a qubit before the end of the circuit
            flips the phase of a coupled qubit that idles meanwhile.
        error_factor: factor on errors of gates, resets and readouts.
        decay_factor: factor on 1/T1 and 1/T2.
        refocusing: whether pulse trains refocus all dephasing between their pulses.
    """

    name: str
    parallel: bool = False
    interactions: bool = False
    dephasing_factor: float = 1.0
    readout_dephasing: float = 0.0
    error_factor: float = 1.0
    decay_factor: float = 1.0
    refocusing: bool = False

    def two_qubit_error(self, snapshot: DeviceSnapshot, pair: tuple[int, int]) -> float:
        """Average infidelity of a two-qubit gate, at most 1."""
        factor = self.error_factor
        if self.parallel:
            factor *= max(1.0, snapshot.parallel_error_ratio or 1.0)
        return min(1.0, snapshot.working_couplers[pair].error * factor)

    def pulse_error(self, qubit: QubitCalibration) -> float:
        """Average infidelity of one pulse, at most 1."""
        return min(1.0, qubit.gate_error * self.error_factor)

    def readout_error(self, qubit: QubitCalibration) -> float:
        """Probability of a wrong outcome.

        A factor does not carry it across 1/2, where an outcome tells nothing.
        """
        if qubit.readout_error >= 0.5:
            return qubit.readout_error
        return min(0.5, qubit.readout_error * self.error_factor)

    def readout_asymmetry(self, qubit: QubitCalibration) -> float:
        """Probability of reading |1> as 0 less that of reading |0> as 1."""
        if not qubit.readout_asymmetry:
            return 0.0
        return qubit.readout_asymmetry * self.readout_error(qubit) / qubit.readout_error

    def decay_seconds(self, qubit: QubitCalibration) -> tuple[float, float] | None:
        """T1, and T2 cut at 2 T1; None where the calibration has none."""
        if not qubit.t1_seconds or not qubit.t2_seconds:
            return None
        t1 = qubit.t1_seconds / self.decay_factor
        t2 = qubit.t2_seconds / (self.decay_factor * self.dephasing_factor)
        return t1, min(t2, 2 * t1)

    def interaction_flip(self, snapshot: DeviceSnapshot, qubit: int, seconds: float) -> float:
        """Probability of a phase flip by interactions during an idle.

        The other qubit of a pair is in |0> or |1> with equal probability, which turns the phase by
        ±π·rate·time: a factor cos(π·rate·time) on coherence. From a quarter turn on it is 0.
        """
        if not self.interactions:
            return 0.0
        kept = 1.0
        for hertz in snapshot.interaction_hertz.get(qubit, ()):
            kept *= math.cos(min(math.pi * hertz * seconds, math.pi / 2))
        return (1.0 - kept) / 2


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that a calibration leaves open.

    Attributes:
        parameter: the field of :class:`NoiseModel` that it sets.
        optimistic: its value in :data:`OPTIMISTIC`.
        pessimistic: its value in :data:`LAYERS`.
        about: what it is.
        grounds: where the values come from.
    """

    parameter: str
    optimistic: float | bool
    pessimistic: float | bool
    about: str
    grounds: str


ASSUMPTIONS = (
    Assumption(
        "parallel",
        False,
        True,
        "two-qubit gates err as gates alone, or as gates in parallel",
        "the calibration: fidelity of the layers of its longest chain against that of their gates",
    ),
    Assumption(
        "dephasing_factor",
        1.0,
        3.0,
        "T2 of a qubit that idles, from the stated one (an echo) to a third of it (no echo)",
        "an assumption: calibrations do not state T2 without an echo",
    ),
    Assumption(
        "interactions",
        False,
        True,
        "interactions of coupled qubits are echoed away, or dephase idle qubits",
        "the calibration: its ZZ rates, where it has any",
    ),
    Assumption(
        "readout_dephasing",
        0.0,
        0.01,
        "phase flip of an idle qubit when a coupled qubit is read before the end of the circuit",
        "an assumption: that such errors exist on devices of IBM is shown in arXiv:2207.04836 and "
        "arXiv:2408.07677; calibrations do not state them",
    ),
    Assumption(
        "error_factor",
        1 / 1.25,
        1.25,
        "drift of errors of gates and readouts since the calibration, all in the same direction",
        "an assumption: 25 % either way; calibrations of other days are not at hand",
    ),
    Assumption(
        "decay_factor",
        1 / 1.25,
        1.25,
        "drift of 1/T1 and 1/T2 since the calibration, all in the same direction",
        "an assumption: 25 % either way; that T1 drifts over months is shown in arXiv:2105.15201",
    ),
    Assumption(
        "refocusing",
        True,
        False,
        "pulse trains refocus all dephasing between their pulses, or none; of effect only where "
        "the compiler places them",
        "both limits",
    ),
)
"""All that makes the interval of a prediction, beside the calibration itself."""


def _bound(name: str, *, optimistic: bool) -> NoiseModel:
    values = {a.parameter: a.optimistic if optimistic else a.pessimistic for a in ASSUMPTIONS}
    return NoiseModel(name, **values)  # type: ignore[arg-type]


CALIBRATION = NoiseModel("calibration")
"""The calibration as it stands: the model of ``predicted``."""

LAYERS = _bound("layers", optimistic=False)
"""Everything at its pessimistic value: the model of ``predicted_low``."""

OPTIMISTIC = _bound("optimistic", optimistic=True)
"""Everything at its optimistic value: the model of ``predicted_high``."""

DRIFT = ("error_factor", "decay_factor")
"""Parameters of the assumptions whose place past calibrations take."""


def _without_drift(model: NoiseModel) -> NoiseModel:
    return replace(model, **dict.fromkeys(DRIFT, 1.0))  # type: ignore[arg-type]


OF_EACH_CALIBRATION = (_without_drift(LAYERS), CALIBRATION, _without_drift(OPTIMISTIC))
"""Models under which each of several calibrations is predicted: no drift beside theirs."""

MODELS: dict[ModelName, NoiseModel] = {"calibration": CALIBRATION, "layers": LAYERS}
"""Name → model that simulators draw from."""
