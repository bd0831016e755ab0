"""Reading a logical circuit: where encryption ends, what decryption is, what is read how.

Works on any circuit that is made as those of this project are: registers R, A, S and N, stages
closed by labelled barriers, one :class:`EncryptGate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, QuantumCircuit, Qubit

from backends.protocol_compiler.frames import AXES, SWAP_XY, SWAP_XZ, SWAP_YZ
from backends.protocol_compiler.lowering import GATE, LOCAL
from backends.protocol_compiler.problem import NOTHING, ROWS, TREES, Problem
from experiments.protocol import pauli_frame, recovery_strings

_LOCAL_CODES = {
    "h": SWAP_XZ,
    "s": SWAP_XY,
    "sdg": SWAP_XY,
    "sx": SWAP_YZ,
    "sxdg": SWAP_YZ,
    "x": 0,
    "y": 0,
    "z": 0,
    "id": 0,
}
_AXES_OF = {"cx": (2, 0), "cz": (2, 2), "cy": (2, 1)}
_UNITARY = frozenset({*_LOCAL_CODES, *_AXES_OF, "decrypt"})
_KNOWN = _UNITARY | {"encrypt", "rz", "barrier", "measure", "if_else"}


class NotRecognised(Exception):
    """A circuit that this compiler has no construction for."""


@dataclass(frozen=True, eq=False)
class Recognised:
    """The parts of a logical circuit with one instance of the protocol.

    Attributes:
        circuit: the logical circuit.
        qubits: index in the circuit of R, A, S_1 … S_n, N_1 … N_n.
        encrypted: index of the barrier that closes encryption.
        decoding: [first, last) of the instructions that decrypt, before anything is read.
        last_stage: index of the last labelled barrier.
        problem: what is to be placed.
    """

    circuit: QuantumCircuit
    qubits: tuple[int, ...]
    encrypted: int
    decoding: tuple[int, int]
    last_stage: int
    problem: Problem

    @property
    def n(self) -> int:
        """Signal qubits."""
        return len(self.qubits) // 2 - 1


def recognise(circuits: Sequence[QuantumCircuit]) -> list[Recognised]:
    """Read the settings of one point, which share everything but their readout.

    Raises:
        NotRecognised: if this compiler has no construction for them.
    """
    found = [_parts(circuit) for circuit in circuits]
    beside = any(_reads_together(parts) for parts in found)
    problem = _problem(found[0], beside)
    for parts in found[1:]:
        if describe(_problem(parts, beside)) != describe(problem):
            raise NotRecognised("settings that do not decrypt alike")
    return [Recognised(*parts, problem) for parts in found]


def describe(problem: Problem) -> tuple[object, ...]:
    """What tells two problems apart."""
    return tuple(
        (part.shape, part.tobytes()) if isinstance(part, np.ndarray) else part for part in problem
    )


_Parts = tuple[QuantumCircuit, tuple[int, ...], int, tuple[int, int], int]


def _parts(circuit: QuantumCircuit) -> _Parts:
    registers = {register.name: register for register in circuit.qregs}
    if set(registers) != {"R", "A", "S", "N"}:
        raise NotRecognised(f"registers {', '.join(registers)} are not R, A, S, N")
    qubits = tuple(
        circuit.find_bit(q).index for name in ("R", "A", "S", "N") for q in registers[name]
    )
    names = [(i.name, i.label) for i in circuit.data]
    if names.count(("encrypt", None)) != 1 or ("barrier", "encryption") not in names:
        raise NotRecognised("there is not exactly one encryption")
    start = names.index(("encrypt", None))
    if sum(i.name == "cx" for i in circuit.data[:start]) != len(qubits) // 2:
        raise NotRecognised("the input is not half of a Bell pair")
    if others := {i.name for i in circuit.data} - _KNOWN:
        raise NotRecognised(f"there is more than the protocol: {', '.join(sorted(others))}")
    encrypted = names.index(("barrier", "encryption"))
    last_stage = max(k for k, (name, label) in enumerate(names) if name == "barrier" and label)
    return circuit, qubits, encrypted, _decoding(circuit, encrypted, last_stage), last_stage


def _decoding(circuit: QuantumCircuit, encrypted: int, last_stage: int) -> tuple[int, int]:
    """The run of gates with the last two-qubit gate before the last stage ends."""
    body = circuit.data
    entangling = [
        k
        for k in range(encrypted + 1, last_stage)
        if body[k].name == "decrypt" or (len(body[k].qubits) == 2 and body[k].name in _AXES_OF)
    ]
    if not entangling:
        return last_stage, last_stage
    first = entangling[0]
    while body[first - 1].name in _LOCAL_CODES and first - 1 > encrypted:
        first -= 1
    last = entangling[-1] + 1
    while last < last_stage and body[last].name in _LOCAL_CODES:
        last += 1
    if any(body[k].name not in _UNITARY for k in range(first, last)):
        raise NotRecognised("decryption is interrupted by a readout")
    return first, last


def _reads_together(parts: _Parts) -> bool:
    """Whether a two-qubit gate stands between decryption and readout."""
    circuit, qubits, _, _, last_stage = parts
    number = {circuit.qubits[q]: k for k, q in enumerate(qubits)}
    joint = [i for i in circuit.data[last_stage + 1 :] if len(i.qubits) == 2 and i.name in _AXES_OF]
    for instruction in joint:
        on = sorted(number[q] for q in instruction.qubits)
        if on[0] != 0 or on[1] > len(qubits) // 2:
            raise NotRecognised("a readout that joins other qubits than R and the clone")
    return bool(joint)


def _problem(parts: _Parts, beside: bool) -> Problem:
    circuit, qubits, _, (first, last), last_stage = parts
    pairs = len(qubits) // 2
    number = {circuit.qubits[q]: k for k, q in enumerate(qubits)}
    body = circuit.data[first:last]
    mate = np.full(pairs, -1, dtype=np.int64)
    post: list[tuple[int, int, int, int, int]] = []
    if any(i.name == "decrypt" for i in body):
        if len(body) != 1:
            raise NotRecognised("there is more to decryption than one gate")
        decoding, clone = TREES, int(body[0].operation.clone)
    else:
        decoding, clone = (ROWS if body else NOTHING), _read_clone(circuit, number, last_stage)
        _read_pairs(body, number, pairs, mate, post)
    strings = recovery_strings(pairs - 1, (clone,))
    z, x = ([AXES.index(letter) for letter in strings[p]] for p in "ZX")
    if decoding == TREES:
        double = [i for i in range(1, pairs) if z[i] != x[i]]
        for a, b in zip(double[::2], double[1::2], strict=True):
            mate[a], mate[b] = b, a
    first_x, first_z = _strings(pairs, clone, decoding)
    return Problem(
        pairs,
        clone,
        decoding,
        int(beside),
        mate,
        np.array(post, dtype=np.int64).reshape(-1, 5),
        np.array([0, *z[1:]]),
        np.array([0, *x[1:]]),
        z[0],
        x[0],
        ((first_x | first_z) != 0).astype(np.int64),
        first_x,
        first_z,
        3,
    )


def _read_clone(circuit: QuantumCircuit, number: Mapping[Qubit, int], last_stage: int) -> int:
    """The data qubit that is measured."""
    pairs = len(number) // 2
    read = {number[i.qubits[0]] - 1 for i in circuit.data[last_stage + 1 :] if i.name == "measure"}
    clones = [pair for pair in read if 0 <= pair < pairs]
    if len(clones) != 1:
        raise NotRecognised(f"{len(clones)} clones are read, not one")
    return clones[0]


def _read_pairs(
    body: Sequence[CircuitInstruction],
    number: Mapping[Qubit, int],
    pairs: int,
    mate: NDArray[np.int64],
    post: list[tuple[int, int, int, int, int]],
) -> None:
    """Gates between key qubits, as rows on logical qubits, and who is paired with whom."""
    for instruction in body:
        on = [number[q] for q in instruction.qubits]
        if len(on) == 1:
            post.append((LOCAL, on[0], _LOCAL_CODES[instruction.name], 0, 0))
            continue
        axes = _AXES_OF[instruction.name]
        post.append((GATE, on[0], axes[0], on[1], axes[1]))
        a, b = (k - pairs for k in on)
        if min(a, b) < 1 or mate[a] not in (-1, b) or mate[b] not in (-1, a):
            raise NotRecognised("decryption by other gates than between pairs of key qubits")
        mate[a], mate[b] = b, a


def _strings(
    pairs: int, clone: int, decoding: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The three correlators of R and the clone, as letters at the end of decryption."""
    first_x = np.zeros(2 * pairs, dtype=np.uint64)
    first_z = np.zeros(2 * pairs, dtype=np.uint64)
    strings = recovery_strings(pairs - 1, (clone,))
    frame = pauli_frame(pairs - 1, (clone,))
    for s, pauli in enumerate("ZYX"):
        letters = {0: pauli, 1 + clone: pauli}
        if decoding == NOTHING:
            letters[1 + clone] = strings[pauli][0]
            letters |= {pairs + i: strings[pauli][i] for i in range(1, pairs)}
        elif decoding == ROWS:
            letters |= {pairs + 1 + i: "Z" for i in frame.key[pauli]}
        for qubit, letter in letters.items():
            if letter in "XY":
                first_x[qubit] |= np.uint64(1 << s)
            if letter in "YZ":
                first_z[qubit] |= np.uint64(1 << s)
    return first_x, first_z
