"""The schedule of a compiled circuit: start of each operation, and idle times of its qubits.

Operations are scheduled as late as possible, barriers kept (the rule of IBM's service too), so a
qubit is prepared just before it is needed. A qubit does not idle before its first operation, in
|0>, nor after its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.pulse_trains import find_trains
from experiments.stabilizer.clifford import Step, resources

_VIRTUAL = frozenset({"rz", "barrier", "z", "id"})
_PASSIVE = frozenset({"rz", "barrier", "delay"})
_NO_IDLE: tuple[float, ...] = ()


class TimedStep(NamedTuple):
    """A scheduled operation.

    Attributes:
        step: the operation.
        start_seconds: its start, counted from the first operation of the circuit.
        seconds: its length.
        idle_seconds: idle time of each of its qubits before it; empty for operations without an
            effect on a qubit.
        in_train_seconds: the part of that within the delays of a pulse train
            (:mod:`backends.simulation.pulse_trains`); empty if there is none.
    """

    step: Step
    start_seconds: float
    seconds: float
    idle_seconds: tuple[float, ...]
    in_train_seconds: tuple[float, ...] = ()


def duration_seconds(step: Step, snapshot: DeviceSnapshot) -> float:
    """Length of an operation on the device.

    Z rotations, conditional or not, are changes of frame and take no time.

    Raises:
        DoesNotFit: if the operation is not native to the device.
    """
    if step.name in _VIRTUAL:
        return 0.0
    if step.name == "delay":
        return step.seconds
    if step.name == "measure":
        return snapshot.qubits[step.qubits[0]].readout_seconds
    if step.name == "reset":
        qubit = snapshot.qubits[step.qubits[0]]
        return qubit.readout_seconds + qubit.gate_seconds
    if len(step.qubits) == 2:
        coupler = snapshot.working_couplers.get((step.qubits[0], step.qubits[1]))
        if coupler is None or step.name != snapshot.entangler:
            raise DoesNotFit(
                f"'{step.name}' on qubits {step.qubits} is not native to device "
                f"'{snapshot.name}' (its two-qubit gate is '{snapshot.entangler}' on working "
                "couplers); compile the circuit for this device first"
            )
        return coupler.gate_seconds
    return snapshot.qubits[step.qubits[0]].gate_seconds


def schedule(operations: Sequence[Step], snapshot: DeviceSnapshot) -> tuple[TimedStep, ...]:
    """Schedule operations as late as possible; their order is kept.

    An idle is charged to the real operation that ends it, not to a virtual one inside it: the
    noise of an idle is the same in X and Y, so it commutes with quarter turns about Z.

    Raises:
        DoesNotFit: if an operation is not native to the device.
    """
    barriers = "barrier" not in snapshot.lacks
    ends: dict[int, float] = {}
    placed: list[tuple[float, float]] = []
    for step in reversed(operations):
        if step.name == "rz":
            placed.append((ends.get(step.qubits[0], 0.0), 0.0))
            continue
        seconds = duration_seconds(step, snapshot)
        # A device without barriers does not wait for them.
        used = () if step.name == "barrier" and not barriers else resources(step)
        start = max([ends.get(resource, 0.0) for resource in used], default=0.0) + seconds
        for resource in used:
            ends[resource] = start
        placed.append((start, seconds))
    placed.reverse()
    total = max(ends.values(), default=0.0)

    in_trains = {k for train in find_trains(operations) for k in train.delays}
    busy_until: dict[int, float] = {}
    waited: dict[int, float] = {}
    timed = []
    for position, (step, (before_end, seconds)) in enumerate(zip(operations, placed, strict=True)):
        start = total - before_end
        idle = in_train = _NO_IDLE
        if position in in_trains:
            waited[step.qubits[0]] = waited.get(step.qubits[0], 0.0) + seconds
        if step.name not in _PASSIVE:
            # Differences of sums of the same durations: below a femtosecond is rounding.
            idle = tuple(
                [
                    gap if (gap := start - busy_until.get(q, start)) > 1e-15 else 0.0
                    for q in step.qubits
                ]
            )
            if waited:
                in_train = tuple([waited.pop(q, 0.0) for q in step.qubits])
            for qubit in step.qubits:
                busy_until[qubit] = start + seconds
        timed.append(TimedStep(step, start, seconds, idle, in_train))
    return tuple(timed)


def total_seconds(timed: Sequence[TimedStep]) -> float:
    """Length of the whole circuit."""
    return max((t.start_seconds + t.seconds for t in timed), default=0.0)
