"""The rows of ``make bench-compile``: points, devices, and what each row is to reach."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from backends.devices.catalog import load_device
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint, physical_generations
from experiments.point import Point
from experiments.protocol import Cloning, Strategy

STRATEGIES: tuple[Strategy, ...] = ("unitary", "frame")
LARGE_N, LARGE_R, MANY_CLONES = 10, 8, 27
"""From here on a point has three times the budget."""


@dataclass(frozen=True)
class Goal:
    """What a row is to reach on ``fake_kingston``.

    Attributes:
        layers: two-qubit layers at most; None where only the value counts.
        value: the least predicted value.
        aim: the predicted value that is aimed at; None if there is none.
    """

    layers: int | None
    value: float
    aim: float | None = None

    def __str__(self) -> str:
        """As a cell of the table.

        >>> str(Goal(14, 0.86, 0.875))
        '14 / .86'
        """
        value = f"{self.value:.3g}".lstrip("0")
        return value if self.layers is None else f"{self.layers} / {value}"


_FE = {
    ("unitary", 2): Goal(12, 0.945),
    ("unitary", 5): Goal(36, 0.825, 0.84),
    ("unitary", 7): Goal(41, 0.755, 0.78),
    ("unitary", 10): Goal(52, 0.62, 0.66),
    ("unitary", 15): Goal(68, 0.48, 0.53),
    ("frame", 2): Goal(9, 0.945, 0.95),
    ("frame", 5): Goal(14, 0.86, 0.875),
    ("frame", 7): Goal(18, 0.80, 0.82),
    ("frame", 10): Goal(24, 0.72, 0.75),
    ("frame", 15): Goal(30, 0.58, 0.63),
}
_CLONES = {
    9: Goal(14, 0.885, 0.90),
    27: Goal(34, 0.78, 0.82),
    49: Goal(76, 0.60, 0.67),
    75: Goal(135, 0.45, 0.55),
}
_GHZ = {4: Goal(13, 0.84, 0.87), 8: Goal(21, 0.66, 0.70), 15: Goal(28, 0.43, 0.50)}
_VIRTUAL = {(2, 6): Goal(52, 0.57, 0.63)}

GENERATIONS = {
    3: (1,),
    9: physical_generations(2, 1),
    27: physical_generations(2, 2),
    49: (1, 3, 9, 11),
    75: (1, 3, 9, 24),
    77: (1, 3, 9, 25),
}
"""Clones of n = 2 → instances in each generation; a chip with three dead couplers holds 75."""

LEVELS = {3: 0, 9: 1, 27: 2, 49: 2, 75: 3, 77: 3}
"""Clones → generation of the one that is decrypted, as published."""


def goal(point: Point) -> Goal | None:
    """What a point is to reach, if anything was set."""
    if isinstance(point, EntanglementPoint):
        return _FE.get((point.cloning.strategy, point.cloning.n))
    if isinstance(point, ChshPoint):
        return Goal(None, 2.0) if point.cloning.n <= 4 else None
    if isinstance(point, GhzPoint):
        return _GHZ.get(point.r) if point.strategy == "unitary" else None
    if isinstance(point, IteratedPoint) and point.strategy == "frame":
        return _VIRTUAL.get((point.n, point.level)) if point.virtual else _CLONES.get(point.clones)
    return None


def cases(
    sizes: Sequence[int],
    chsh: Sequence[int],
    clones: Sequence[int],
    ghz: Sequence[int],
    virtual: Sequence[int],
) -> Iterator[Point]:
    """The points of the table."""
    for n in sizes:
        for strategy in STRATEGIES:
            yield EntanglementPoint(Cloning(n, 1, strategy), "parity")
    for n in chsh:
        yield ChshPoint(Cloning(n, 1, "frame"), "2-2")
        yield ChshPoint(Cloning(n, 1, "frame"), "2-1")
    for number in clones:
        yield IteratedPoint(2, GENERATIONS[number], LEVELS[number], strategy="frame")
    for r in ghz:
        yield GhzPoint(r)
    for level in virtual:
        yield IteratedPoint(2, (1,) * (level + 1), level, strategy="frame")


def is_large(point: Point) -> bool:
    """Whether a point has three times the budget."""
    if isinstance(point, GhzPoint):
        return point.r >= LARGE_R
    if isinstance(point, IteratedPoint):
        return point.clones >= MANY_CLONES
    return point.num_qubits >= 2 * LARGE_N + 2


def published(point: Point) -> str:
    """The printed value of the same task with unitary decryption."""
    if isinstance(point, EntanglementPoint):
        found = EntanglementPoint(Cloning(point.cloning.n, 1, "unitary"), "parity").published()
    elif isinstance(point, ChshPoint):
        found = ChshPoint(Cloning(point.cloning.n, 1, "unitary"), point.scenario).published()
    elif isinstance(point, IteratedPoint):
        found = replace(point, strategy="unitary").published()
    else:
        found = point.published()
    return f"{found.value:.3f}" if found else ""


def iqm_like() -> DeviceSnapshot:
    """A square lattice of 54 qubits with errors of the size that IQM states for such devices."""
    rows, columns = 6, 9
    qubit = QubitCalibration(45e-6, 25e-6, 1e-3, 20e-9, 0.02, 1e-6)
    pairs = [
        (a, b)
        for a in range(rows * columns)
        for b in (a + 1, a + columns)
        if b < rows * columns and (b == a + columns or b % columns)
    ]
    couplers = [CouplerCalibration(p, 5e-3, 40e-9) for a, b in pairs for p in ((a, b), (b, a))]
    return DeviceSnapshot("square-54", None, "cz", (qubit,) * 54, tuple(couplers))


def all_to_all() -> DeviceSnapshot:
    """36 qubits, each coupled to each, otherwise as the median of a Heron processor."""
    qubit = QubitCalibration(250e-6, 150e-6, 2.5e-4, 32e-9, 0.01, 2.2e-6)
    couplers = [
        CouplerCalibration((a, b), 1.8e-3, 68e-9) for a in range(36) for b in range(36) if a != b
    ]
    return DeviceSnapshot("all-to-all-36", None, "cz", (qubit,) * 36, tuple(couplers))


_MADE = {"square-54": iqm_like, "all-to-all-36": all_to_all}


def device(name: str) -> DeviceSnapshot:
    """A device by name: packaged, or one of those above."""
    return _MADE[name]() if name in _MADE else load_device(name)


def with_probability_e(snapshot: DeviceSnapshot) -> DeviceSnapshot:
    """The same device with depolarizing probabilities equal to the calibrated errors."""
    return replace(
        snapshot,
        qubits=tuple(replace(q, gate_error=q.gate_error * 2 / 3) for q in snapshot.qubits),
        couplers=tuple(
            replace(c, error=c.error * 4 / 5) if c.error < 1 else c for c in snapshot.couplers
        ),
    )


def mended(snapshot: DeviceSnapshot) -> DeviceSnapshot:
    """The same device with the median of what works in place of all that does not."""
    working = snapshot.working_couplers.values()
    middle = statistics.median(c.error for c in working)
    length = statistics.median(c.gate_seconds for c in working)
    good = [q for q in snapshot.qubits if q.works and q.t1_seconds and q.t2_seconds]
    typical = QubitCalibration(
        *(statistics.median(getattr(q, f.name) or 0.0 for q in good) for f in fields(good[0]))
    )
    couplers = [
        c if c.error < 1 else replace(c, error=middle, gate_seconds=length)
        for c in snapshot.couplers
    ]
    qubits = [q if q in good else typical for q in snapshot.qubits]
    return replace(snapshot, qubits=tuple(qubits), couplers=tuple(couplers))


def drifted(snapshot: DeviceSnapshot, seed: int, spread: float = 0.4) -> DeviceSnapshot:
    """Another day of the same device, by a model: every value times a log-normal factor.

    Args:
        snapshot: the calibration.
        seed: of the day.
        spread: standard deviation of the natural logarithm of the factors.
    """
    draw = np.random.default_rng(seed)

    def factor() -> float:
        return float(np.exp(spread * draw.standard_normal()))

    qubits = []
    for qubit in snapshot.qubits:
        t1, t2 = factor(), factor()
        gate, readout = factor(), factor()
        qubits.append(
            replace(
                qubit,
                t1_seconds=qubit.t1_seconds and qubit.t1_seconds * t1,
                t2_seconds=qubit.t2_seconds and qubit.t2_seconds * t2,
                gate_error=min(1.0, qubit.gate_error * gate) if qubit.works else qubit.gate_error,
                readout_error=min(0.5, qubit.readout_error * readout)
                if qubit.works
                else qubit.readout_error,
            )
        )
    of_pair: dict[tuple[int, ...], float] = {}
    couplers = []
    for coupler in snapshot.couplers:
        times = of_pair.setdefault(tuple(sorted(coupler.qubits)), factor())
        error = coupler.error if coupler.error >= 1 else min(0.75, coupler.error * times)
        couplers.append(replace(coupler, error=error))
    return replace(snapshot, qubits=tuple(qubits), couplers=tuple(couplers))


def elsewhere(name: str, home: DeviceSnapshot) -> DeviceSnapshot:
    """A calibration to score circuits on: another device, or ``drift:K``, day K of the model."""
    kind, _, seed = name.partition(":")
    return drifted(home, int(seed)) if kind == "drift" else mended(device(name))
