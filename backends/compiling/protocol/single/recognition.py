"""Reading a logical circuit: where encryption ends, what decryption is, what is read how.

Works on any circuit that is made as those of this project are: registers R, A, S and N, stages
closed by labelled barriers, one :class:`EncryptGate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from backends.compiling.protocol.core.problem import NOTHING, ROWS, TREES, Problem
from backends.compiling.protocol.core.recognition import (
    AXES_OF,
    KNOWN,
    LOCAL_CODES,
    OTHER_GATES,
    UNITARY,
    Letters,
    NotRecognised,
    Row,
    as_array,
    as_masks,
    joined_by,
    letters_of,
    pair_up,
    read_gates,
)
from backends.compiling.protocol.single.observables import certain_string, clone_strings
from backends.compiling.protocol.single.parts import Parts
from experiments.gates import clones_of
from experiments.protocol import find_recovery_strings
from experiments.stabilizer.arbitrary_input import INPUT_STAGE
from experiments.stabilizer.clifford import steps


@dataclass(frozen=True, eq=False)
class Recognised:
    """A setting of a point, and what is to be placed for all of them.

    Attributes:
        parts: what the logical circuit consists of.
        problem: what is to be placed.
    """

    parts: Parts
    problem: Problem

    @property
    def circuit(self) -> QuantumCircuit:
        """The logical circuit."""
        return self.parts.circuit

    @property
    def qubits(self) -> tuple[int, ...]:
        """Index in the circuit of R, A, S_1 … S_n, N_1 … N_n."""
        return self.parts.qubits

    @property
    def n(self) -> int:
        """Signal qubits."""
        return self.parts.pairs - 1


def recognise(circuits: Sequence[QuantumCircuit]) -> list[Recognised]:
    """Read the settings of one point, which share everything but their input and readout.

    Raises:
        NotRecognised: if this compiler has no construction for them.
    """
    found = [_parts(circuit) for circuit in circuits]
    beside = [_reads_together(parts) for parts in found]
    decryption = _decryption(found[0])
    for parts in found[1:]:
        if _described(_decryption(parts), parts) != _described(decryption, found[0]):
            raise NotRecognised("settings that do not decrypt alike")
    problem = _problem(found, decryption, any(beside))
    return [Recognised(parts, problem) for parts in found]


def _parts(circuit: QuantumCircuit) -> Parts:
    registers = {register.name: register for register in circuit.qregs}
    if set(registers) != {"R", "A", "S", "N"}:
        raise NotRecognised(f"registers {', '.join(registers)} are not R, A, S, N")
    qubits = tuple(
        circuit.find_bit(q).index for name in ("R", "A", "S", "N") for q in registers[name]
    )
    names = [(i.name, i.label) for i in circuit.data]
    if names.count(("encrypt", None)) != 1 or ("barrier", "encryption") not in names:
        raise NotRecognised("there is not exactly one encryption")
    if others := {i.name for i in circuit.data} - KNOWN:
        raise NotRecognised(f"there is more than the protocol: {', '.join(sorted(others))}")
    start = names.index(("encrypt", None))
    bell = _input_is_half_of_a_pair(circuit, qubits, start)
    encrypted = names.index(("barrier", "encryption"))
    last_stage = max(
        k
        for k, (name, label) in enumerate(names)
        if name == "barrier" and label not in (None, INPUT_STAGE)
    )
    gates = [k for k, (name, _) in enumerate(names) if name == "decrypt"]
    if len(gates) > 1:
        decoding = gates[0], gates[-1] + 1
    else:
        decoding = _decoding(circuit, encrypted, last_stage)
    key = {circuit.qubits[q] for q in qubits[len(qubits) // 2 + 1 :]}
    whole = bool(gates) and any(
        key.intersection(i.qubits) for i in circuit.data[gates[0] + 1 :] if i.name != "barrier"
    )
    lost = _lost(circuit, qubits, encrypted, decoding[0])
    return Parts(circuit, qubits, bell, start, encrypted, decoding, last_stage, whole, lost)


def _input_is_half_of_a_pair(
    circuit: QuantumCircuit, qubits: tuple[int, ...], encryption: int
) -> bool:
    """Whether A shares a Bell pair with R."""
    pairs = len(qubits) // 2
    joined = sorted(
        sorted(qubits.index(circuit.find_bit(q).index) for q in i.qubits)
        for i in circuit.data[:encryption]
        if len(i.qubits) == 2 and i.name != "barrier"
    )
    keys = [[1 + i, pairs + i] for i in range(1, pairs)]
    if joined == keys:
        return False
    if joined != [[0, 1], *keys]:
        raise NotRecognised("preparation makes other pairs than (R, A) and (S_i, N_i)")
    return True


def _decoding(circuit: QuantumCircuit, encrypted: int, last_stage: int) -> tuple[int, int]:
    """The run of gates with the last two-qubit gate before the last stage ends."""
    body = circuit.data
    entangling = [
        k
        for k in range(encrypted + 1, last_stage)
        if body[k].name == "decrypt" or (len(body[k].qubits) == 2 and body[k].name in AXES_OF)
    ]
    if not entangling:
        return last_stage, last_stage
    first = entangling[0]
    while body[first - 1].name in LOCAL_CODES and first - 1 > encrypted:
        first -= 1
    last = entangling[-1] + 1
    while last < last_stage and body[last].name in LOCAL_CODES:
        last += 1
    if any(body[k].name not in UNITARY for k in range(first, last)):
        raise NotRecognised("decryption is interrupted by a readout")
    return first, last


def _lost(
    circuit: QuantumCircuit, qubits: tuple[int, ...], encrypted: int, first: int
) -> frozenset[int]:
    """Pairs whose data qubits are read or reset between encryption and decryption.

    CHSH measures R there; nothing else may be.
    """
    lost = set()
    for instruction in circuit.data[encrypted + 1 : first]:
        if instruction.name in ("measure", "reset"):
            pair = qubits.index(circuit.find_bit(instruction.qubits[0]).index) - 1
            if pair >= len(qubits) // 2 or (pair < 0 and instruction.name == "reset"):
                raise NotRecognised("a qubit is lost that is no data qubit")
            if pair >= 0:
                lost.add(pair)
    if any(i.name == "reset" for i in (*circuit.data[:encrypted], *circuit.data[first:])):
        raise NotRecognised("a reset elsewhere than between encryption and decryption")
    return frozenset(lost)


def _reads_together(parts: Parts) -> bool:
    """Whether a two-qubit gate stands between decryption and readout."""
    number = parts.number
    joint = [i for i in parts.readout if len(i.qubits) == 2 and i.name in AXES_OF]
    for instruction in joint:
        on = sorted(number[q] for q in instruction.qubits)
        if on[0] != 0 or on[1] > parts.pairs or not parts.bell:
            raise NotRecognised("a readout that joins other qubits than R and the clone")
    return bool(joint)


@dataclass(frozen=True, eq=False)
class _Decryption:
    """How a clone comes back.

    Attributes:
        kind: one of :data:`NOTHING`, :data:`ROWS`, :data:`TREES`.
        clone: pair whose data qubit is decrypted; None if nothing is.
        mate: as in :class:`Problem`.
        post: as in :class:`Problem`.
    """

    kind: int
    clone: int | None
    mate: NDArray[np.int64]
    post: list[Row]


def _described(decryption: _Decryption, parts: Parts) -> tuple[object, ...]:
    """What the settings of a point have to agree in."""
    mates, post = tuple(decryption.mate.tolist()), tuple(decryption.post)
    clone = decryption.clone if decryption.kind != NOTHING else None
    lost = parts.whole_key, parts.lost, _wait_seconds(parts)
    return decryption.kind, clone, mates, post, parts.bell, *lost


def _decryption(parts: Parts) -> _Decryption:
    body = parts.circuit.data[parts.decoding[0] : parts.decoding[1]]
    number, pairs = parts.number, parts.pairs
    mate = np.full(pairs, -1, dtype=np.int64)
    post: list[Row] = []
    clones = sorted(q - 1 for q in parts.read() if 1 <= q <= pairs)
    if not body:
        alone = clones[0] if len(clones) == 1 and clones[0] in clones_of(pairs - 1) else None
        return _Decryption(NOTHING, alone, mate, post)
    if any(i.name == "decrypt" for i in body):
        if {i.name for i in body} - {"decrypt", "barrier"}:
            raise NotRecognised("there is more to decryption than one gate")
        return _Decryption(TREES, int(body[0].operation.clone), mate, post)
    post = read_gates(body, number)
    for a, b in joined_by(post):
        _make_mates(a - pairs, b - pairs, mate)
    if len(clones) != 1:
        raise NotRecognised(f"{len(clones)} clones are read, not one")
    return _Decryption(ROWS, clones[0], mate, post)


def _problem(found: Sequence[Parts], decryption: _Decryption, beside: bool) -> Problem:
    first = found[0]
    pairs, kind, mate = first.pairs, decryption.kind, decryption.mate
    wanted: list[Letters] = []
    clone = decryption.clone
    if kind == NOTHING and (clone is None or not set(range(pairs + 1, 2 * pairs)) <= first.read()):
        # Some qubits are read as they are: what they show for certain is what counts.
        wanted = [string for parts in found if parts.bell and (string := certain_string(parts))]
    if clone is None:
        clone = clones_of(pairs - 1)[0]
    if clone in first.lost:
        raise NotRecognised(f"clone {clone} is lost before it is decrypted")
    strings = find_recovery_strings(pairs - 1, (clone,))
    z, x = letters_of(strings)
    if kind == TREES:
        double = [i for i in range(1, pairs) if z[i] != x[i]]
        pair_up(double, mate)
    wanted = wanted or clone_strings(first, clone, kind)
    first_x, first_z = as_masks(2 * pairs, wanted)
    return Problem(
        pairs=pairs,
        clone=clone,
        decoding=kind,
        beside_clone=int(beside),
        mate=mate,
        post=as_array(decryption.post),
        letter_z=np.array([0, *z[1:]]),
        letter_x=np.array([0, *x[1:]]),
        clone_z=z[0],
        clone_x=x[0],
        exact=((first_x | first_z) != 0).astype(np.int64),
        first_x=first_x,
        first_z=first_z,
        strings=len(wanted),
        bell=int(first.bell),
        wait_seconds=_wait_seconds(first),
        lost=sum(1 << pair for pair in first.lost),
        losses=_losses(first),
        conditional=int(any(i.name == "if_else" for i in first.circuit.data)),
        stand_ins=_stand_ins(first, decryption, beside),
    )


def _stand_ins(parts: Parts, decryption: _Decryption, beside: bool) -> int:
    """Key qubits on which the two strings differ, unless the key has to stay whole.

    For odd n the clone's own key qubit is read alone: nothing is saved where gates between
    neighbours are all that decryption is, but for R where that stands beside the clone. Where a
    key is read beside lost data qubits, each of its qubits shows more than the two strings.
    """
    if decryption.kind == ROWS and parts.lost_and_read:
        return 0
    saves = decryption.kind == TREES or parts.pairs % 2 == 1 or beside
    if parts.whole_key or decryption.kind == NOTHING or not saves:
        return 0
    return sum(1 << i for i, j in enumerate(decryption.mate.tolist()) if j >= 0)


def _wait_seconds(parts: Parts) -> float:
    """How long the qubit that waits longest is told to wait."""
    waits = [0.0] * parts.circuit.num_qubits
    for step in steps(parts.circuit):
        if step.name == "delay":
            waits[step.qubits[0]] += step.seconds
    return max(waits)


def _losses(parts: Parts) -> int:
    """How many times each lost qubit is read or reset."""
    stage = parts.circuit.data[parts.encrypted : parts.decoding[0]]
    number = parts.number
    times = [0] * len(number)
    for instruction in stage:
        if instruction.name in ("measure", "reset"):
            times[number[instruction.qubits[0]]] += 1
    return max((times[1 + pair] for pair in parts.lost), default=0)


def _make_mates(a: int, b: int, mate: NDArray[np.int64]) -> None:
    """Note that the key qubits of two pairs are read together."""
    if min(a, b) < 1 or mate[a] not in (-1, b) or mate[b] not in (-1, a):
        raise NotRecognised(OTHER_GATES)
    mate[a], mate[b] = b, a
