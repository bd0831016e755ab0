"""Dynamical decoupling that this project places itself, in circuits that run as it schedules them.

A train of pulses goes into a wait where it makes the wait better: where the dephasing that it
refocuses is more than what its pulses err. That rests on an assumption, which no calibration
confirms: *refocusing is perfect*, i.e. within a train all dephasing beyond relaxation is slow
(T2 becomes 2 T1). A calibrated T2 is an echo time already, so this is an upper bound. The rule asks
for the qubit and the length of the wait alone: equal waits are treated alike in all settings of a
point, so that all of them see the same channel.
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
"""In picoseconds; what is longer is no clock tick."""


@lru_cache(maxsize=64)
def _tick(snapshot: DeviceSnapshot) -> int:
    """What delays are whole multiples of, in picoseconds.

    Gates and readouts last whole ticks of a device's clock, so their greatest common divisor is a
    length that it can count; 1 where they have none.
    """
    lengths = [c.gate_seconds for c in snapshot.working_couplers.values()]
    for qubit in snapshot.qubits:
        if qubit.works:
            lengths += [qubit.gate_seconds, qubit.readout_seconds]
    common = math.gcd(*(round(length / _PICOSECOND) for length in lengths))
    return common if 0 < common <= _COARSEST_TICK else 1


def pays_from_seconds(qubit: QubitCalibration, sequence: Decoupling) -> float:
    """The length of a wait from which a train makes it better; infinite if none does.

    Dephasing costs X and Y 1/T2 - 1/2T1 a second, as -log, and Z nothing; each pulse costs all
    three its loss. A train pays if what it refocuses between its pulses is more than what they
    lose, the sums compared. That a pulse takes time off a wait is no gain: its error says what
    happens meanwhile.
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
class _Wait:
    """A wait that gets a train.

    Attributes:
        qubit: who waits.
        end: index of the instruction that ends it.
        seconds: its length.
        asked_seconds: delays of the circuit in it.
        delays: indices of these, which the train replaces.
    """

    qubit: int
    end: int
    seconds: float
    asked_seconds: float
    delays: tuple[int, ...]


def decoupled(
    circuit: QuantumCircuit, snapshot: DeviceSnapshot, sequence: Decoupling
) -> QuantumCircuit:
    """A compiled circuit with trains in all waits that they make better.

    Waits are those of the schedule, which stays as it is. A barrier ends a wait, so that no train
    crosses a stage. A delay of the circuit is a wait too: the delays of the train that replaces it
    are as long together, its pulses come on top.

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
    wanted = _waits(circuit, snapshot, sequence)
    replaced = {k for wait in wanted for k in wait.delays}
    before: dict[int, list[_Wait]] = {}
    for wait in wanted:
        before.setdefault(wait.end, []).append(wait)
    out = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        for wait in before.get(index, ()):
            _write_train(out, wait, snapshot, sequence)
        if index not in replaced:
            out.append(instruction)
    return out


def _write_train(
    out: QuantumCircuit, wait: _Wait, snapshot: DeviceSnapshot, sequence: Decoupling
) -> None:
    """Write a train that is as long as its wait, or a few clock ticks less."""
    pulses, tick = PULSES[sequence], _tick(snapshot)
    free = wait.seconds - len(pulses) * snapshot.qubits[wait.qubit].gate_seconds
    # Rounded down, so that a train never outlasts its wait; up where a length was asked for.
    ticks = math.floor(free / (2 * len(pulses) * tick * _PICOSECOND) + 1e-9)
    asked = math.ceil(wait.asked_seconds / (2 * len(pulses) * tick * _PICOSECOND) - 1e-9)
    half = max(ticks, asked) * tick
    for k, pulse in enumerate(pulses):
        out.delay(half * (2 if k else 1) / 1000, wait.qubit, unit="ns")
        if pulse == "y":
            # Up to a phase, and free: a Z is virtual.
            out.rz(math.pi, wait.qubit)
        out.x(wait.qubit)
    out.delay(half / 1000, wait.qubit, unit="ns")


def _waits(circuit: QuantumCircuit, snapshot: DeviceSnapshot, sequence: Decoupling) -> list[_Wait]:
    """The waits that a train makes better, as the circuit is scheduled."""
    operations, instruction_of = _numbered(circuit)
    timed = schedule(operations, snapshot)
    ends_badly = _nothing_follows(operations)
    count, tick_seconds = len(PULSES[sequence]), _tick(snapshot) * _PICOSECOND
    pays: dict[int, float] = {}
    for qubit in {q for step in operations for q in step.qubits}:
        calibration = snapshot.qubits[qubit]
        shortest = count * (calibration.gate_seconds + 2 * tick_seconds)
        pays[qubit] = max(shortest, pays_from_seconds(calibration, sequence))
    free_since: dict[int, float] = {}
    delays: dict[int, list[int]] = {}
    turned: set[int] = set()
    out: list[_Wait] = []
    for position, one in enumerate(timed):
        step = one.step
        if step.name == "rz":
            if step.angle:
                # A pulse between a turn by any angle and what it is for would turn it round.
                turned.update(step.qubits)
            continue
        if step.name == "delay":
            for qubit in step.qubits:
                delays.setdefault(qubit, []).append(position)
            continue
        for qubit in step.qubits:
            own = tuple(delays.pop(qubit, ()))
            if qubit not in free_since:
                if step.name != "barrier":
                    free_since[qubit] = one.start_seconds + one.seconds
                continue
            wait = one.start_seconds - free_since[qubit]
            free_since[qubit] = one.start_seconds + one.seconds
            if wait >= pays[qubit] and qubit not in turned and (position, qubit) not in ends_badly:
                seconds = sum(operations[k].seconds for k in own)
                replaced = tuple(instruction_of[k] for k in own)
                out.append(_Wait(qubit, instruction_of[position], wait, seconds, replaced))
    return out


def _numbered(circuit: QuantumCircuit) -> tuple[list[Step], list[int]]:
    """The steps of a circuit, and the instruction that each comes from."""
    operations = list(steps(circuit))
    instruction_of: list[int] = []
    one = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        count = 1
        if instruction.name == "if_else":
            one.data = [instruction]
            count = len(list(steps(one)))
        instruction_of += [index] * count
    return operations, instruction_of


def _nothing_follows(operations: Sequence[Step]) -> set[tuple[int, int]]:
    """(position, qubit) of barriers and resets after which what a qubit holds is not used."""
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
