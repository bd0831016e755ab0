"""Dynamical decoupling: pulse trains in the idles of a compiled circuit.

A pulse train is inserted into an idle if it refocuses more dephasing than its pulses add errors.
This rests on an assumption that no calibration confirms: *refocusing is perfect*, that is, within a
train all pure dephasing is slow (T2 becomes 2 T1). A calibrated T2 is an echo time already, so this
is an upper bound. The rule depends on the qubit and the length of the idle alone: equal idles are
treated alike in all settings of a point, so that all settings see the same channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from qiskit.circuit import QuantumCircuit

from backends.devices.snapshot import DeviceSnapshot, QubitCalibration
from backends.errors import DoesNotFit
from backends.simulation.noise import depolarizing_probability
from backends.simulation.pulse_trains import PULSES, Decoupling
from backends.simulation.schedule import schedule
from experiments.stabilizer.clifford import Step, steps

_PICOSECOND = 1e-12
_COARSEST_TICK = 10_000
"""Longest clock tick of a device, in picoseconds."""


@lru_cache(maxsize=64)
def _tick(snapshot: DeviceSnapshot) -> int:
    """The unit of delays, in picoseconds.

    Gates and readouts last whole ticks of a device's clock, so their greatest common divisor is a
    length that it can time; 1 if they have no such divisor.
    """
    lengths = [c.gate_seconds for c in snapshot.working_couplers.values()]
    for qubit in snapshot.qubits:
        if qubit.works:
            lengths += [qubit.gate_seconds, qubit.readout_seconds]
    common = math.gcd(*(round(length / _PICOSECOND) for length in lengths))
    return common if 0 < common <= _COARSEST_TICK else 1


def shortest_useful_idle_seconds(qubit: QubitCalibration, sequence: Decoupling) -> float:
    """Length of an idle, in seconds, from which a pulse train improves it; infinite if none does.

    The expectation values of X and Y decay by pure dephasing at the rate 1/T2 - 1/2T1, that of Z
    does not; each pulse reduces all three by its depolarizing error. A train is useful if the sum
    of the logarithms that it refocuses between its pulses exceeds the sum that its pulses lose.
    The time of a pulse itself is no gain: its error includes the decay during it.
    """
    count = len(PULSES[sequence])
    if not count or not qubit.works or not qubit.t1_seconds or not qubit.t2_seconds:
        return math.inf
    dephasing = 2 / min(qubit.t2_seconds, 2 * qubit.t1_seconds) - 1 / qubit.t1_seconds
    kept = 1 - depolarizing_probability(qubit.gate_error, 1) * 4 / 3
    if dephasing <= 0 or kept <= 0:
        return math.inf
    lost = -3 * count * math.log(kept)
    return count * qubit.gate_seconds + max(lost / dephasing, 2 * count * _PICOSECOND)


@dataclass(frozen=True)
class _Idle:
    """An idle that gets a pulse train.

    Attributes:
        qubit: index of the qubit.
        end: index of the instruction that ends the idle.
        seconds: its length.
        asked_seconds: total length of the circuit's own delays in it.
        delays: indices of these delays, which the train replaces.
    """

    qubit: int
    end: int
    seconds: float
    asked_seconds: float
    delays: tuple[int, ...]


def insert_pulse_trains(
    circuit: QuantumCircuit, snapshot: DeviceSnapshot, sequence: Decoupling
) -> QuantumCircuit:
    """Insert pulse trains into all idles of a compiled circuit that they improve.

    Idles are those of the schedule, which does not change. A barrier ends an idle, so that no train
    crosses the end of a stage. A delay of the circuit is an idle too: the delays of the train that
    replaces it have the same total length, to which the pulses are added.

    Raises:
        DoesNotFit: if the device keeps no delays.
    """
    if sequence == "none":
        return circuit
    if "delay" in snapshot.lacks or "barrier" in snapshot.lacks:
        raise DoesNotFit(
            f"device '{snapshot.name}' keeps no delays, so nobody knows when a decoupling pulse "
            "would come; leave 'compile.decoupling' out"
        )
    wanted = _find_idles(circuit, snapshot, sequence)
    replaced = {k for idle in wanted for k in idle.delays}
    before: dict[int, list[_Idle]] = {}
    for idle in wanted:
        before.setdefault(idle.end, []).append(idle)
    out = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        for idle in before.get(index, ()):
            _write_train(out, idle, snapshot, sequence)
        if index not in replaced:
            out.append(instruction)
    return out


def _write_train(
    out: QuantumCircuit, idle: _Idle, snapshot: DeviceSnapshot, sequence: Decoupling
) -> None:
    """Append a train as long as its idle, or a few clock ticks shorter."""
    pulses, tick = PULSES[sequence], _tick(snapshot)
    free = idle.seconds - len(pulses) * snapshot.qubits[idle.qubit].gate_seconds
    # Rounded down, so that a train is not longer than its idle; up for a delay of the circuit.
    ticks = math.floor(free / (2 * len(pulses) * tick * _PICOSECOND) + 1e-9)
    asked = math.ceil(idle.asked_seconds / (2 * len(pulses) * tick * _PICOSECOND) - 1e-9)
    half = max(ticks, asked) * tick
    for k, pulse in enumerate(pulses):
        out.delay(half * (2 if k else 1) / 1000, idle.qubit, unit="ns")
        if pulse == "y":
            # Up to a phase, and free: a Z is virtual.
            out.rz(math.pi, idle.qubit)
        out.x(idle.qubit)
    out.delay(half / 1000, idle.qubit, unit="ns")


def _find_idles(
    circuit: QuantumCircuit, snapshot: DeviceSnapshot, sequence: Decoupling
) -> list[_Idle]:
    """Find the idles of the scheduled circuit that a pulse train improves."""
    operations, instruction_of = _numbered(circuit)
    timed = schedule(operations, snapshot)
    without_effect = _nothing_follows(operations)
    count, tick_seconds = len(PULSES[sequence]), _tick(snapshot) * _PICOSECOND
    useful_from_seconds: dict[int, float] = {}
    for qubit in {q for step in operations for q in step.qubits}:
        calibration = snapshot.qubits[qubit]
        shortest = count * (calibration.gate_seconds + 2 * tick_seconds)
        useful_from_seconds[qubit] = max(
            shortest, shortest_useful_idle_seconds(calibration, sequence)
        )
    free_since: dict[int, float] = {}
    delays: dict[int, list[int]] = {}
    rotated: set[int] = set()
    out: list[_Idle] = []
    for position, timed_step in enumerate(timed):
        step = timed_step.step
        if step.name == "rz":
            if step.angle:
                # A pulse between a non-Clifford rotation and its readout would change the readout.
                rotated.update(step.qubits)
            continue
        if step.name == "delay":
            for qubit in step.qubits:
                delays.setdefault(qubit, []).append(position)
            continue
        for qubit in step.qubits:
            own = tuple(delays.pop(qubit, ()))
            if qubit not in free_since:
                if step.name != "barrier":
                    free_since[qubit] = timed_step.start_seconds + timed_step.seconds
                continue
            idle_seconds = timed_step.start_seconds - free_since[qubit]
            free_since[qubit] = timed_step.start_seconds + timed_step.seconds
            if (
                idle_seconds >= useful_from_seconds[qubit]
                and qubit not in rotated
                and (position, qubit) not in without_effect
            ):
                seconds = sum(operations[k].seconds for k in own)
                replaced = tuple(instruction_of[k] for k in own)
                out.append(_Idle(qubit, instruction_of[position], idle_seconds, seconds, replaced))
    return out


def _numbered(circuit: QuantumCircuit) -> tuple[list[Step], list[int]]:
    """The steps of a circuit, and the index of the instruction of each."""
    operations = list(steps(circuit))
    instruction_of: list[int] = []
    single = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        count = 1
        if instruction.name == "if_else":
            single.data = [instruction]
            count = len(list(steps(single)))
        instruction_of += [index] * count
    return operations, instruction_of


def _nothing_follows(operations: Sequence[Step]) -> set[tuple[int, int]]:
    """(index, qubit) of barriers and resets after which the state of a qubit is not used."""
    found: set[tuple[int, int]] = set()
    used: dict[int, bool] = {}
    for position in range(len(operations) - 1, -1, -1):
        step = operations[position]
        if step.name in ("rz", "delay"):
            continue
        for qubit in step.qubits:
            if step.name == "barrier":
                if not used.get(qubit, False):
                    found.add((position, qubit))
            else:
                used[qubit] = step.name != "reset"
                if step.name == "reset":
                    found.add((position, qubit))
    return found
