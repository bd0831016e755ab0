"""A plain circuit that holds the protocol's gates, with the stages that its author left out.

Where registers are R, A, S, N, perhaps numbered, and barriers bear the names of stages, the circuit
is taken as it is. Otherwise the gates tell what each qubit is: the data qubits are those of the one
:class:`EncryptGate`, a qubit that shares a Bell pair with one of them is a key qubit, and the one
that shares a Bell pair with A is R. Decryption ends with the last :class:`DecryptGate`, two-qubit
gate between key qubits or condition; what does not lead to it is readout.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import stim
from qiskit.circuit import CircuitInstruction, QuantumCircuit, QuantumRegister, Qubit
from qiskit.quantum_info import Statevector

from backends.compiling.protocol.core.recognition import NotRecognised
from experiments.gates import DecryptGate, EncryptGate
from experiments.inputs import PureState, append_input_preparation
from experiments.stabilizer.clifford import NotClifford, steps
from experiments.stabilizer.states import StabilizerState

_STAGES = {"preparation", "encryption"}
_REGISTER = re.compile(r"[RASN]\d*")
_LOST = "delay", "reset"


@dataclass(frozen=True, eq=False)
class Staged:
    """A circuit with registers R, A, S, N and labelled barriers.

    Attributes:
        circuit: that circuit, with the classical bits of the original.
        number: qubit of the original → index in :attr:`circuit`; idle ones are left out.
    """

    circuit: QuantumCircuit
    number: dict[Qubit, int]


def with_stages(circuit: QuantumCircuit) -> Staged:
    """Give a circuit its stages.

    Raises:
        NotRecognised: if it is not one instance of the protocol, or it is not clear which qubit is
            which.
    """
    labels = {i.label for i in circuit.data if i.name == "barrier"}
    if labels >= _STAGES and all(_REGISTER.fullmatch(r.name) for r in circuit.qregs):
        return Staged(circuit, {q: k for k, q in enumerate(circuit.qubits)})
    return _Plain(circuit).with_stages()


class _Plain:
    """A circuit without stages, taken apart."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.circuit = circuit
        self.body = [i for i in circuit.data if i.name != "barrier"]
        gates = [k for k, i in enumerate(self.body) if isinstance(i.operation, EncryptGate)]
        if len(gates) != 1:
            raise NotRecognised(f"there are {len(gates)} encryptions, not one")
        self.start = gates[0]
        self.input, *signals = self.body[self.start].qubits
        self.taken: set[int] = {self.start}
        self.reference = self._partner(self.input)
        partners = {signal: self._partner(signal) for signal in signals}
        if lonely := [self._name(s) for s, key in partners.items() if key is None]:
            raise NotRecognised(f"{', '.join(lonely)}: no Bell pair before encryption")
        self.signal_of = {key: signal for signal, key in partners.items() if key is not None}
        self.keys = self._ordered_keys()
        self.signals = [self.signal_of[key] for key in self.keys]

    def _name(self, qubit: Qubit) -> str:
        return f"qubit {self.circuit.find_bit(qubit).index}"

    def _before(self, qubit: Qubit) -> list[int]:
        """What happens to a qubit before encryption."""
        return [k for k in range(self.start) if qubit in self.body[k].qubits]

    def _partner(self, qubit: Qubit) -> Qubit | None:
        """Who shares a Bell pair with a data qubit; None if it is prepared alone."""
        mine = self._before(qubit)
        shared = [k for k in mine if len(self.body[k].qubits) > 1]
        if not shared:
            self._require_gates(mine)
            self.taken.update(mine)
            return None
        others = {q for k in shared for q in self.body[k].qubits} - {qubit}
        if len(others) != 1:
            raise NotRecognised(f"{self._name(qubit)} meets {len(others)} qubits before encryption")
        (partner,) = others
        theirs = [k for k in self._before(partner) if k <= shared[-1]]
        made = sorted({*mine, *theirs})
        self._require_gates(made)
        if not _is_bell_pair([self.body[k] for k in made], (qubit, partner)):
            raise NotRecognised(
                f"{self._name(qubit)} and {self._name(partner)} are not in the state "
                "(|00> + |11>)/√2 when encryption begins"
            )
        self.taken.update(made)
        return partner

    def _require_gates(self, indices: Iterable[int]) -> None:
        if odd := sorted({self.body[k].name for k in indices if self.body[k].clbits}):
            raise NotRecognised(f"preparation holds more than gates: {', '.join(odd)}")

    def _ordered_keys(self) -> list[Qubit]:
        """N_1 … N_n: as decryption by a gate lists them, or in the order of the signals."""
        gates = [i for i in self.body if isinstance(i.operation, DecryptGate)]
        if not gates:
            return list(self.signal_of)
        clone, *keys = gates[0].qubits
        if set(keys) != set(self.signal_of):
            raise NotRecognised("decryption takes other qubits than the key of this encryption")
        number = gates[0].operation.clone
        wanted = self.input if number == 0 else self.signal_of[keys[number - 1]]
        if clone != wanted:
            raise NotRecognised(
                f"decryption of clone {number} is applied to {self._name(clone)}, but its place "
                f"in the key belongs to {self._name(wanted)}"
            )
        return keys

    def with_stages(self) -> Staged:
        n = len(self.signals)
        registers = [
            QuantumRegister(size, name) for name, size in zip("RASN", (1, 1, n, n), strict=True)
        ]
        out = QuantumCircuit(*registers)
        out.add_bits(self.circuit.clbits)
        for register in self.circuit.cregs:
            out.add_register(register)
        on = {self.input: 1}
        on |= {qubit: 2 + k for k, qubit in enumerate((*self.signals, *self.keys))}
        if self.reference is not None:
            on[self.reference] = 0
        rest = [i for k, i in enumerate(self.body) if k not in self.taken]
        if strangers := {q for i in rest for q in i.qubits} - on.keys():
            names = ", ".join(sorted(map(self._name, strangers)))
            raise NotRecognised(f"{names}: in use, but no part of the protocol")
        self._prepare(out)
        out.append(self.body[self.start].operation, range(1, n + 2))
        out.barrier(label="encryption")
        last = self._decrypting(rest)
        for k in last:
            _copy(out, rest[k], on)
        if last:
            out.barrier(label="decryption")
        for k, instruction in enumerate(rest):
            if k not in last:
                _copy(out, instruction, on)
        return Staged(out, on)

    def _prepare(self, out: QuantumCircuit) -> None:
        n = len(self.signals)
        if self.reference is not None:
            out.h(0)
            out.cx(0, 1)
        else:
            gates = [self.body[k] for k in self._before(self.input)]
            try:
                clifford = all(not s.angle for s in steps(_alone(gates)))
            except NotClifford:
                clifford = False
            if clifford:
                for gate in gates:
                    out.append(gate.operation, [1])
            else:
                append_input_preparation(out, out.qubits[1], _state(gates))
        for k in range(2, n + 2):
            out.h(k)
            out.cx(k, k + n)
        out.barrier(label="preparation")

    def _decrypting(self, rest: Sequence[CircuitInstruction]) -> list[int]:
        """The instructions that decryption consists of, in order."""
        keys = set(self.keys)
        pairs_up = any(_joins(i, keys) for i in rest)
        needed: set[object] = set()
        found = []
        for k in range(len(rest) - 1, -1, -1):
            instruction = rest[k]
            bits = {*instruction.qubits, *instruction.clbits}
            # Where key qubits are read in pairs, turning one before it is read is part of that.
            turns = pairs_up and keys.issuperset(instruction.qubits) and not instruction.clbits
            decrypts = isinstance(instruction.operation, DecryptGate)
            if decrypts or turns or instruction.name in ("if_else", *_LOST) or bits & needed:
                needed |= bits
                found.append(k)
        return found[::-1]


