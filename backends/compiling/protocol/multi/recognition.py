"""Reading a logical circuit with several instances of the protocol.

Registers as those of this project: inputs ``A…``, signals ``S…`` and noise ``N…`` with the same
suffix, and ``R`` where the input is half of a Bell pair. What is read here only says what to place:
that the compiled circuit is the logical one is proved at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Clbit, QuantumCircuit, Qubit
from qiskit.circuit.controlflow import ControlFlowOp

from backends.compiling.protocol.core.problem import ROWS, TREES, Problem
from backends.compiling.protocol.core.recognition import (
    AXES_OF,
    KNOWN,
    OTHER_GATES,
    NotRecognised,
    as_array,
    joined_by,
    letters_of,
    pair_up,
    read_gates,
)
from backends.compiling.protocol.multi.correlators import first_letters
from backends.compiling.protocol.multi.problem import NO_BLOCK, MultiProblem, same
from experiments.protocol import find_recovery_strings
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import StabilizerState

_LOSSES = frozenset({"delay", "reset"})


@dataclass(frozen=True, eq=False)
class RecognisedInstances:
    """The parts of a logical circuit with several instances of the protocol.

    Attributes:
        circuit: the logical circuit, gates of decryption before all readouts.
        encrypted: index of the barrier that closes encryption.
        decoded: index of the first instruction after the gates of decryption.
        stage_of: logical qubit → the stage that prepares it.
        problem: what is to be placed.
    """

    circuit: QuantumCircuit
    encrypted: int
    decoded: int
    stage_of: dict[int, str]
    problem: MultiProblem


@dataclass(frozen=True)
class _Instance:
    """One encryption: its data qubits and their partners, -1 for none; who made the input."""

    data: tuple[int, ...]
    partner: tuple[int, ...]
    source: tuple[int, int]


def recognise_instances(circuits: Sequence[QuantumCircuit]) -> list[RecognisedInstances]:
    """Read the settings of one point, which share everything but their readout.

    Raises:
        NotRecognised: if this compiler has no construction for them.
    """
    ordered = [_gates_first(circuit) for circuit in circuits]
    beside = any(_reads_together(circuit) for circuit, _, _ in ordered)
    found = [_recognised(*one, beside) for one in ordered]
    if not all(same(one.problem, found[0].problem) for one in found[1:]):
        raise NotRecognised("settings that do not decrypt alike")
    return found


def _gates_first(circuit: QuantumCircuit) -> tuple[QuantumCircuit, int, int]:
    """The circuit with all gates of decryption before its readouts, and where these gates are.

    A gate moves before readouts and corrections of other qubits, which changes nothing.
    """
    names = [(i.name, i.label) for i in circuit.data]
    if ("barrier", "encryption") not in names:
        raise NotRecognised("no stage is called encryption")
    if others := {i.name for i in circuit.data} - (KNOWN - _LOSSES):
        raise NotRecognised(f"there is more than the protocol: {', '.join(sorted(others))}")
    encrypted = names.index(("barrier", "encryption"))
    if ("encrypt", None) in names[encrypted:]:
        raise NotRecognised("something is encrypted after the end of encryption")
    last = max(k for k, (name, label) in enumerate(names) if name == "barrier" and label)
    gates: list[CircuitInstruction] = []
    others_: list[CircuitInstruction] = []
    behind: set[Qubit | Clbit] = set()
    for one in circuit.data[encrypted + 1 : last]:
        if isinstance(one.operation, ControlFlowOp) or one.name in ("measure", "barrier"):
            behind.update(one.qubits)
            others_.append(one)
        elif behind.isdisjoint(one.qubits):
            gates.append(one)
        elif len(one.qubits) == 1:
            others_.append(one)
        else:
            raise NotRecognised("decryption is interrupted by a readout")
    out = circuit.copy_empty_like()
    for one in (*circuit.data[: encrypted + 1], *gates, *others_, *circuit.data[last:]):
        out.append(one)
    return out, encrypted, encrypted + 1 + len(gates)


def _reads_together(circuit: QuantumCircuit) -> bool:
    """Whether a two-qubit gate stands between decryption and readout."""
    last = max(k for k, i in enumerate(circuit.data) if i.name == "barrier" and i.label)
    return any(len(i.qubits) == 2 and i.name in AXES_OF for i in circuit.data[last + 1 :])


def _recognised(
    circuit: QuantumCircuit, encrypted: int, decoded: int, beside: bool
) -> RecognisedInstances:
    index = {qubit: k for k, qubit in enumerate(circuit.qubits)}
    instances = _instances(circuit, index, encrypted)
    roots = [k for k, one in enumerate(instances) if one.source[0] == NO_BLOCK]
    has_reference = any(register.name == "R" for register in circuit.qregs)
    if has_reference and len(roots) != 1:
        raise NotRecognised(f"{len(roots)} inputs share one R")
    stage_of = _stages(circuit, index, encrypted)
    _require_input(circuit, index, [instances[k] for k in roots], has_reference)
    clones = _clones(circuit, index, instances)
    if not has_reference and len(clones) != len(roots):
        raise NotRecognised(f"{len(clones)} clones of a GHZ state of {len(roots)} qubits are read")
    if has_reference and len(clones) != 1:
        raise NotRecognised(f"{len(clones)} clones are read, not one")
    body = circuit.data[encrypted + 1 : decoded]
    problem = _problem(circuit, index, instances, clones, body, beside)
    return RecognisedInstances(circuit, encrypted, decoded, stage_of, problem)


def _instances(circuit: QuantumCircuit, index: dict[Qubit, int], encrypted: int) -> list[_Instance]:
    partner_of = {}
    registers = {register.name: register for register in circuit.qregs}
    if others := {name[:1] for name in registers} - set("RASN"):
        raise NotRecognised(f"registers {', '.join(sorted(others))} are not R, A, S, N")
    for name, register in registers.items():
        noise = registers.get("N" + name[1:])
        if name.startswith("S") and noise is not None and len(noise) == len(register):
            for signal, key in zip(register, noise, strict=True):
                partner_of[index[signal]] = index[key]
    reference = index[registers["R"][0]] if "R" in registers else -1
    made_by: dict[int, tuple[int, int]] = {}
    found: list[_Instance] = []
    for one in circuit.data[:encrypted]:
        if one.name != "encrypt":
            continue
        data = tuple(index[q] for q in one.qubits)
        if not all(q in partner_of for q in data[1:]):
            raise NotRecognised("signals without a register of noise qubits")
        source = made_by.get(data[0], (NO_BLOCK, -1))
        first = reference if source[0] == NO_BLOCK else -1
        found.append(_Instance(data, (first, *(partner_of[q] for q in data[1:])), source))
        made_by |= {q: (len(found) - 1, pair) for pair, q in enumerate(data)}
    if not found or len({len(one.data) for one in found}) != 1:
        raise NotRecognised("encryptions of different sizes, or none")
    used = [q for one in found for q in (*one.data[1:], *one.partner)] + [
        one.data[0] for one in found if one.source[0] == NO_BLOCK
    ]
    if sorted(q for q in used if q >= 0) != list(range(circuit.num_qubits)):
        raise NotRecognised("qubits that no encryption uses, or two use")
    return found


def _stages(circuit: QuantumCircuit, index: dict[Qubit, int], encrypted: int) -> dict[int, str]:
    """Logical qubit → label of the first barrier that holds it."""
    stage_of: dict[int, str] = {}
    for one in circuit.data[:encrypted]:
        if one.name == "barrier" and one.label:
            for qubit in one.qubits:
                stage_of.setdefault(index[qubit], one.label)
    if len(stage_of) != circuit.num_qubits:
        raise NotRecognised("qubits whose preparation no barrier closes")
    return stage_of


def _require_input(
    circuit: QuantumCircuit,
    index: dict[Qubit, int],
    roots: Sequence[_Instance],
    has_reference: bool,
) -> None:
    """That the input is half of a Bell pair, or a GHZ state."""
    end = next(k for k, i in enumerate(circuit.data) if i.name == "barrier")
    prefix = circuit.copy_empty_like()
    for one in circuit.data[:end]:
        prefix.append(one)
    on = [one.data[0] for one in roots]
    if has_reference:
        on.append(roots[0].partner[0])
    state = StabilizerState.of(steps(prefix), circuit.num_qubits, 0)
    simulator = stim.TableauSimulator()
    simulator.set_inverse_tableau(
        stim.Tableau.from_stabilizers(list(state.generators)).inverse(unsigned=False)
    )
    for letters in [dict.fromkeys(on, "X"), *({on[0]: "Z", q: "Z"} for q in on[1:])]:
        string = stim.PauliString(circuit.num_qubits)
        for qubit, letter in letters.items():
            string[qubit] = letter
        if simulator.peek_observable_expectation(string) != 1:
            raise NotRecognised("the input is neither half of a Bell pair nor a GHZ state")


def _clones(
    circuit: QuantumCircuit, index: dict[Qubit, int], instances: Sequence[_Instance]
) -> list[int]:
    """Data qubits that are measured after the last stage, in the order of their instances."""
    last = max(k for k, i in enumerate(circuit.data) if i.name == "barrier" and i.label)
    read = {index[i.qubits[0]] for i in circuit.data[last + 1 :] if i.name == "measure"}
    ordered: dict[int, None] = {}
    for one in instances:
        ordered |= dict.fromkeys(q for q in one.data if q in read)
    return list(ordered)


def _path(instances: Sequence[_Instance], clone: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Blocks that lead to a clone, outermost first, and the clone that each hands on."""
    block = max(k for k, one in enumerate(instances) if clone in one.data)
    pair = instances[block].data.index(clone)
    blocks, choices = [block], [pair]
    while instances[block].source[0] != NO_BLOCK:
        block, pair = instances[block].source
        blocks.append(block)
        choices.append(pair)
    return tuple(reversed(blocks)), tuple(reversed(choices))


