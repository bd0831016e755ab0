"""The parts of a logical circuit with one instance of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qiskit.circuit import CircuitInstruction, QuantumCircuit, Qubit
from qiskit.circuit.library import CXGate, HGate


@dataclass(frozen=True, eq=False)
class Parts:
    """What one logical circuit consists of.

    Attributes:
        circuit: the logical circuit.
        qubits: index in the circuit of R, A, S_1 … S_n, N_1 … N_n.
        bell: whether A shares a Bell pair with R, or is prepared alone.
        start: index of the encryption.
        encrypted: index of the barrier that closes encryption.
        decoding: [first, last) of the instructions that decrypt, before anything is read.
        last_stage: index of the last labelled barrier.
        whole_key: whether the key is read or used after decryption by a gate: it must not be spent.
        lost: pairs whose data qubits are lost between encryption and decryption.
    """

    circuit: QuantumCircuit
    qubits: tuple[int, ...]
    bell: bool
    start: int
    encrypted: int
    decoding: tuple[int, int]
    last_stage: int
    whole_key: bool
    lost: frozenset[int]

    @property
    def pairs(self) -> int:
        """Data qubits, A included: n + 1."""
        return len(self.qubits) // 2

    @property
    def number(self) -> dict[Qubit, int]:
        """Qubit of the circuit → its logical number."""
        return {self.circuit.qubits[q]: k for k, q in enumerate(self.qubits)}

    @property
    def readout(self) -> Sequence[CircuitInstruction]:
        """What follows the last stage."""
        return self.circuit.data[self.last_stage + 1 :]

    @property
    def preparation_of_input(self) -> list[CircuitInstruction]:
        """What happens to A alone before encryption, its barrier included."""
        return [i for k, i in enumerate(self.circuit.data) if self.prepares_input(k)]

    def prepares_input(self, index: int) -> bool:
        """Whether an instruction acts on A alone, before encryption."""
        on = (self.circuit.qubits[self.qubits[1]],)
        return index < self.start and tuple(self.circuit.data[index].qubits) == on

    def read(self) -> frozenset[int]:
        """Logical numbers of the qubits that are measured at the end."""
        number = self.number
        return frozenset(number[i.qubits[0]] for i in self.readout if i.name == "measure")

    def is_loss(self, index: int) -> bool:
        """Whether an instruction after encryption acts on lost qubits alone: it changes nothing."""
        number = self.number
        on = {number[q] - 1 for q in self.circuit.data[index].qubits}
        return index > self.encrypted and on <= self.lost

    @property
    def lost_and_read(self) -> frozenset[int]:
        """Pairs whose lost data qubits are read for what they held: not reset before."""
        number = self.number
        first: dict[int, str] = {}
        for instruction in self.circuit.data[self.encrypted + 1 : self.decoding[0]]:
            if instruction.name in ("measure", "reset"):
                first.setdefault(number[instruction.qubits[0]] - 1, instruction.name)
        return frozenset(pair for pair in self.lost if first[pair] == "measure")

    def prefix(self, end: int) -> QuantumCircuit:
        """The circuit up to an instruction, without readouts and losses, always with a Bell pair.

        What is right for half of a Bell pair is right for every input.
        """
        prefix = self.circuit.copy_empty_like()
        if not self.bell:
            r, a = (self.circuit.qubits[q] for q in self.qubits[:2])
            prefix.append(HGate(), [r])
            prefix.append(CXGate(), [r, a])
        for k, instruction in enumerate(self.circuit.data[:end]):
            replaced = not self.bell and self.prepares_input(k)
            if instruction.name != "measure" and not self.is_loss(k) and not replaced:
                prefix.append(instruction)
        return prefix
