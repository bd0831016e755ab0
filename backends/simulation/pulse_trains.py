"""Pulse trains of dynamical decoupling: pulses in an idle that refocus slow dephasing.

A train on a qubit is a delay, a pulse, twice that delay, a pulse and so on, and the first delay
again; its pulses multiply to the identity. Scheduling and prediction find the trains of a compiled
circuit by this pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from experiments.stabilizer.clifford import Step

Decoupling = Literal["none", "XX", "XY4"]
DECOUPLINGS: tuple[Decoupling, ...] = get_args(Decoupling)

PULSES: dict[Decoupling, tuple[str, ...]] = {
    "none": (),
    "XX": ("x", "x"),
    "XY4": ("x", "y", "x", "y"),
}
"""The pulses of each sequence, in order."""

_PAULI_OF = {"x": (1, 0), "y": (1, 1), "rz": (0, 1)}
_EVEN = 1e-6
"""Relative tolerance at which two delays are equal."""


class Train(NamedTuple):
    """A pulse train.

    Attributes:
        qubit: index of the qubit.
        delays: indices of its delays among the steps.
        pulses: indices of its pulses.
    """

    qubit: int
    delays: tuple[int, ...]
    pulses: tuple[int, ...]


def find_trains(operations: Sequence[Step]) -> list[Train]:
    """Find the pulse trains of a compiled circuit, in no particular order.

    Between the first and the last delay of a train its qubit has no other operation and no barrier.
    Y may be written as a virtual Z before X.
    """
    if not any(step.name == "delay" for step in operations):
        return []
    found: list[Train] = []
    running: dict[int, list[int]] = {}
    for position, step in enumerate(operations):
        if _may_belong(step):
            running.setdefault(step.qubits[0], []).append(position)
            continue
        for qubit in step.qubits:
            found += _in_run(operations, running.pop(qubit, ()))
    for run in running.values():
        found += _in_run(operations, run)
    return found


def _may_belong(step: Step) -> bool:
    if step.name == "rz":
        return step.turns in (0, 2) and not step.angle and not step.condition
    return step.name in ("delay", "x", "y") and len(step.qubits) == 1 and not step.condition


def _in_run(operations: Sequence[Step], run: Sequence[int]) -> list[Train]:
    """The trains among consecutive steps on a qubit."""
    found: list[Train] = []
    at = 0
    while at < len(run):
        end = _end_of_train(operations, run, at) if operations[run[at]].name == "delay" else at
        if end == at:
            at += 1
            continue
        own = run[at:end]
        found.append(
            Train(
                operations[run[at]].qubits[0],
                tuple(k for k in own if operations[k].name == "delay"),
                tuple(k for k in own if operations[k].name in ("x", "y")),
            )
        )
        at = end
    return found


def _end_of_train(operations: Sequence[Step], run: Sequence[int], start: int) -> int:
    """End index, within a run, of the train that begins at a delay; ``start`` if there is none."""
    half = operations[run[start]].seconds
    pauli, pulses, since_delay = (0, 0), 0, 0
    for index in range(start + 1, len(run)):
        step = operations[run[index]]
        if step.name == "delay":
            if since_delay != 1:
                return start
            since_delay = 0
            if math.isclose(step.seconds, half, rel_tol=_EVEN):
                return index + 1 if pauli == (0, 0) and pulses else start
            if not math.isclose(step.seconds, 2 * half, rel_tol=_EVEN):
                return start
        elif step.name != "rz" or step.turns:
            x, z = _PAULI_OF[step.name]
            pauli = (pauli[0] ^ x, pauli[1] ^ z)
            if step.name != "rz":
                since_delay += 1
                pulses += 1
    return start
