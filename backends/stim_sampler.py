"""The default simulator: stim's stabilizer simulation, thousands of shots in milliseconds."""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.noise import noisy_events, noisy_stim
from backends.snapshot import DeviceSnapshot
from experiments.clifford import steps


def sample(
    circuit: QuantumCircuit, snapshot: DeviceSnapshot | None, shots: int, seed: int
) -> BitArray:
    """Sample a Clifford circuit under the snapshot's noise.

    Equal seeds give equal shots on one machine and version of stim; processors with other
    vector widths draw other shots of the same distribution.

    Raises:
        NotClifford: if the circuit is not Clifford.
    """
    noisy, record_of = noisy_stim(noisy_events(tuple(steps(circuit)), snapshot))
    # stim takes seeds below 2^63.
    records = noisy.compile_sampler(seed=seed % 2**63).sample(shots)
    columns = [record_of[bit] for bit in range(circuit.num_clbits)]
    return BitArray.from_bool_array(records[:, columns], order="little")
