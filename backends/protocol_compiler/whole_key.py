"""Decryption that leaves the whole key as U_dec does, for whoever goes on to read or use it.

The trees of :mod:`backends.protocol_compiler.decoding` spend the key. Here U_dec itself is routed
from where its qubits stand, by Qiskit.
"""

from __future__ import annotations

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import SabreSwap

from backends.clifford_pass import clifford_optimization
from backends.snapshot import DeviceSnapshot
from backends.tree_synthesis import decryption_by_pairs
from experiments.gates import DecryptGate

_TRIALS = 20


def routed(
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
    target = snapshot.to_target()
    found = []
    for body in _ways(instruction):
        whole = QuantumCircuit(snapshot.num_qubits)
        whole.compose(body, sites, inplace=True)
        passes = PassManager([SabreSwap(target, "decay", seed=0, trials=_TRIALS)])
        passes += clifford_optimization(target)
        circuit = passes.run(whole)
        layout = passes.property_set["final_layout"]
        goes = list(range(snapshot.num_qubits))
        if layout is not None:
            goes = [layout[qubit] for qubit in circuit.qubits]
        found.append((circuit, goes))
    return min(found, key=lambda one: one[0].depth(lambda i: len(i.qubits) == 2))


def _ways(instruction: CircuitInstruction) -> list[QuantumCircuit]:
    gate = instruction.operation
    if not isinstance(gate, DecryptGate):
        alone = QuantumCircuit(len(instruction.qubits))
        alone.append(gate, range(len(instruction.qubits)))
        return [alone]
    ways = [gate.definition]
    if gate.clone > 0:
        ways.append(decryption_by_pairs(gate.n, gate.clone))
    return ways
