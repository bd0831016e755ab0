"""A search for circuits that are proved without being the protocol (``make false-proofs``).

Compiled circuits are changed at random: gates are inserted, removed and replaced, qubits exchanged,
bits exchanged, conditions dropped, barriers moved, and whole turns about stabilizers of the state
are inserted, which change no outcome. Whether what comes out still is the protocol is decided by
:mod:`choi`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import stim
from choi import GATES, Outputs, Seen, Unreadable, channel_of, prepared_state
from qiskit.circuit import CircuitInstruction, QuantumCircuit, Qubit

from backends.compiling.certificate import certify
from backends.compiling.compile import StockCompiler, with_elementary_gates
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning, Strategy, find_pauli_frame

SIZES = (2, 3)
SPARES = 2
SINGLE = ("x", "y", "z", "h", "s", "sdg", "sx", "sxdg")
PAIRS = ("cx", "cz", "cy", "swap")


@dataclass(frozen=True, eq=False)
class Base:
    """An honest compiled circuit.

    Attributes:
        name: what it is.
        logical: the logical circuit.
        compiled: the compiled circuit.
        stages: labels of its stages after preparation.
        outputs: what counts at the end of each.
        wanted: the channel of the logical circuit.
    """

    name: str
    logical: QuantumCircuit
    compiled: QuantumCircuit
    stages: tuple[str, ...]
    outputs: dict[str, Outputs]
    wanted: Seen

    def is_protocol(self, circuit: QuantumCircuit) -> bool:
        """Whether a circuit is the channel of the logical one in every stage."""
        try:
            found = channel_of(circuit, self.stages, self.outputs, self.logical.num_qubits)
        except Unreadable:
            return False
        return found.stages == self.wanted.stages and all(
            rows == self.prepared(part) for part, rows in found.prepared.items()
        )

    def prepared(self, part: tuple[int, ...]) -> tuple[str, ...]:
        """Stabilizers of some qubits when their preparation ends."""
        return prepared_state(self.logical, part)


def line(size: int) -> DeviceSnapshot:
    """Qubits in a row, with conditions."""
    good = QubitCalibration(2e-4, 1e-4, 2e-4, 32e-9, 0.01, 2e-6)
    couplers = tuple(
        CouplerCalibration((a, b), 2e-3, 68e-9)
        for k in range(size - 1)
        for a, b in ((k, k + 1), (k + 1, k))
    )
    return DeviceSnapshot("line", None, "cz", (good,) * size, couplers, True)


def outputs_of(cloning: Cloning) -> dict[str, Outputs]:
    """What counts: after encryption all qubits, then R and the clone, or what the key says."""
    n = cloning.n
    clone = 1 + cloning.clone
    out: dict[str, Outputs] = {"encryption": tuple(range(2 * n + 2))}
    if cloning.strategy == "frame":
        frame = find_pauli_frame(n, (cloning.clone,))
        key = [{n + 2 + k: "Z" for k in frame.key[letter]} for letter in "XZ"]
        out["decryption"] = [
            *({clone: letter, **mine} for letter, mine in zip("XZ", key, strict=True)),
            *({0: letter} for letter in "XZ"),
        ]
    elif cloning.strategy != "witness":
        out["decryption"] = (0, clone)
    return out


@cache
def bases(n: int, strategy: Strategy) -> tuple[Base, ...]:
    """Logical and routed circuits of all settings of both estimators."""
    found = []
    for estimator in ("parity", "bsm") if strategy != "witness" else ("parity",):
        for clone in (1, 2):
            cloning = Cloning(n, clone, strategy)
            settings = EntanglementPoint(cloning, estimator).settings()
            compiler = StockCompiler(line(2 * n + 2 + SPARES).to_target(), clone)
            routed = compiler.compile_all([s.circuit for s in settings])
            for setting, circuit in zip(settings, routed, strict=True):
                elementary = with_elementary_gates(setting.circuit)
                for kind, compiled in (("logical", elementary), ("routed", circuit)):
                    found.append(
                        _base(
                            f"{kind} n={n} {strategy} {setting.label}",
                            cloning,
                            elementary,
                            setting.circuit,
                            compiled,
                        )
                    )
    return tuple(found)


def _base(
    name: str,
    cloning: Cloning,
    elementary: QuantumCircuit,
    logical: QuantumCircuit,
    compiled: QuantumCircuit,
) -> Base:
    outputs = outputs_of(cloning)
    wanted = channel_of(elementary, list(outputs), outputs, logical.num_qubits)
    return Base(name, logical, compiled, tuple(outputs), outputs, wanted)


# What is changed


Change = Callable[[list[CircuitInstruction], QuantumCircuit, random.Random], None]
"""Changes a list of instructions in place, given their circuit and a source of draws."""


def _gate(name: str, qubits: Sequence[Qubit]) -> CircuitInstruction:
    one = QuantumCircuit(list(qubits))
    getattr(one, name)(*qubits)
    return one.data[0]


def _used(data: Sequence[CircuitInstruction]) -> list[Qubit]:
    return sorted({q for one in data for q in one.qubits}, key=lambda q: q._index or 0)


def _random_gate(data: Sequence[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random):
    qubits = circuit.qubits if draw.random() < 0.2 else _used(data)
    if draw.random() < 0.4:
        return _gate(draw.choice(SINGLE), [draw.choice(qubits)])
    return _gate(draw.choice(PAIRS), draw.sample(qubits, 2))


def _is_gate(one: CircuitInstruction) -> bool:
    return one.name in GATES or one.name == "rz"


def insert(data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random) -> None:
    """A gate anywhere."""
    data.insert(draw.randrange(len(data) + 1), _random_gate(data, circuit, draw))


def insert_twice(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """A gate that is its own inverse, here and there."""
    one = _random_gate(data, circuit, draw)
    while one.name in ("s", "sdg", "sx", "sxdg"):
        one = _random_gate(data, circuit, draw)
    first = draw.randrange(len(data) + 1)
    second = min(len(data), first + draw.randrange(8))
    data.insert(second, one)
    data.insert(first, one)


def remove(data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random) -> None:
    """A gate."""
    del data[draw.choice([k for k, one in enumerate(data) if _is_gate(one)])]


def replace(data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random) -> None:
    """A gate by another one on the same qubits."""
    k = draw.choice([k for k, one in enumerate(data) if _is_gate(one)])
    qubits = data[k].qubits
    data[k] = _gate(draw.choice(SINGLE if len(qubits) == 1 else PAIRS), qubits)


def commute(data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random) -> None:
    """An instruction moves by some places, over whatever stands there."""
    k = draw.randrange(len(data))
    one = data.pop(k)
    data.insert(max(0, min(len(data), k + draw.randrange(-6, 7))), one)


def exchange_from_here(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """Two qubits exchange their names, up to the next barrier or to the end, barriers or not."""
    a, b = draw.sample(_used(data), 2)
    start = draw.randrange(len(data))
    end = draw.choice([len(data), min(len(data), start + draw.randrange(1, 20))])
    other, barriers = {a: b, b: a}, draw.random() < 0.5
    for k in range(start, end):
        one = data[k]
        if barriers or one.name != "barrier":
            data[k] = one.replace(qubits=tuple(other.get(q, q) for q in one.qubits))
    if draw.random() < 0.5:
        if end < len(data):
            data.insert(end, _gate("swap", (a, b)))
        data.insert(start, _gate("swap", (a, b)))


def relist_barrier(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """A barrier says that two qubits are where the other one is."""
    k = draw.choice([k for k, one in enumerate(data) if one.name == "barrier"])
    a, b = draw.sample(range(len(data[k].qubits)), 2)
    qubits = list(data[k].qubits)
    qubits[a], qubits[b] = qubits[b], qubits[a]
    data[k] = data[k].replace(qubits=tuple(qubits))


def move_barrier(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """A barrier moves."""
    k = draw.choice([k for k, one in enumerate(data) if one.name == "barrier"])
    one = data.pop(k)
    data.insert(max(0, min(len(data), k + draw.randrange(-12, 13))), one)


def exchange_bits(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """Two outcomes exchange their bits, or two readouts their qubits."""
    read = [k for k, one in enumerate(data) if one.name == "measure"]
    a, b = draw.sample(read, 2)
    first, second = data[a], data[b]
    data[a], data[b] = first.replace(clbits=second.clbits), second.replace(clbits=first.clbits)


def change_condition(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """A condition is dropped, or always holds; without one, a readout is of a spare qubit."""
    found = [k for k, one in enumerate(data) if one.name == "if_else"]
    if not found:
        k = draw.choice([k for k, one in enumerate(data) if one.name == "measure"])
        data[k] = data[k].replace(qubits=(draw.choice(circuit.qubits),))
        return
    k = draw.choice(found)
    one = data.pop(k)
    if draw.random() < 0.5:
        data.insert(k, _gate("x", one.qubits))


def turn_about_a_stabilizer(
    data: list[CircuitInstruction], circuit: QuantumCircuit, draw: random.Random
) -> None:
    """exp(iπ/4 g) or g itself, of a stabilizer g of the state before the first readout."""
    last = next(
        (k for k, one in enumerate(data) if not _is_gate(one) and one.name != "barrier"), len(data)
    )
    position = draw.randrange(last + 1)
    index = {q: k for k, q in enumerate(circuit.qubits)}
    simulator = stim.TableauSimulator()
    simulator.set_num_qubits(len(index))
    for one in data[:position]:
        if one.name != "barrier":
            name = (
                GATES.get(one.name)
                or ("I", "S", "Z", "S_DAG")[round(float(one.params[0]) / 1.5707963267948966) % 4]
            )
            simulator.do(stim.Circuit(f"{name} {' '.join(str(index[q]) for q in one.qubits)}"))
    found = [g for g in simulator.canonical_stabilizers() if len(g.pauli_indices()) > 1]
    if not found:
        return
    g = draw.choice(found)
    if draw.random() < 0.3:
        g = g * draw.choice(found)
    on = [circuit.qubits[k] for k in g.pauli_indices()]
    turned = {circuit.qubits[k]: "IXYZ"[g[k]] for k in g.pauli_indices()}
    if not on:
        return
    if draw.random() < 0.3:
        inserted = [_gate(letter.lower(), (q,)) for q, letter in turned.items()]
    else:
        into = {"X": ["h"], "Y": ["sdg", "h"], "Z": []}
        out_of = {"X": ["h"], "Y": ["h", "s"], "Z": []}
        inserted = [_gate(gate, (q,)) for q, letter in turned.items() for gate in into[letter]]
        ladder = [_gate("cx", (a, on[-1])) for a in on[:-1]]
        inserted += [*ladder, _gate(draw.choice(["s", "sdg"]), (on[-1],)), *ladder]
        inserted += [_gate(gate, (q,)) for q, letter in turned.items() for gate in out_of[letter]]
    data[position:position] = inserted


CHANGES: tuple[Change, ...] = (
    insert,
    insert_twice,
    remove,
    replace,
    commute,
    exchange_from_here,
    relist_barrier,
    move_barrier,
    exchange_bits,
    change_condition,
    turn_about_a_stabilizer,
)


def changed(
    base: Base, draw: random.Random, changes: Sequence[Change] = ()
) -> tuple[QuantumCircuit, str]:
    """The circuit after the given changes, or one to three that are drawn; and what they were."""
    circuit = base.compiled.copy_empty_like()
    data = list(base.compiled.data)
    names = []
    for change in changes or draw.choices(CHANGES, k=draw.choice([1, 1, 2, 3])):
        change(data, circuit, draw)
        names.append(change.__name__)
    for one in data:
        circuit.append(one)
    return circuit, ", ".join(names)


@dataclass
class Count:
    """What a search found.

    Attributes:
        tried: circuits.
        protocol: of these, how many are the protocol, by their channels.
        proved: how many are proved.
        false: what was proved without being the protocol.
        refused: why circuits that are the protocol were not proved → how often.
        seconds: what the certificates took.
    """

    tried: int = 0
    protocol: int = 0
    proved: int = 0
    false: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def search(number: int, seed: int) -> Count:
    """Try that many circuits, the same ones for equal seeds."""
    draw = random.Random(seed)
    count = Count()
    for _ in range(number):
        base = draw.choice(bases(draw.choice(SIZES), draw.choice(STRATEGIES)))
        circuit, what = changed(base, draw)
        honest = base.is_protocol(circuit)
        started = time.process_time()
        certificate = certify(base.logical, circuit)
        count.seconds += time.process_time() - started
        proved = certificate.status == "proved"
        count.tried += 1
        count.protocol += honest
        count.proved += proved
        if proved and not honest:
            count.false.append(f"{base.name}: {what}")
        if honest and not proved:
            count.refused[certificate.remark] += 1
    return count


def main() -> int:
    """Search, and show what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    count = search(arguments.number, arguments.seed)
    sys.stdout.write(
        f"{count.tried} changed circuits, {count.protocol} still the protocol, {count.proved} "
        f"proved, {len(count.false)} proved falsely, {sum(count.refused.values())} of the "
        f"protocol's refused; {count.seconds / count.tried * 1000:.1f} ms a certificate\n"
    )
    for remark, often in count.refused.most_common():
        sys.stdout.write(f"  refused {often:5} times: {remark}\n")
    for one in count.false:
        sys.stdout.write(f"  FALSE PROOF {one}\n")
    return 1 if count.false else 0


if __name__ == "__main__":
    sys.exit(main())
