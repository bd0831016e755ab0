"""Encryption on a tree of coupled qubits, decryption by pairs: fewer gates, same unitary.

With P(v) a Pauli of each factor exp(-iπ/4 P⊗…⊗P) of U_enc and Y one that anticommutes with both, a
gate C(P_c, Y_p) = exp[iπ/4 (1-P)(1-Y)] takes P_p to P_c P_p. Gathering along the edges of a tree
turns the product over all qubits into one of two Paulis at its centre. Both factors use the same Y,
so that the gates of a leaf between them merge: C(X, Y) C(Z, Y) = C(Y, Y) up to a quarter turn. A
leaf edge costs 3 gates, an inner edge 4 and the centre 2, where two ladders take 4 an edge.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qiskit.circuit import QuantumCircuit

Neighbours = Mapping[int, frozenset[int]]
"""Node → nodes with which it may have a two-qubit gate."""

_MOST_CENTRES = 24
_CHILDREN = (1, 2, 3, 10**6)


@dataclass(frozen=True)
class Tree:
    """A tree of qubits.

    Attributes:
        root: one end of its centre edge.
        second: the other end.
        parent: (node, parent) of all nodes but the root, parents before children, ``second`` first.
    """

    root: int
    second: int
    parent: tuple[tuple[int, int], ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        """All nodes, root first, parents before children."""
        return (self.root, *(node for node, _ in self.parent))

    def numbered(self, numbers: Mapping[int, int]) -> Tree:
        """The same tree with its nodes renumbered."""
        pairs = tuple((numbers[node], numbers[up]) for node, up in self.parent)
        return Tree(numbers[self.root], numbers[self.second], pairs)


def line(size: int) -> Tree:
    """The tree of nodes 0, 1, … in a row, with its centre in the middle."""
    middle = (size - 1) // 2
    pairs = [(middle + 1, middle)]
    pairs += [(k, k + 1) for k in range(middle - 1, -1, -1)]
    pairs += [(k, k - 1) for k in range(middle + 2, size)]
    return Tree(middle, middle + 1, tuple(pairs))


def best_tree(neighbours: Neighbours, size: int) -> Tree | None:
    """Find a tree of coupled nodes with a shallow circuit of :func:`encryption`.

    Args:
        neighbours: the coupled nodes.
        size: number of nodes of the tree, at least 2; they are chosen among ``neighbours``.

    Returns:
        The tree, or None if no ``size`` nodes are connected.
    """
    best: tuple[tuple[int, int], Tree] | None = None
    for tree in _trees(neighbours, size):
        circuit = encryption(tree.numbered({node: k for k, node in enumerate(tree.nodes)}))
        cost = (circuit.depth(lambda i: len(i.qubits) == 2), circuit.num_nonlocal_gates())
        if best is None or cost < best[0]:
            best = cost, tree
    return best[1] if best else None


def _trees(neighbours: Neighbours, size: int) -> Iterator[Tree]:
    """Candidate trees around edges with many neighbours, with few or many children a node."""
    edges = {(a, b) for a in neighbours for b in neighbours[a]}
    most_coupled = sorted(edges, key=lambda e: (-len(neighbours[e[0]]) - len(neighbours[e[1]]), e))
    for most in _CHILDREN:
        found = 0
        for root, second in most_coupled:
            tree = _grown(neighbours, size, root, second, most)
            if tree:
                found += 1
                yield tree
            if found == _MOST_CENTRES:
                break


def _grown(neighbours: Neighbours, size: int, root: int, second: int, most: int) -> Tree | None:
    """Grow a tree around an edge, with at most ``most`` children a node; None if it stays small."""
    parent = [(second, root)]
    used = {root, second}
    queue = deque([root, second])
    children = dict.fromkeys(queue, 0)
    while queue and len(used) < size:
        # A child at a time, so that all branches grow evenly.
        node = queue.popleft()
        free = sorted(neighbours[node] - used)
        if not free or children[node] == most:
            continue
        child = free[0]
        used.add(child)
        parent.append((child, node))
        children[node] += 1
        children[child] = 0
        queue += [node, child]
    return Tree(root, second, tuple(parent)) if len(used) == size else None


def encryption(tree: Tree) -> QuantumCircuit:
    """Build U_enc, global phase included, on the nodes of a tree, which are numbered from 0."""
    size = len(tree.nodes)
    circuit = QuantumCircuit(size, name="encrypt")
    above = dict(tree.parent)
    inner = set(above.values()) | {tree.second}
    height = dict.fromkeys(tree.nodes, 0)
    for node, up in reversed(tree.parent):
        height[up] = max(height[up], height[node] + 1)
    below = sorted((n for n, _ in tree.parent if n != tree.second), key=lambda n: height[n])
    for factor in "ZX":
        for node in below:
            if factor == "Z" or node in inner:
                _gather(circuit, factor, node, above[node])
        _centre(circuit, factor, tree.root, tree.second)
        for node in reversed(below):
            if factor == "Z" and node not in inner:
                # Merges the last gate of this factor with the first gate of the next.
                _quarter_turn_back(circuit, above[node])
                _gather(circuit, "Y", node, above[node])
            else:
                _gather(circuit, factor, node, above[node])
    return circuit


_TO_Z = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}
_FROM_Z = {"X": ("h",), "Y": ("h", "s"), "Z": ()}


def _gather(circuit: QuantumCircuit, pauli: str, node: int, onto: int) -> None:
    """C(P, Y) on a node and its parent."""
    for gate in _TO_Z[pauli]:
        getattr(circuit, gate)(node)
    circuit.cy(node, onto)
    for gate in _FROM_Z[pauli]:
        getattr(circuit, gate)(node)


def _centre(circuit: QuantumCircuit, pauli: str, root: int, second: int) -> None:
    """exp(-iπ/4 PP): a CZ in the basis of P, and S on both qubits."""
    for node in (root, second):
        if pauli == "X":
            circuit.h(node)
    circuit.cz(root, second)
    for node in (root, second):
        circuit.s(node)
        if pauli == "X":
            circuit.h(node)
    circuit.global_phase -= math.pi / 4


def _quarter_turn_back(circuit: QuantumCircuit, node: int) -> None:
    """S† in the basis of Y: exp(iπ/4 Y) up to the phase."""
    circuit.h(node)
    circuit.z(node)
    circuit.global_phase -= math.pi / 4


def adjacency(edges: Sequence[tuple[int, int]], nodes: Sequence[int]) -> dict[int, frozenset[int]]:
    """Neighbours of each of ``nodes`` among ``nodes``."""
    kept = set(nodes)
    found: dict[int, set[int]] = {node: set() for node in nodes}
    for a, b in edges:
        if a in kept and b in kept and a != b:
            found[a].add(b)
            found[b].add(a)
    return {node: frozenset(near) for node, near in found.items()}


def decryption_by_pairs(n: int, clone: int) -> QuantumCircuit:
    """Build U_dec of clone S_j, global phase included, in about half the depth of its definition.

    On (S_j, N_1 … N_n). In the definition the partner N_j controls an X, and S_j a Z, on each other
    noise qubit. Between two CX(i, k), one gate of each control acts on both qubits i and k, and the
    two controls work in parallel.

    Raises:
        ValueError: if the clone is A, whose decryption is made of pairs anyway.
    """
    if clone == 0:
        raise ValueError("clone 0: DecryptGate pairs the key qubits of A by itself")
    circuit = QuantumCircuit(n + 1, name="decrypt")
    signal, partner = 0, clone
    others = [i for i in range(1, n + 1) if i != partner]
    pairs = list(zip(others[::2], others[1::2], strict=False))
    circuit.h(partner)
    circuit.cz(signal, partner)
    circuit.h([signal, partner])
    for first, second in pairs:
        circuit.cx(first, second)
    for first, second in pairs:
        circuit.cx(partner, first)
        circuit.cz(signal, second)
    for first, second in pairs:
        circuit.cx(first, second)
    if len(others) % 2:
        circuit.cx(partner, others[-1])
        circuit.cz(signal, others[-1])
    circuit.s([signal, partner])
    if n % 2 == 1:
        circuit.cz(signal, partner)
    circuit.h([signal, partner])
    circuit.cz(signal, partner)
    circuit.h(partner)
    return circuit