def _joins(instruction: CircuitInstruction, keys: set[Qubit]) -> bool:
    return len(instruction.qubits) == 2 and keys.issuperset(instruction.qubits)


def _copy(out: QuantumCircuit, instruction: CircuitInstruction, on: dict[Qubit, int]) -> None:
    out.append(instruction.operation, [on[q] for q in instruction.qubits], instruction.clbits)


def _alone(gates: Sequence[CircuitInstruction]) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for gate in gates:
        circuit.append(gate.operation, [0])
    return circuit


def _state(gates: Sequence[CircuitInstruction]) -> PureState:
    """The state that some gates make of |0>."""
    zero, one = Statevector(_alone(gates)).data
    theta = 2 * math.atan2(abs(one), abs(zero))
    phi = float(np.angle(one) - np.angle(zero))
    return PureState(math.degrees(theta), math.degrees(phi))


def _is_bell_pair(gates: Sequence[CircuitInstruction], pair: tuple[Qubit, Qubit]) -> bool:
    circuit = QuantumCircuit(2)
    for gate in gates:
        if not set(gate.qubits) <= set(pair):
            return False
        circuit.append(gate.operation, [pair.index(q) for q in gate.qubits])
    try:
        state = StabilizerState.of_circuit(circuit)
    except NotClifford:
        return False
    wanted = {"+XX", "+ZZ", "-YY"}
    products = {
        str(a * b) for a in state.generators for b in (stim.PauliString(2), *state.generators)
    }
    return wanted <= products
