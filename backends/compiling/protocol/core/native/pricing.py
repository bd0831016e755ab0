"""The cost of a native program in one pass: what a search asks for millions of times.

The same model as :mod:`~backends.compiling.protocol.core.native.propagation`, which says of every
string and cause what is lost. Here only the sum over all strings is kept, and the number of
two-qubit layers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.frames import PULL_BACK
from backends.compiling.protocol.core.native.propagation import (
    BARRIER,
    DELAY,
    GIVEN,
    LETTERS,
    MEASURE,
    PULSE,
    RESET,
    TURN,
)
from backends.compiling.protocol.core.native.tables import CZ, ECR, DeviceTables

LAYER_PRICE = 0.006
"""What a two-qubit layer is worth beside the score, in units of the cost: 0.2 % of each of three
correlators. A model knows some of what goes wrong; the rest grows with depth."""


class Sweep(NamedTuple):
    """Scratch memory of one backward pass, each array of shape (device qubits,).

    Attributes:
        x: strings with an X part, one bit each, uint64.
        z: strings with a Z part, likewise.
        free_from: seconds before the end from which on a qubit is free.
        starts: seconds before the end at which its next operation starts, -1 if none follows.
        depth: two-qubit layers that follow, int64.
    """

    x: NDArray[np.uint64]
    z: NDArray[np.uint64]
    free_from: NDArray[np.float64]
    starts: NDArray[np.float64]
    depth: NDArray[np.int64]


@machine_code
def new_sweep(sites: int) -> Sweep:
    """Scratch memory for a device."""
    return Sweep(
        np.zeros(sites, dtype=np.uint64),
        np.zeros(sites, dtype=np.uint64),
        np.zeros(sites),
        np.zeros(sites),
        np.zeros(sites, dtype=np.int64),
    )


@inner_machine_code
def _count(mask: np.uint64) -> float:
    """How many bits are set."""
    mask = mask - ((mask >> np.uint64(1)) & np.uint64(0x5555555555555555))
    mask = (mask & np.uint64(0x3333333333333333)) + (
        (mask >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    mask = (mask + (mask >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return float((mask * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inner_machine_code
def _wait(
    relaxation: NDArray[np.float64],
    dephasing: NDArray[np.float64],
    trains: NDArray[np.float64],
    qubit: int,
    seconds: float,
    x: np.uint64,
    z: np.uint64,
) -> float:
    """What a wait costs, pulse trains included where waits get them."""
    if seconds <= 0.0:
        return 0.0
    if trains.shape[1] > 0 and seconds >= trains[0, qubit]:
        seconds -= trains[2, qubit]
        pulses = trains[1, qubit] * _count(x | z)
        return pulses + seconds * relaxation[qubit] * (_count(x) / 2.0 + _count(z & ~x))
    return seconds * (dephasing[qubit] * _count(x) + relaxation[qubit] * _count(z & ~x))


@inner_machine_code
def price(
    native: NDArray[np.int64],
    length: int,
    lists: NDArray[np.int64],
    delays: NDArray[np.float64],
    tables: DeviceTables,
    first_x: NDArray[np.uint64],
    first_z: NDArray[np.uint64],
    sweep: Sweep,
    limit: float,
) -> tuple[float, int]:
    """Sum of -log over all strings, and two-qubit layers.

    Args:
        native: a program without conditions, as
            :func:`backends.compiling.protocol.core.native.lowering.lower` writes it, shape (rows at
            most, 4).
        length: its rows.
        lists: qubits of barriers, int64.
        delays: lengths of delays in seconds, float64.
        tables: the device.
        first_x: strings with an X part, by the bit into which a qubit is read; bit s stands for
            string s, uint64.
        first_z: the same for Z.
        sweep: scratch memory; overwritten.
        limit: no sum above it is of interest: the pass may stop there.

    Returns:
        The sum and the layers; (-1, 0) if a string vanishes even without noise.
    """
    zero = np.uint64(0)
    x, z, free_from = sweep.x, sweep.z, sweep.free_from
    starts, depth = sweep.starts, sweep.depth
    gate_loss, gate_seconds = tables.gate_loss, tables.gate_seconds
    dephasing, relaxation, trains = tables.dephasing_rate, tables.relaxation_rate, tables.trains
    for q in range(len(x)):
        x[q] = zero
        z[q] = zero
        free_from[q] = 0.0
        starts[q] = -1.0
        depth[q] = 0
    total = 0.0
    deepest = 0
    for k in range(length - 1, -1, -1):
        kind, a, b = native[k, 0], native[k, 1], native[k, 2]
        if CZ <= kind <= ECR:
            seconds = gate_seconds[a, b]
            end = max(free_from[a], free_from[b])
            level = max(depth[a], depth[b]) + 1
            deepest = max(deepest, level)
            for q in (a, b):
                if starts[q] >= 0.0:
                    total += _wait(relaxation, dephasing, trains, q, end - starts[q], x[q], z[q])
                starts[q] = end + seconds
                free_from[q] = end + seconds
                depth[q] = level
            total += gate_loss[a, b] * _count(x[a] | z[a] | x[b] | z[b])
            if kind == CZ:
                z[a] ^= x[b]
                z[b] ^= x[a]
            else:
                if kind == ECR:
                    z[a] ^= x[a]
                    x[b] ^= z[b]
                x[b] ^= x[a]
                z[a] ^= z[b]
            if total > limit:
                return total, deepest
        elif kind == BARRIER:
            latest, level = 0.0, 0
            for i in range(a, a + b):
                latest = max(latest, free_from[lists[i]])
                level = max(level, depth[lists[i]])
            for i in range(a, a + b):
                q = lists[i]
                if trains.shape[1] > 0 and starts[q] >= 0.0:
                    # A train crosses no barrier: each part of a wait is one of its own.
                    total += _wait(relaxation, dephasing, trains, q, latest - starts[q], x[q], z[q])
                    starts[q] = latest
                free_from[q] = latest
                depth[q] = level
        elif kind == DELAY:
            free_from[a] += delays[b]
        elif kind == GIVEN:
            x[a] = zero
            z[a] = zero
        elif kind != LETTERS:
            if kind != TURN:
                end = free_from[a]
                if starts[a] >= 0.0:
                    total += _wait(relaxation, dephasing, trains, a, end - starts[a], x[a], z[a])
                if kind == PULSE:
                    end += tables.pulse_seconds[a]
                    total += tables.pulse_loss[a] * _count(x[a] | z[a])
                elif kind == MEASURE:
                    end += tables.readout_seconds[a]
                    total += tables.readout_loss[a] * _count(first_x[b] | first_z[b])
                else:
                    end += tables.readout_seconds[a] + tables.pulse_seconds[a]
                    total += tables.readout_loss[a] * _count(z[a])
                starts[a] = -1.0 if kind == RESET else end
                free_from[a] = end
            if kind == MEASURE:
                x[a] = first_x[b]
                z[a] = first_z[b]
            elif kind == RESET:
                if x[a] != zero:
                    return -1.0, deepest
                z[a] = zero
            elif b != 0:
                m = PULL_BACK[b]
                old_x, old_z = x[a], z[a]
                x[a] = (old_x if m[0] else zero) ^ (old_z if m[1] else zero)
                z[a] = (old_x if m[2] else zero) ^ (old_z if m[3] else zero)
    for q in range(len(x)):
        if x[q] != zero:
            return -1.0, deepest
    return total, deepest
