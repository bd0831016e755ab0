"""Decryption that leaves the whole key as U_dec does, so that it can be read or used again.

The trees of :mod:`~backends.compiling.protocol.core.trees.decryption` spend the key. Here U_dec
itself is routed by Qiskit from where its qubits are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import SabreSwap

from backends.compiling.clifford_passes import clifford_optimization
from backends.compiling.tree_synthesis import decryption_by_pairs
from backends.devices.snapshot import DeviceSnapshot
from experiments.gates import DecryptGate

_TRIALS, _SEEDS = 20, 4


def route_gate(
    instruction: CircuitInstruction, sites: list[int], snapshot: DeviceSnapshot
) -> tuple[QuantumCircuit, list[int]]:
    """A gate on any qubits of a device, with the exchanges that bring them together.

    Args:
        instruction: a :class:`DecryptGate` or a two-qubit gate.
        sites: where its qubits stand.
        snapshot: the device.

    Returns:
        The shallowest circuit found, on the device's qubits; where what stands on each of them
        goes.
    """
    gate = instruction.operation
    if isinstance(gate, DecryptGate):
        return _decryption(gate.n, gate.clone, tuple(sites), snapshot)
    alone = QuantumCircuit(len(sites))
    alone.append(gate, range(len(sites)))
    return _shallowest([alone], sites, snapshot)


@lru_cache(maxsize=64)  # the settings of a point share it
def _decryption(
    n: int, clone: int, sites: tuple[int, ...], snapshot: DeviceSnapshot
) -> tuple[QuantumCircuit, list[int]]:
    ways = [DecryptGate(n, clone).definition]
    if clone > 0:
        ways.append(decryption_by_pairs(n, clone))
    return _shallowest(ways, sites, snapshot)


def _shallowest(
    ways: Sequence[QuantumCircuit], sites: Sequence[int], snapshot: DeviceSnapshot
) -> tuple[QuantumCircuit, list[int]]:
    target = snapshot.to_target()
    found = []
    for body, seed in product(ways, range(_SEEDS)):
        whole = QuantumCircuit(snapshot.num_qubits)
        whole.compose(body, sites, inplace=True)
        passes = PassManager([SabreSwap(target, "decay", seed=seed, trials=_TRIALS)])
        passes += clifford_optimization(target)
        circuit = passes.run(whole)
        layout = passes.property_set["final_layout"]
        goes = list(range(snapshot.num_qubits))
        if layout is not None:
            goes = [layout[qubit] for qubit in circuit.qubits]
        found.append((circuit, goes))
    return min(found, key=lambda one: one[0].depth(lambda i: len(i.qubits) == 2))
