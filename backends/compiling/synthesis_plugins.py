"""The protocol's gates for Qiskit's transpiler: plugins of high-level synthesis.

Installed with the project (entry points ``qiskit.synthesis``), so that a plain
:func:`qiskit.transpile` finds them::

    transpile(circuit, target=target, hls_config=HLSConfig(encrypt=["tree"], decrypt=["pairs"]))

Both give the same unitary as the gates' definitions, phase included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import CouplingMap, Target
from qiskit.transpiler.passes.synthesis.plugin import HighLevelSynthesisPlugin

from backends.compiling.tree_synthesis import (
    adjacency,
    best_tree,
    decryption_by_pairs,
    encryption,
    line,
)
from experiments.gates import DecryptGate, EncryptGate


class TreeEncryption(HighLevelSynthesisPlugin):
    """``encrypt.tree``: U_enc on a tree of neighbours.

    After layout the tree is one of the couplings of the gate's own qubits. Before it, it is the
    best tree of that size that the device has, for the layout to find again; with no device, the
    best one of qubits that are all joined. Where the gate's qubits are not connected, it is a line.
    """

    def run(
        self,
        high_level_object: Any,
        coupling_map: CouplingMap | None = None,
        target: Target | None = None,
        qubits: Sequence[int] | None = None,
        **options: Any,
    ) -> QuantumCircuit | None:
        """Synthesize an :class:`EncryptGate`; None for anything else."""
        if not isinstance(high_level_object, EncryptGate):
            return None
        size = high_level_object.num_qubits
        if coupling_map is None and target is not None:
            coupling_map = target.build_coupling_map()
        if coupling_map is None:
            return _anywhere(tuple((a, b) for a in range(size) for b in range(a)), size)
        edges = tuple(sorted({(min(e), max(e)) for e in coupling_map.get_edges()}))
        if qubits is None:
            return _anywhere(edges, size)
        tree = best_tree(adjacency(edges, qubits), size)
        if tree is None:
            return encryption(line(size))
        return encryption(tree.numbered({qubit: k for k, qubit in enumerate(qubits)}))


@lru_cache(maxsize=64)
def _anywhere(edges: tuple[tuple[int, int], ...], size: int) -> QuantumCircuit:
    """U_enc on the best tree of this size, wherever it stands."""
    nodes = sorted({node for edge in edges for node in edge})
    tree = best_tree(adjacency(edges, nodes), size)
    if tree is None:
        return encryption(line(size))
    return encryption(tree.numbered({node: k for k, node in enumerate(tree.nodes)}))


class PairsDecryption(HighLevelSynthesisPlugin):
    """``decrypt.pairs``: U_dec in half the depth, the key qubits taken two at a time."""

    def run(
        self,
        high_level_object: Any,
        coupling_map: CouplingMap | None = None,
        target: Target | None = None,
        qubits: Sequence[int] | None = None,
        **options: Any,
    ) -> QuantumCircuit | None:
        """Synthesize a :class:`DecryptGate`; None for anything else, and for clone A."""
        if not isinstance(high_level_object, DecryptGate) or high_level_object.clone == 0:
            return None
        return decryption_by_pairs(high_level_object.n, high_level_object.clone)
