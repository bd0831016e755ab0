"""Two-qubit Cliffords as circuits with the fewest native entangling gates.

Up to Paulis there are 720 of them. A breadth-first search from the single-qubit Cliffords finds a
word with the fewest entangling gates for each, with single-qubit gates between (they cost little
and are merged later). It works for any Clifford entangler: an iSWAP takes a single native iSWAP,
but two CZ.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product

import stim
from qiskit.circuit import QuantumCircuit

from experiments.stabilizer.clifford import STIM_NAMES

_LOCAL_WORDS = ((), ("h",), ("s",), ("h", "s"), ("s", "h"), ("h", "s", "h"))
"""The six single-qubit Cliffords up to Paulis, in the order of time."""

_PAULIS = {(False, False): "", (True, False): "x", (False, True): "z", (True, True): "y"}

Letter = tuple[str, tuple[int, ...]]
"""A gate and its qubits."""
Word = tuple[Letter, ...]


def shortest_circuit(clifford: stim.Tableau, entangler: str) -> QuantumCircuit:
    """A two-qubit Clifford as single-qubit gates and the fewest entangling gates.

    Args:
        clifford: what the circuit does, up to a phase; qubit k is bit k.
        entangler: a two-qubit gate of :data:`experiments.stabilizer.clifford.STIM_NAMES`.

    Returns:
        A circuit of ``h``, ``s``, Paulis, and the entangling gate under its name there.
    """
    word = _words(entangler)[_up_to_paulis(clifford)]
    circuit = QuantumCircuit(2)
    for name, on in word:
        _append(circuit, name, on)
    # What remains is a Pauli, which determines the signs alone.
    rest = _tableau(word).inverse().then(clifford)
    _, _, _, _, x_signs, z_signs = rest.to_numpy()
    for qubit in range(2):
        # X changes its sign under Z, and Z under X.
        name = _PAULIS[bool(z_signs[qubit]), bool(x_signs[qubit])]
        if name:
            _append(circuit, name, (qubit,))
    return circuit


def _append(circuit: QuantumCircuit, name: str, on: tuple[int, ...]) -> None:
    if name in ("rxx", "rzz"):
        getattr(circuit, name)(math.pi / 2, *on)
    else:
        getattr(circuit, name)(*on)


@lru_cache
def _words(entangler: str) -> dict[bytes, Word]:
    """Clifford up to Paulis → a word with the fewest entangling gates."""
    local: list[Word] = [
        (*((g, (0,)) for g in a), *((g, (1,)) for g in b))
        for a, b in product(_LOCAL_WORDS, repeat=2)
    ]
    turns = [(word, _tableau(word)) for word in local]
    entangling: Letter = (entangler, (0, 1))
    gate = _tableau((entangling,))
    found: dict[bytes, Word] = {}
    frontier = []
    for word, tableau in turns:
        found[_up_to_paulis(tableau)] = word
        frontier.append((word, tableau))
    while frontier:
        reached = []
        for word, tableau in frontier:
            entangled = tableau.then(gate)
            for turn, turning in turns:
                both = entangled.then(turning)
                key = _up_to_paulis(both)
                if key not in found:
                    found[key] = (*word, entangling, *turn)
                    reached.append((found[key], both))
        frontier = reached
    return found


def _tableau(word: Word) -> stim.Tableau:
    circuit = stim.Circuit("I 0 1")
    for name, on in word:
        circuit.append(STIM_NAMES[name], on)
    return circuit.to_tableau()


def _up_to_paulis(tableau: stim.Tableau) -> bytes:
    x2x, x2z, z2x, z2z, _, _ = tableau.to_numpy()
    return b"".join(part.tobytes() for part in (x2x, x2z, z2x, z2z))
