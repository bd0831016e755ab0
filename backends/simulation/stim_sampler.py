"""The default simulator: stim's stabilizer simulation, thousands of shots in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise import build_noisy_circuit, replace_outcomes
from backends.simulation.noise_models import CALIBRATION, NoiseModel
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.non_pauli_readout import NonPauliReadoutLaw


def sample(
    circuit: QuantumCircuit,
    snapshot: DeviceSnapshot | None,
    shots: int,
    seed: int,
    model: NoiseModel = CALIBRATION,
) -> BitArray:
    """Sample a Clifford circuit, non-Pauli readouts allowed, under the snapshot's noise.

    Equal seeds give equal shots on one machine and version of stim; processors with other
    vector widths draw other shots of the same distribution.

    Raises:
        NotClifford: if the circuit is not Clifford up to non-Pauli readouts.
    """
    noisy = build_noisy_circuit(tuple(steps(circuit)), snapshot, model=model)
    # stim takes seeds below 2^63.
    records = noisy.circuit.compile_sampler(seed=seed % 2**63).sample(shots)
    # A bit that nothing writes is 0.
    outcomes = np.zeros((shots, circuit.num_clbits), dtype=bool)
    for bit, record in noisy.record_of.items():
        outcomes[:, bit] = records[:, record]
    if noisy.law:
        bits = [readout.bit for readout in noisy.law.read]
        draw = np.random.default_rng(seed)
        outcomes[:, bits] ^= _draw_non_pauli_outcomes(records, noisy.law, noisy.joint, draw)
    replace_outcomes(outcomes, noisy.asymmetries, seed)
    return BitArray.from_bool_array(outcomes, order="little")


def _draw_non_pauli_outcomes(
    records: NDArray[np.bool_],
    law: NonPauliReadoutLaw,
    joint: Sequence[int],
    draw: np.random.Generator,
) -> NDArray[np.bool_]:
    """Draw outcomes of non-Pauli readouts from their exact law.

    Args:
        records: measurement records, shape (shots, records), bool.
        law: the outcome law without noise.
        joint: as in :class:`~backends.simulation.noise.NoisyCircuit`.
        draw: source of random numbers.

    Returns:
        Outcomes, shape (shots, readouts), bool.
    """
    shots, number = len(records), len(law.read)
    means = np.zeros(shots)
    if joint:
        *pairs, product = joint
        first = np.zeros((shots, 1), dtype=bool)
        b = np.hstack([first, records[:, pairs]])
        signs = 1.0 - 2.0 * records[:, product]
        means = signs * np.cos((1.0 - 2.0 * b) @ np.array(law.radians))
    outcomes = draw.integers(0, 2, size=(shots, number), dtype=np.uint8).astype(bool)
    odd = draw.random(shots) >= (1.0 + means) / 2.0
    outcomes[:, -1] = odd ^ np.bitwise_xor.reduce(outcomes[:, :-1], axis=1)
    return outcomes