def _problem(
    circuit: QuantumCircuit,
    index: dict[Qubit, int],
    instances: Sequence[_Instance],
    clones: Sequence[int],
    body: Sequence[CircuitInstruction],
    beside: bool,
) -> MultiProblem:
    pairs = len(instances[0].data)
    paths = [_path(instances, clone) for clone in clones]
    choices = paths[0][1]
    if any(other != choices for _, other in paths):
        raise NotRecognised("clones that come back by different ways")
    child, descendants = _families(instances)
    trees = any(i.name == "decrypt" for i in body)
    if trees and (len(body) != sum(len(b) for b, _ in paths)):
        raise NotRecognised("there is more to decryption than one gate for each key")
    flat = _flat(instances, paths[0], clones[0], pairs)
    path_block, path_pair = _positions(paths, pairs)
    mates = _mates(instances, flat, path_block, path_pair)
    post = [] if trees else read_gates(body, index)
    if any(mates.get(a) != b for a, b in joined_by(post)):
        raise NotRecognised(OTHER_GATES)
    keys = [[q for b in path for q in instances[b].partner[1:]] for path, _ in paths]
    reference = instances[0].partner[0]
    first_x, first_z, strings = first_letters(
        circuit.num_qubits, reference, list(clones), [] if trees else keys, pairs - 1, choices
    )
    return MultiProblem(
        blocks=len(instances),
        pairs=pairs,
        qubits=circuit.num_qubits,
        ghz=int(reference < 0),
        source=np.array([one.source for one in instances], dtype=np.int64),
        child=child,
        descendants=descendants,
        data=np.array([one.data for one in instances], dtype=np.int64),
        partner=np.array([one.partner for one in instances], dtype=np.int64),
        decoding=TREES if trees else ROWS,
        beside_clone=int(beside),
        post=as_array(post),
        flat=flat,
        path_block=path_block,
        path_pair=path_pair,
        clones=np.array(clones, dtype=np.int64),
        exact=((first_x | first_z) != 0).astype(np.int64),
        first_x=first_x,
        first_z=first_z,
        strings=strings,
    )


