"""Which channel a circuit is, by its Choi state: shares no code with the certificate.

Circuits are run forwards on stim's simulator. When a stage begins every logical qubit is replaced,
at its place, by half of a Bell pair whose other half is kept; whatever else there is goes on as it
is. At the end of the stage the stabilizers of the kept halves, of the qubits that count and of the
outcomes are the channel of that stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import stim
from qiskit.circuit import CircuitInstruction, Clbit, QuantumCircuit
from qiskit.circuit.classical import expr

GATES = {
    **{"id": "I", "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "S_DAG"},
    **{"sx": "SQRT_X", "sxdg": "SQRT_X_DAG", "cx": "CX", "cy": "CY", "cz": "CZ", "swap": "SWAP"},
}
QUARTERS = ("I", "S", "Z", "S_DAG")
PART = re.compile(r"(preparation\S*) of ([\d ]+)")

Rows = tuple[str, ...]
"""Stabilizers in a canonical form."""


class Unreadable(Exception):
    """A circuit without the stages of the protocol, or with what has no channel here."""


@dataclass
class Seen:
    """What was seen of a circuit.

    Attributes:
        prepared: stabilizers of each part when its preparation ends.
        stages: label → the channel of each stage.
    """

    prepared: dict[tuple[int, ...], Rows] = field(default_factory=dict)
    stages: dict[str, Rows] = field(default_factory=dict)


Outputs = tuple[int, ...] | list[dict[int, str]]
"""What counts at the end of a stage: the state of some logical qubits, or what some Pauli strings
(qubit → letter) on them show."""


def channel_of(
    circuit: QuantumCircuit, stages: Sequence[str], outputs: dict[str, Outputs], size: int
) -> Seen:
    """Follow a circuit stage by stage.

    Args:
        circuit: the circuit.
        stages: labels of the barriers on all qubits, in order; the readout follows.
        outputs: label → what counts at the end of that stage.
        size: number of logical qubits.

    Raises:
        Unreadable: if the barriers are not there.
    """
    return _Run(size, circuit).follow(list(stages), outputs)


def prepared_state(logical: QuantumCircuit, part: Sequence[int]) -> Rows:
    """Stabilizers of some qubits at the first barrier of a logical circuit."""
    run = _Run(logical.num_qubits, logical)
    for one in logical.data:
        if one.name == "barrier":
            break
        run.apply(one, [logical.find_bit(q).index for q in one.qubits])
    return run.rows([run.site(q) for q in part], [])


class _Run:
    def __init__(self, size: int, circuit: QuantumCircuit) -> None:
        self.circuit = circuit
        self.size = size
        self.simulator = stim.TableauSimulator()
        self.number = 0
        self.at: dict[int, int] = {}
        self.kept: dict[int, int] = {}
        self.record: dict[int, int] = {}
        self.seen = Seen()

    def new(self) -> int:
        self.number += 1
        self.simulator.set_num_qubits(self.number)
        return self.number - 1

    def site(self, index: int) -> int:
        if index not in self.at:
            self.at[index] = self.new()
        return self.at[index]

    def begin(self, places: dict[int, int]) -> None:
        for qubit, place in places.items():
            self.at[place], self.kept[qubit] = self.new(), self.new()
            self.simulator.h(self.at[place])
            self.simulator.cx(self.at[place], self.kept[qubit])

    def follow(self, stages: list[str], outputs: dict[str, Outputs]) -> Seen:
        opened: set[int] = set()
        since = 0
        for one in self.circuit.data:
            on = [self.circuit.find_bit(q).index for q in one.qubits]
            label = one.label if one.name == "barrier" else None
            if not label:
                self.apply(one, on)
            elif label.startswith("preparation"):
                part = PART.fullmatch(label)
                listed = [int(q) for q in part[2].split()] if part else list(range(self.size))
                if self.seen.stages or opened.intersection(listed) or len(listed) != len(on):
                    raise Unreadable(label)
                self.seen.prepared[tuple(listed)] = self.rows([self.site(p) for p in on], [])
                self.begin(dict(zip(listed, on, strict=True)))
                opened.update(listed)
            else:
                place = dict(enumerate(on))
                fits = len(opened) == len(on) == self.size
                if not fits or [label] != stages[:1]:
                    raise Unreadable(label)
                self.seen.stages[stages.pop(0)] = self.close(place, outputs[label])
                since = len(self.record)
                self.begin(place)
        if stages:
            raise Unreadable(stages[0])
        self.seen.stages["readout"] = self.read(since)
        return self.seen

    def close(self, places: dict[int, int], outputs: Outputs) -> Rows:
        kept = list(self.kept.values())
        if isinstance(outputs, tuple):
            return self.rows([*kept, *(self.site(places[q]) for q in outputs)], [])
        return tuple(self.shown(string, places) for string in outputs)

    def read(self, since: int) -> Rows:
        bits = sorted(list(self.record)[since:])
        records = [self.record[bit] for bit in bits]
        return (str(bits), *self.rows(list(self.kept.values()), records))

    def shown(self, string: dict[int, str], places: dict[int, int]) -> str:
        """The string of kept halves that goes with a Pauli string on the outputs."""
        mine = {self.site(places[q]): letter for q, letter in string.items()}
        kept = list(self.kept.values())
        wanted = stim.PauliString(self.number)
        for site, letter in mine.items():
            wanted[site] = letter
        found, left = self.restricted([*kept, *mine], []), wanted
        for position in ((k, xz) for k in mine for xz in (0, 1)):
            pivot = next((g for g in found if _bit(g, position)), None)
            if pivot is not None:
                left = left * pivot if _bit(left, position) else left
                found = [g * pivot if _bit(g, position) else g for g in found if g is not pivot]
        if set(left.pauli_indices()) & set(mine):
            return "nothing definite"
        # Strings that commute, so that the sign is real.
        return f"{left.sign.real:+.0f}" + "".join("IXYZ"[left[q]] for q in kept)

    def rows(self, qubits: list[int], records: list[int]) -> Rows:
        """The stabilizers that act on some qubits, and by Z on records, in a canonical form."""
        order = [*qubits, *records]
        found = self.restricted(qubits, records)
        pivots: list[tuple[tuple[int, int], stim.PauliString]] = []
        for position in ((k, xz) for k in order for xz in (0, 1)):
            mine = next((g for g in found if _bit(g, position)), None)
            if mine is None:
                continue
            found = [g * mine if _bit(g, position) else g for g in found if g is not mine]
            pivots = [(p, g * mine if _bit(g, position) else g) for p, g in pivots]
            pivots.append((position, mine))
        return tuple(
            f"{g.sign.real:+.0f}" + "".join("IXYZ"[g[q]] for q in order) for _, g in pivots
        )

    def restricted(self, qubits: list[int], records: list[int]) -> list[stim.PauliString]:
        self.simulator.set_num_qubits(self.number)
        found = self.simulator.canonical_stabilizers()
        free, diagonal = set(qubits), set(records) - set(qubits)
        for qubit in range(self.number):
            for xz in (0, 1):
                if qubit in free or (qubit in diagonal and xz == 1):
                    continue
                mine = next((g for g in found if _bit(g, (qubit, xz))), None)
                if mine is not None:
                    found = [
                        g * mine if _bit(g, (qubit, xz)) else g for g in found if g is not mine
                    ]
        return found

    def apply(self, one: CircuitInstruction, on: list[int]) -> None:
        if one.name in ("barrier", "delay"):
            return
        sites = [self.site(k) for k in on]
        if one.name == "if_else":
            self.conditional(one, on)
        elif one.name == "measure":
            bit = self.circuit.find_bit(one.clbits[0]).index
            if bit in self.record:
                raise Unreadable("a bit is written twice")
            self.record[bit] = self.new()
            self.simulator.cx(sites[0], self.record[bit])
        elif one.name == "reset":
            self.at[on[0]] = self.new()
        else:
            self.simulator.do(stim.Circuit(f"{_name(one)} {' '.join(map(str, sites))}"))

    def conditional(self, one: CircuitInstruction, on: list[int]) -> None:
        condition, (block, *others) = one.operation.condition, one.operation.blocks
        if others:
            raise Unreadable("two branches")
        watched, value = _watched(condition)
        for inner in block.data:
            if inner.name == "barrier":
                continue
            pauli = _name(inner)
            site = self.site(on[block.find_bit(inner.qubits[0]).index])
            if pauli not in ("X", "Y", "Z", "I"):
                raise Unreadable("no Pauli")
            if pauli == "I":
                continue
            for clbit in watched:
                bit = self.circuit.find_bit(clbit).index
                if bit in self.record:
                    self.simulator.do(stim.Circuit(f"C{pauli} {self.record[bit]} {site}"))
            if value == 0:
                self.simulator.do(stim.Circuit(f"{pauli} {site}"))


def _watched(condition: object) -> tuple[list[Clbit], int]:
    if isinstance(condition, tuple):
        target, value = condition
        return [target if isinstance(target, Clbit) else target[0]], int(value)
    return list(_terms(condition)), 1


def _terms(node: object) -> Iterable[Clbit]:
    if isinstance(node, expr.Var):
        yield node.var
    elif isinstance(node, expr.Binary):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield from _terms(node.operand)


def _name(one: CircuitInstruction) -> str:
    if one.name == "rz":
        turns = float(one.params[0]) / (np.pi / 2)
        if abs(turns - round(turns)) > 1e-7:
            raise Unreadable("no quarter turn")
        return QUARTERS[round(turns) % 4]
    return GATES[one.name]


def _bit(pauli: stim.PauliString, position: tuple[int, int]) -> bool:
    letter = pauli[position[0]]
    return letter in (1, 2) if position[1] == 0 else letter in (2, 3)
