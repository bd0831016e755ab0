"""A device as arrays of loss rates, for inner loops."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.decoupling import shortest_useful_idle_seconds
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise import depolarizing_probability
from backends.simulation.pulse_trains import PULSES, Decoupling

CZ, CX, ECR = 2, 3, 4
ISWAP, RZZ, RXX = 20, 21, 22
"""Native two-qubit gates, numbered as rows of a native program."""

ENTANGLER_ROWS = {"cz": CZ, "cx": CX, "ecr": ECR, "iswap": ISWAP, "rzz": RZZ, "rxx": RXX}

_MOST_LOSS = 700.0
"""exp(-700) is 0 to every digit that a float has."""


class DeviceTables(NamedTuple):
    """Losses are -log of the factor by which an event shrinks a correlator that it can flip.

    Attributes:
        entangler: row number of the native two-qubit gate.
        pulse_loss: of a single-qubit pulse, shape (qubits,).
        pulse_seconds: its length, shape (qubits,).
        readout_loss: of a readout, shape (qubits,).
        readout_seconds: its length, shape (qubits,).
        relaxation_rate: loss of Z a second of idling, shape (qubits,).
        dephasing_rate: loss of X or Y a second of idling, shape (qubits,).
        native: whether the two-qubit gate is native on an ordered pair, (qubits, qubits).
        gate_loss: of the two-qubit gate, shape (qubits, qubits).
        gate_seconds: its length, shape (qubits, qubits).
        neighbours: working neighbours of each qubit, padded with -1, shape (qubits, degree).
        degree: how many there are, shape (qubits,).
        trains: of a pulse train in a wait of each qubit: length of the wait from which there is
            one, loss of its pulses, their length; shape (3, qubits), or (3, 0) for none at all.
    """

    entangler: int
    pulse_loss: NDArray[np.float64]
    pulse_seconds: NDArray[np.float64]
    readout_loss: NDArray[np.float64]
    readout_seconds: NDArray[np.float64]
    relaxation_rate: NDArray[np.float64]
    dephasing_rate: NDArray[np.float64]
    native: NDArray[np.bool_]
    gate_loss: NDArray[np.float64]
    gate_seconds: NDArray[np.float64]
    neighbours: NDArray[np.int64]
    degree: NDArray[np.int64]
    trains: NDArray[np.float64]


def working_region(snapshot: DeviceSnapshot) -> NDArray[np.bool_]:
    """Which device qubits are in the largest region that works, shape (qubits,)."""
    region = np.zeros(snapshot.num_qubits, dtype=np.bool_)
    region[sorted(snapshot.largest_region)] = True
    return region


def _loss(factor: float) -> float:
    return -math.log(factor) if factor > math.exp(-_MOST_LOSS) else _MOST_LOSS


@lru_cache(maxsize=64)
def device_tables(snapshot: DeviceSnapshot, decoupling: Decoupling = "none") -> DeviceTables:
    """The noise model of :mod:`backends.simulation.noise` as loss rates.

    With ``decoupling`` every wait counts as if it held the train that
    :func:`backends.compiling.decoupling.insert_pulse_trains` would put there, refocusing assumed.
    """
    size = snapshot.num_qubits
    native = np.zeros((size, size), dtype=np.bool_)
    gate_loss = np.zeros((size, size))
    gate_seconds = np.zeros((size, size))
    for pair, coupler in snapshot.working_couplers.items():
        native[pair] = True
        gate_loss[pair] = _loss(1 - depolarizing_probability(coupler.error, 2) * 16 / 15)
        gate_seconds[pair] = coupler.gate_seconds
    joined = native | native.T
    degree = joined.sum(axis=1)
    neighbours = np.full((size, max(1, int(degree.max(initial=1)))), -1, dtype=np.int64)
    for index in range(size):
        found = np.flatnonzero(joined[index])
        neighbours[index, : len(found)] = found
    relaxation, dephasing = np.zeros(size), np.zeros(size)
    for k, qubit in enumerate(snapshot.qubits):
        if qubit.t1_seconds and qubit.t2_seconds:
            relaxation[k] = 1 / qubit.t1_seconds
            dephasing[k] = 1 / min(qubit.t2_seconds, 2 * qubit.t1_seconds)
    pulse_loss = np.array(
        [_loss(1 - depolarizing_probability(q.gate_error, 1) * 4 / 3) for q in snapshot.qubits]
    )
    pulse_seconds = np.array([q.gate_seconds for q in snapshot.qubits])
    trains = np.zeros((3, 0))
    if pulses := len(PULSES[decoupling]):
        pays = [shortest_useful_idle_seconds(qubit, decoupling) for qubit in snapshot.qubits]
        trains = np.array([pays, pulses * pulse_loss, pulses * pulse_seconds])
    return DeviceTables(
        entangler=ENTANGLER_ROWS[snapshot.entangler],
        pulse_loss=pulse_loss,
        pulse_seconds=pulse_seconds,
        readout_loss=np.array([_loss(1 - 2 * q.readout_error) for q in snapshot.qubits]),
        readout_seconds=np.array([q.readout_seconds for q in snapshot.qubits]),
        relaxation_rate=relaxation,
        dephasing_rate=dephasing,
        native=native,
        gate_loss=gate_loss,
        gate_seconds=gate_seconds,
        neighbours=neighbours,
        degree=degree.astype(np.int64),
        trains=trains,
    )
