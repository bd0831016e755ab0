"""Encryption and decryption as Qiskit gates with a definition.

Both gates are Clifford, so their definitions hold nothing but H, S, √X, CX and CZ:
they draw, export and synthesize like any other gate.

Sources: Yamaguchi & Kempf, PRL 136, 010801 (arXiv:2501.02757), for the protocol;
Yamaguchi et al., arXiv:2602.10695, for its use on processors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

from qiskit.circuit import Gate, QuantumCircuit

MINIMUM_SIGNALS = 2
"""The smallest cloning parameter n for which a single signal qubit carries no information."""


def require_signals(n: int) -> None:
    """Raise ``ValueError`` unless ``n`` is a cloning parameter of the protocol."""
    if n < MINIMUM_SIGNALS:
        raise ValueError(
            f"n = {n} signal qubits: the protocol needs n >= {MINIMUM_SIGNALS}, because with "
            "one signal qubit the clone is not encrypted; give n = 2 or more"
        )


def require_clone(n: int, clone: int) -> None:
    """Raise ``ValueError`` unless clone ``clone`` exists for ``n`` signal qubits."""
    require_signals(n)
    if clone == 0 and n % 2 == 1:
        raise ValueError(
            f"clone = 0 (the input qubit A) with n = {n}: A is an encrypted clone for even n "
            f"only; choose a clone from 1 to {n}, or an even n"
        )
    if not 0 <= clone <= n:
        lowest = 0 if n % 2 == 0 else 1
        raise ValueError(
            f"clone = {clone} with n = {n}: there is no such clone; choose one from {lowest} to {n}"
        )


def clones_of(n: int) -> range:
    """Indices of all clones for ``n`` signal qubits; A is one of them (clone 0) for even n.

    >>> list(clones_of(2)), list(clones_of(3))
    ([0, 1, 2], [1, 2, 3])
    """
    require_signals(n)
    return range(n % 2, n + 1)


Clones = Iterable[int] | Literal["all"]
"""Indices of the clones to decrypt, or ``all``."""


def sizes_and_clones(sizes: Iterable[int], clones: Clones) -> list[tuple[int, int]]:
    """All pairs (n, clone), n varying slowest.

    >>> sizes_and_clones([2, 3], "all")
    [(2, 0), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
    """
    if clones == "all":
        return [(n, clone) for n in sizes for clone in clones_of(n)]
    chosen = tuple(clones)
    return [(n, int(clone)) for n in sizes for clone in chosen]


class EncryptGate(Gate):
    r"""U_enc = exp(-iπ/4 X⊗…⊗X) · exp(-iπ/4 Z⊗…⊗Z) on the n+1 qubits (A, S_1 … S_n).

    The Z factor acts first (arXiv:2501.02757, eq. 3). Each factor computes the
    parity of a chain of qubits at its middle by CX gates from both ends, rotates the middle qubit,
    and undoes the CX gates: 4n CX gates in all, in a depth of about 2n + 4.

    >>> EncryptGate(2).num_qubits, EncryptGate(2).definition.count_ops()["cx"]
    (3, 8)

    Args:
        n: number of signal qubits, n >= 2.

    Raises:
        ValueError: if n < 2.
    """

    def __init__(self, n: int) -> None:
        require_signals(n)
        super().__init__("encrypt", n + 1, [])
        self.n = n

    def _define(self) -> None:
        # S = e^{iπ/4} exp(-iπ/4 Z) and SX = e^{iπ/4} exp(-iπ/4 X), hence the phase.
        circuit = QuantumCircuit(self.num_qubits, name=self.name, global_phase=-math.pi / 2)
        middle = self.num_qubits // 2
        # The shorter chain first: four layers fewer for odd n.
        toward = [(k, k - 1) for k in range(self.num_qubits - 1, middle, -1)]
        toward += [(k, k + 1) for k in range(middle)]
        _conjugate(circuit, toward, lambda c: c.s(middle))
        _conjugate(circuit, [(b, a) for a, b in toward], lambda c: c.sx(middle))
        self.definition = circuit


class DecryptGate(Gate):
    r"""U_dec of one clone with the whole key.

    For ``clone`` j from 1 to n the gate acts on (S_j, N_1 … N_n) and equals
    Σ_μ α_μ |φ_μ><φ_μ|_{S_j N_j} ⊗ (⊗_{i≠j} σ_μ^T on N_i) with α = (1, i, -i^{n+1}, i)
    up to a global phase (arXiv:2501.02757, eq. 7): a star of 2(n-1) controlled gates that
    all commute, between a two-qubit change of basis and its inverse.

    For ``clone`` 0 (n even only) it acts on (A, N_1 … N_n): noise qubits are paired, one CX
    gathers both key bits of a pair on separate qubits, and each corrects A by a controlled
    Pauli; 3n/2 two-qubit gates.

    Afterwards the first qubit holds the input.

    >>> DecryptGate(3, clone=2).num_qubits
    4

    Args:
        n: number of signal qubits, n >= 2.
        clone: which clone is decrypted; 0 stands for A.

    Raises:
        ValueError: if n < 2 or there is no such clone.
    """

    def __init__(self, n: int, clone: int = 1) -> None:
        require_clone(n, clone)
        super().__init__("decrypt", n + 1, [], label=f"decrypt[{clone}]")
        self.n = n
        self.clone = clone

    def _define(self) -> None:
        build = _decrypt_input_qubit if self.clone == 0 else _decrypt_signal_qubit
        self.definition = build(self.n, self.clone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecryptGate) and (self.n, self.clone) == (other.n, other.clone)


def _decrypt_signal_qubit(n: int, clone: int) -> QuantumCircuit:
    circuit = QuantumCircuit(n + 1, name="decrypt")
    signal, partner = 0, clone
    others = [i for i in range(1, n + 1) if i != partner]
    circuit.h(partner)
    circuit.cz(signal, partner)
    circuit.h([signal, partner])
    for other in others:
        circuit.cx(partner, other)
        circuit.cz(signal, other)
    circuit.s([signal, partner])
    if n % 2 == 1:
        circuit.cz(signal, partner)
    circuit.h([signal, partner])
    circuit.cz(signal, partner)
    circuit.h(partner)
    return circuit


def _decrypt_input_qubit(n: int, clone: int) -> QuantumCircuit:
    # X_A Z…Z shows Y of the input and Z_A Y…Y shows X (docs/physics.md).
    circuit = QuantumCircuit(n + 1, name="decrypt")
    circuit.h(0)
    circuit.sxdg(0)
    pairs = [(i, i + 1) for i in range(1, n + 1, 2)]
    for first, second in pairs:
        circuit.sdg([first, second])
        circuit.cx(first, second)
        circuit.h(first)
    for first, second in pairs:
        circuit.cx(second, 0)
        circuit.cy(first, 0)
    # The signs of the two stabilizers alternate with n/2.
    if n % 4 == 2:
        circuit.z(0)
    else:
        circuit.x(0)
    return circuit


def _conjugate(
    circuit: QuantumCircuit,
    edges: list[tuple[int, int]],
    centre: Callable[[QuantumCircuit], object],
) -> None:
    """Append CX over ``edges``, then ``centre``, then the same CX in reverse."""
    for control, target in edges:
        circuit.cx(control, target)
    centre(circuit)
    for control, target in reversed(edges):
        circuit.cx(control, target)
