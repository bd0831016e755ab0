"""Transpiler passes that optimize Clifford circuits without leaving the Clifford group.

Qiskit's levels 2 and 3 resynthesize two-qubit blocks with general angles though the block is
Clifford, after which neither a stabilizer simulator nor a certificate can follow the circuit.
:class:`CliffordBlocks` does the same job inside the group, with as few entangling gates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import stim
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.converters import circuit_to_dag
from qiskit.dagcircuit import DAGCircuit
from qiskit.quantum_info import Clifford
from qiskit.synthesis import synth_clifford_bm
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.basepasses import TransformationPass
from qiskit.transpiler.passes import (
    BasisTranslator,
    Collect2qBlocks,
    ConsolidateBlocks,
    GateDirection,
    Optimize1qGatesDecomposition,
)

from backends.compiling.two_qubit_cliffords import shortest_circuit

_BUILT_DIRECTLY = ("iswap", "rzz", "rxx")
_SYMMETRIC = ("cz", *_BUILT_DIRECTLY)


class CliffordBlocks(TransformationPass):
    """Replace every two-qubit ``unitary`` node by a Clifford circuit with few entangling gates.

    Expects that :class:`Collect2qBlocks` and :class:`ConsolidateBlocks` ran before. A block
    needs at most three CZ (Bravyi & Maslov, arXiv:2003.09412), or three of any other entangler.

    Args:
        entangler: the entangling gate to use; ``cz`` also for gates that CZ is translated to.
    """

    def __init__(self, entangler: str = "cz") -> None:
        super().__init__()
        self.entangler = entangler

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Run the pass on ``dag`` in place."""
        for node in dag.op_nodes():
            if node.op.name == "unitary" and len(node.qargs) == 2:
                tableau = stim.Tableau.from_unitary_matrix(node.op.to_matrix(), endian="little")
                x2x, x2z, z2x, z2z, x_signs, z_signs = tableau.to_numpy()
                rows = np.vstack(
                    [
                        np.hstack([x2x, x2z, x_signs[:, None]]),
                        np.hstack([z2x, z2z, z_signs[:, None]]),
                    ]
                )
                dag.substitute_node_with_dag(node, _synthesized(rows.tobytes(), self.entangler))
        return dag


@lru_cache(maxsize=12_000)  # the two-qubit Clifford group has 11,520 elements
def _synthesized(rows: bytes, entangler: str) -> DAGCircuit:
    if entangler != "cz":
        table = np.frombuffer(rows, dtype=bool).reshape(4, 5)
        tableau = stim.Tableau.from_numpy(
            x2x=table[:2, :2],
            x2z=table[:2, 2:4],
            z2x=table[2:, :2],
            z2z=table[2:, 2:4],
            x_signs=table[:2, 4],
            z_signs=table[2:, 4],
        )
        return circuit_to_dag(shortest_circuit(tableau, entangler))
    clifford = Clifford(np.frombuffer(rows, dtype=bool).reshape(4, 5))
    circuit = QuantumCircuit(2)
    for instruction in synth_clifford_bm(clifford).decompose("swap").data:
        on = [instruction.qubits[0]._index, instruction.qubits[-1]._index]
        if instruction.operation.name == "cx":
            circuit.h(on[1])
            circuit.cz(*on)
            circuit.h(on[1])
        else:
            circuit.append(instruction.operation, on[:1])
    return circuit_to_dag(circuit)


def clifford_optimization(target: Target) -> PassManager:
    """The optimization stage for Clifford circuits that are routed for ``target``."""
    return PassManager(
        [
            Collect2qBlocks(),
            ConsolidateBlocks(force_consolidate=True, target=target),
            CliffordBlocks(_entangler(target)),
            *native_gates(target),
        ]
    )


def _entangler(target: Target) -> str:
    """The gate that blocks are built from: the native one where CZ would take more of them."""
    native = (name for name in _BUILT_DIRECTLY if name in target.operation_names)
    return next(native, "cz")


class NativeOrder(TransformationPass):
    """Write symmetric gates in the direction that the device states.

    Qiskit's :class:`GateDirection` knows no iSWAP.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Reverse gates whose direction the device does not state."""
        for node in dag.two_qubit_ops():
            if node.name in _SYMMETRIC:
                on = tuple(dag.find_bit(q).index for q in node.qargs)
                stated = self.target[node.name]
                if on not in stated and on[::-1] in stated:
                    reversed_gate = DAGCircuit()
                    reversed_gate.add_qubits(node.qargs)
                    reversed_gate.apply_operation_back(node.op, node.qargs[::-1])
                    dag.substitute_node_with_dag(node, reversed_gate, wires=node.qargs)
        return dag


def native_gates(target: Target) -> list[TransformationPass]:
    """Translate to the native gates and merge single-qubit runs to at most two pulses."""
    merge = Optimize1qGatesDecomposition(target=target)
    if "cz" in target.operation_names or _entangler(target) != "cz":
        return [merge, NativeOrder(target)]
    # Reversing a directed gate adds single-qubit gates.
    translate = BasisTranslator(SessionEquivalenceLibrary, None, target=target)
    return [translate, GateDirection(None, target=target), translate, merge]
