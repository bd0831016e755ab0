"""The exact score of a compiled circuit, and where its fidelity goes.

Without shots and without error analysis: each correlator's Pauli string is taken back through the
circuit (:mod:`~backends.compiling.protocol.core.native.propagation`), which costs microseconds. The
numbers are those of :mod:`backends.simulation.prediction` if readouts are wrong for |0> as often as
for |1>, which the tests compare; asymmetric readouts count by their mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from backends.compiling.protocol.core.native import frames
from backends.compiling.protocol.core.native.propagation import (
    BARRIER,
    CONDITIONAL,
    DELAY,
    GATE_CAUSE,
    IDLE_CAUSE,
    MEASURE,
    PULSE,
    READOUT_CAUSE,
    RESET,
    TURN,
    propagate,
)
from backends.compiling.protocol.core.native.tables import ENTANGLER_ROWS, device_tables
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.pulse_trains import find_trains
from experiments.settings import Check, Setting, products
from experiments.stabilizer.clifford import Step, steps

_STRINGS_AT_ONCE = 64

_PERMUTATIONS = {
    "id": frames.IDENTITY,
    "x": frames.IDENTITY,
    "y": frames.IDENTITY,
    "z": frames.IDENTITY,
    "s": frames.SWAP_XY,
    "sdg": frames.SWAP_XY,
    "h": frames.SWAP_XZ,
    "sx": frames.SWAP_YZ,
    "sxdg": frames.SWAP_YZ,
}


@dataclass(frozen=True, slots=True)
class Losses:
    """What shrinks a correlator: its mean is exp(-total), up to a sign.

    Attributes:
        gates: -log of the factor due to gates.
        idling: of that due to relaxation and dephasing while qubits wait.
        readout: of that due to wrong outcomes.
    """

    gates: float
    idling: float
    readout: float

    @property
    def total(self) -> float:
        """-log of the correlator; infinite where it is zero without any noise."""
        return self.gates + self.idling + self.readout

    @property
    def mean(self) -> float:
        """The correlator."""
        return math.exp(-self.total)


def setting_score(
    setting: Setting,
    circuit: QuantumCircuit,
    snapshot: DeviceSnapshot,
    *,
    refocusing: bool = False,
) -> tuple[float, tuple[Losses, ...]]:
    """Probability that a shot of a compiled setting succeeds, exactly, and why it is not 1.

    Args:
        setting: its checks must be certain without noise.
        circuit: the setting compiled for the device, read in Pauli bases.
        snapshot: the calibration.
        refocusing: whether pulse trains are assumed to refocus dephasing, an upper bound.

    Returns:
        The probability, and the losses of each product of checks.

    Raises:
        NotClifford: if the circuit is not Clifford.
        DoesNotFit: if it is not native to the device.
    """
    losses = parity_losses(
        tuple(steps(circuit)), products(setting.checks), snapshot, refocusing=refocusing
    )
    return (1.0 + sum(one.mean for one in losses)) / 2 ** len(setting.checks), losses


def parity_losses(
    operations: Sequence[Step],
    checks: Sequence[Check],
    snapshot: DeviceSnapshot,
    *,
    refocusing: bool = False,
) -> tuple[Losses, ...]:
    """What each parity of outcomes loses to gates, idling and readout.

    With ``refocusing`` pulse trains are assumed to refocus all dephasing between their pulses.

    A parity that is a fair coin without noise has infinite losses.

    Raises:
        NotClifford: if the circuit is not Clifford.
        DoesNotFit: if it is not native to the device.
    """
    calm = {k for train in find_trains(operations) for k in train.delays} if refocusing else set()
    rows, lists, delays = _rows(operations, snapshot, calm)
    clbits = 1 + max(
        (b for s in operations for b in (*s.clbits, *s.condition)),
        default=max((b for c in checks for b in c.bits), default=0),
    )
    tables = device_tables(snapshot)
    found: list[Losses] = []
    for first in range(0, len(checks), _STRINGS_AT_ONCE):
        chosen = checks[first : first + _STRINGS_AT_ONCE]
        bits = np.zeros(clbits, dtype=np.uint64)
        for s, check in enumerate(chosen):
            for bit in check.bits:
                bits[bit] |= np.uint64(1 << s)
        x = np.zeros(snapshot.num_qubits, dtype=np.uint64)
        z = np.zeros(snapshot.num_qubits, dtype=np.uint64)
        losses = np.zeros((3, len(chosen)))
        vanished = int(propagate(rows, lists, delays, tables, x, z, bits, losses))
        found += [
            Losses(math.inf, 0.0, 0.0)
            if vanished >> s & 1
            else Losses(
                float(losses[GATE_CAUSE, s]),
                float(losses[IDLE_CAUSE, s]),
                float(losses[READOUT_CAUSE, s]),
            )
            for s in range(len(chosen))
        ]
    return tuple(found)


def _rows(
    operations: Sequence[Step], snapshot: DeviceSnapshot, calm: Set[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """A compiled circuit as a native program; nothing dephases in the delays of ``calm``."""
    rows: list[tuple[int, int, int, int]] = []
    lists: list[int] = []
    delays: list[float] = []
    for position, step in enumerate(operations):
        name, on = step.name, step.qubits
        if name == "barrier":
            rows.append((BARRIER, len(lists), len(on), 0))
            lists += on
        elif name == "delay":
            rows.append((DELAY, on[0], len(delays), int(position in calm)))
            delays.append(step.seconds)
        elif name == "measure":
            rows.append((MEASURE, on[0], step.clbits[0], 0))
        elif name == "reset":
            rows.append((RESET, on[0], 0, 0))
        elif step.condition:
            pauli = step.clifford_name
            if pauli != "id":
                rows.append((CONDITIONAL, on[0], "xyz".index(pauli), len(lists)))
                lists += [len(step.condition), *step.condition]
        elif len(on) == 2:
            if name != snapshot.entangler or on not in snapshot.working_couplers:
                raise DoesNotFit(
                    f"'{name}' on qubits {on} is not native to device '{snapshot.name}' (its "
                    f"two-qubit gate is '{snapshot.entangler}' on working couplers); compile the "
                    "circuit for this device first"
                )
            rows.append((ENTANGLER_ROWS[name], on[0], on[1], 0))
        elif name == "rz":
            rows.append((TURN, on[0], _PERMUTATIONS[step.clifford_name], 0))
        elif name in ("z", "id"):
            rows.append((TURN, on[0], frames.IDENTITY, 1))
        else:
            rows.append((PULSE, on[0], _PERMUTATIONS[name], 0))
    return (
        np.array(rows, dtype=np.int64).reshape(-1, 4),
        np.array([*lists, 0], dtype=np.int64),
        np.array([*delays, 0.0]),
    )