def _families(
    instances: Sequence[_Instance],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The block that encrypts each data qubit again, and how many blocks follow on each.

    Shapes (blocks, pairs) and (blocks,); see :class:`MultiProblem`.
    """
    blocks = len(instances)
    child = np.full((blocks, len(instances[0].data)), NO_BLOCK, dtype=np.int64)
    descendants = np.ones(blocks, dtype=np.int64)
    for k in range(blocks - 1, -1, -1):
        source = instances[k].source
        if source[0] != NO_BLOCK:
            child[source] = k
            descendants[source[0]] += descendants[k]
    return child, descendants


def _mates(
    instances: Sequence[_Instance],
    flat: Problem,
    path_block: NDArray[np.int64],
    path_pair: NDArray[np.int64],
) -> dict[int, int]:
    """Key qubit → the one it is read with, by logical numbers, on the paths of all clones."""
    mates: dict[int, int] = {}
    for blocks, pairs in zip(path_block.tolist(), path_pair.tolist(), strict=True):
        key = [instances[b].partner[i] for b, i in zip(blocks, pairs, strict=True)]
        mates |= {key[k]: key[j] for k, j in enumerate(flat.mate.tolist()) if j >= 0}
    return mates


def _positions(
    paths: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], pairs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Block and pair of each pair of the flattened instances."""
    block = [[path[0], *(b for b in path for _ in range(1, pairs))] for path, _ in paths]
    pair = [[0, *(i for _ in path for i in range(1, pairs))] for path, _ in paths]
    return np.array(block, dtype=np.int64), np.array(pair, dtype=np.int64)


def _flat(
    instances: Sequence[_Instance],
    path: tuple[tuple[int, ...], tuple[int, ...]],
    clone: int,
    pairs: int,
) -> Problem:
    """A clone and all keys on its path as one instance: decryption needs no order among them."""
    blocks, choices = path
    data = [instances[blocks[0]].data[0], *(q for b in blocks for q in instances[b].data[1:])]
    strings = find_recovery_strings(pairs - 1, choices)
    z, x = letters_of(strings)
    if -1 in (*z, *x):
        raise NotRecognised("key qubits that show one Pauli only, in several generations")
    size = len(data)
    mate = np.full(size, -1, dtype=np.int64)
    double = [i for i in range(1, size) if z[i] != x[i]]
    pair_up(double, mate)
    nothing = np.zeros(2 * size, dtype=np.uint64)
    return Problem(
        pairs=size,
        clone=data.index(clone),
        decoding=TREES,
        beside_clone=0,
        mate=mate,
        post=as_array([]),
        letter_z=np.array([0, *z[1:]]),
        letter_x=np.array([0, *x[1:]]),
        clone_z=z[0],
        clone_x=x[0],
        exact=np.zeros(2 * size, dtype=np.int64),
        first_x=nothing,
        first_z=nothing,
        strings=3,
        stand_ins=sum(1 << i for i in double),
    )
