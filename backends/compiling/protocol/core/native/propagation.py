"""Backward propagation of Pauli strings: the inner loop of every score.

The mean of a correlator under Pauli noise is a product, one factor for each gate, idle or readout
that its string touches. Going backwards through a circuit also schedules it, since everything
happens as late as possible.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.frames import PULL_BACK
from backends.compiling.protocol.core.native.tables import CZ, ECR, ISWAP, RXX, RZZ, DeviceTables

PULSE, TURN, MEASURE, BARRIER, CONDITIONAL, RESET, DELAY, LETTERS = 0, 1, 5, 6, 7, 8, 9, 10
GIVEN = 11
"""Kinds of rows of a native program, beside the two-qubit gates of :mod:`tables`.

(kind, a, b, c): ``PULSE`` on qubit a with permutation b; ``TURN``, a virtual one, c = 1 if it
starts the life of a qubit; two-qubit gates on (a, b); ``MEASURE`` of qubit a into bit b;
``BARRIER`` on list[a : a + b]; ``CONDITIONAL`` Pauli of axis b on qubit a if the bits list[c + 1 :
c + 1 + list[c]] are odd; ``RESET`` of a; ``DELAY`` of a for delays[b] seconds, without dephasing
if c = 1; ``LETTERS``: the strings start on qubit a here, with the letters given beforehand in x[a],
z[a]; ``GIVEN``: qubit a is in any pure state here, whose component a string shows.
"""

GATE_CAUSE, IDLE_CAUSE, READOUT_CAUSE = 0, 1, 2


class _Waiting(NamedTuple):
    """What waits cost; the whole device would take longer to hand over than the rest takes.

    Attributes:
        losses: shape (3, strings); what is charged is added, by cause.
        relaxation_rate: of each qubit, per second.
        dephasing_rate: likewise.
        trains: of the device; see :class:`DeviceTables`.
        calm: of each qubit, seconds of its wait in which nothing dephases; charged once.
        strings: how many there are.
    """

    losses: NDArray[np.float64]
    relaxation_rate: NDArray[np.float64]
    dephasing_rate: NDArray[np.float64]
    trains: NDArray[np.float64]
    calm: NDArray[np.float64]
    strings: int


@inner_machine_code
def _lose(
    losses: NDArray[np.float64], cause: int, touched: np.uint64, loss: float, strings: int
) -> None:
    if loss == 0.0 or touched == np.uint64(0):
        return
    for s in range(strings):
        if (touched >> np.uint64(s)) & np.uint64(1):
            losses[cause, s] += loss


@machine_code
def propagate(
    rows: NDArray[np.int64],
    lists: NDArray[np.int64],
    delays: NDArray[np.float64],
    tables: DeviceTables,
    x: NDArray[np.uint64],
    z: NDArray[np.uint64],
    bits: NDArray[np.uint64],
    losses: NDArray[np.float64],
) -> np.uint64:
    """Take up to 64 strings back through a native program.

    Args:
        rows: the program, shape (rows, 4), int64; see :data:`PULSE`.
        lists: qubits of barriers and bits of conditions, int64.
        delays: lengths of delays in seconds, float64.
        tables: the device.
        x: bit s of x[q] tells whether string s has an X part on qubit q where it starts, at the
            row ``LETTERS``; shape (device qubits,), uint64; overwritten.
        z: the same for Z; overwritten.
        bits: the same for classical bits, shape (bits,), uint64; overwritten.
        losses: shape (3, strings), float64; the losses are added, by cause.

    Returns:
        The strings whose mean is zero even without noise, as a mask.
    """
    zero = np.uint64(0)
    strings = losses.shape[1]
    first_x, first_z = x.copy(), z.copy()
    x[:] = zero
    z[:] = zero
    free_from = np.zeros(len(x))  # seconds before the end; the constraint on earlier operations
    starts = np.full(len(x), -1.0)  # start of the next real operation, -1 if none follows
    trains = tables.trains
    calm = np.zeros(len(x))  # seconds of the wait before that in which nothing dephases
    waiting = _Waiting(losses, tables.relaxation_rate, tables.dephasing_rate, trains, calm, strings)
    bit_from = np.zeros(max(1, len(bits)))
    vanished = zero
    for k in range(len(rows) - 1, -1, -1):
        kind, a, b, c = rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3]
        if kind == BARRIER:
            latest = 0.0
            for i in range(a, a + b):
                latest = max(latest, free_from[lists[i]])
            for i in range(a, a + b):
                q = lists[i]
                if trains.shape[1] > 0 and starts[q] >= 0.0:
                    # A train crosses no barrier: each part of a wait is one of its own.
                    _wait(waiting, q, latest - starts[q], x[q], z[q])
                    starts[q] = latest
                free_from[q] = latest
            continue
        if kind == TURN:
            if c == 1:
                end = free_from[a]
                if starts[a] >= 0.0:
                    _wait(waiting, a, end - starts[a], x[a], z[a])
                starts[a] = end
            if b != 0:
                m = PULL_BACK[b]
                old_x, old_z = x[a], z[a]
                x[a] = (old_x if m[0] else zero) ^ (old_z if m[1] else zero)
                z[a] = (old_x if m[2] else zero) ^ (old_z if m[3] else zero)
            continue
        if CZ <= kind <= ECR or ISWAP <= kind <= RXX:
            seconds = tables.gate_seconds[a, b]
            end = max(free_from[a], free_from[b])
            for q in (a, b):
                if starts[q] >= 0.0:
                    _wait(waiting, q, end - starts[q], x[q], z[q])
                starts[q] = end + seconds
                free_from[q] = end + seconds
            touched = x[a] | z[a] | x[b] | z[b]
            _lose(losses, GATE_CAUSE, touched, tables.gate_loss[a, b], strings)
            if kind == CZ:
                z[a] ^= x[b]
                z[b] ^= x[a]
            elif kind == RZZ:
                turned = x[a] ^ x[b]
                z[a] ^= turned
                z[b] ^= turned
            elif kind == RXX:
                turned = z[a] ^ z[b]
                x[a] ^= turned
                x[b] ^= turned
            elif kind == ISWAP:
                turned = x[a] ^ x[b]
                x[a], x[b] = x[b], x[a]
                z[a], z[b] = z[b] ^ turned, z[a] ^ turned
            else:
                if kind == ECR:
                    z[a] ^= x[a]
                    x[b] ^= z[b]
                x[b] ^= x[a]
                z[a] ^= z[b]
            continue
        if kind == CONDITIONAL:
            seconds = 0.0 if b == 2 else tables.pulse_seconds[a]
            count = lists[c]
            end = free_from[a]
            for i in range(c + 1, c + 1 + count):
                end = max(end, bit_from[lists[i]])
            if starts[a] >= 0.0:
                _wait(waiting, a, end - starts[a], x[a], z[a])
            starts[a] = end + seconds
            free_from[a] = end + seconds
            for i in range(c + 1, c + 1 + count):
                bit_from[lists[i]] = end + seconds
            flipped = z[a] if b == 0 else (x[a] if b == 2 else x[a] ^ z[a])
            if b != 2:
                _lose(losses, GATE_CAUSE, x[a] | z[a], tables.pulse_loss[a], strings)
            for i in range(c + 1, c + 1 + count):
                bits[lists[i]] ^= flipped
            continue
        if kind == LETTERS:
            x[a] = first_x[a]
            z[a] = first_z[a]
            continue
        if kind == GIVEN:
            x[a] = zero
            z[a] = zero
            continue
        if kind == DELAY:
            # Nothing but time: the idle is charged from operation to operation.
            free_from[a] += delays[b]
            if c == 1:
                calm[a] += delays[b]
            continue
        end = free_from[a]
        if kind == MEASURE:
            seconds = tables.readout_seconds[a]
            end = max(end, bit_from[b])
            bit_from[b] = end + seconds
        elif kind == RESET:
            seconds = tables.readout_seconds[a] + tables.pulse_seconds[a]
        else:
            seconds = tables.pulse_seconds[a]
        if starts[a] >= 0.0:
            _wait(waiting, a, end - starts[a], x[a], z[a])
        starts[a] = end + seconds
        free_from[a] = end + seconds
        if kind == MEASURE:
            vanished |= x[a]
            _lose(losses, READOUT_CAUSE, bits[b], tables.readout_loss[a], strings)
            z[a] ^= bits[b]
            bits[b] = zero
        elif kind == RESET:
            _lose(losses, READOUT_CAUSE, z[a], tables.readout_loss[a], strings)
            vanished |= x[a]
            x[a] = zero
            z[a] = zero
            starts[a] = -1.0
        else:
            _lose(losses, GATE_CAUSE, x[a] | z[a], tables.pulse_loss[a], strings)
            if b != 0:
                m = PULL_BACK[b]
                old_x, old_z = x[a], z[a]
                x[a] = (old_x if m[0] else zero) ^ (old_z if m[1] else zero)
                z[a] = (old_x if m[2] else zero) ^ (old_z if m[3] else zero)
    for q in range(len(x)):
        vanished |= x[q]
    return vanished


@inner_machine_code
def _wait(waiting: _Waiting, qubit: int, seconds: float, x: np.uint64, z: np.uint64) -> None:
    """Charge a wait; without dephasing for the seconds of ``calm``, or between a train's pulses."""
    losses, trains, strings = waiting.losses, waiting.trains, waiting.strings
    relaxation, dephasing = waiting.relaxation_rate, waiting.dephasing_rate
    refocused = waiting.calm[qubit]
    waiting.calm[qubit] = 0.0
    if seconds <= 0.0:
        return
    if trains.shape[1] > 0 and seconds >= trains[0, qubit]:
        _lose(losses, GATE_CAUSE, x | z, trains[1, qubit], strings)
        seconds -= trains[2, qubit]
        refocused = seconds
    exposed = (seconds - refocused) * dephasing[qubit] + refocused * relaxation[qubit] / 2.0
    _lose(losses, IDLE_CAUSE, x, exposed, strings)
    _lose(losses, IDLE_CAUSE, z & ~x, seconds * relaxation[qubit], strings)
