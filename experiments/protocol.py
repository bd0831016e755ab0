"""Encrypted cloning as logical circuits: preparation, encryption, decryption.

Qubits, in this order: R (keeps half of a Bell pair with the input), A (the input), S_1 … S_n
(signals, the encrypted clones), N_1 … N_n (noise qubits, together the single-use key). Nothing
acts on a noise qubit between preparation and decryption.

Four ways to decrypt give the same channel, because the key is discarded afterwards; what they
hand back differs (:data:`HANDS_BACK`), so every result says which it was:

- ``unitary``: U_dec as a gate.
- ``feedforward``: noise qubits measured in Bell pairs, then a Pauli correction in real time.
- ``frame``: the same measurements, the correction applied in software to the outcomes.
- ``witness``: nothing is decrypted; the stabilizers that make the clone recoverable are
  measured by single-qubit measurements.

Source: arXiv:2501.02757 (protocol), arXiv:2602.10695 (experiments); docs/physics.md derives
what is not printed there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.classical import expr

from experiments.gates import DecryptGate, EncryptGate, require_clone
from experiments.stabilizers import OutcomeLaw

Strategy = Literal["unitary", "feedforward", "frame", "witness"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

Input = Literal["bell", "0", "1", "+", "-", "+i", "-i"]
INPUTS: tuple[Input, ...] = get_args(Input)

HANDS_BACK: dict[Strategy, str] = {
    "unitary": "a qubit",
    "feedforward": "a qubit",
    "frame": "a qubit up to a known Pauli",
    "witness": "nothing: certifies that the clone could be decrypted",
}

BELL_PARITY = {"Z": 0, "Y": 1, "X": 0}
"""Parity of the two outcomes on |φ> = (|00> + |11>)/√2 when both are measured in one basis."""

TO_Z: dict[str, tuple[str, ...]] = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}
"""Gates that turn the measurement of a Pauli into one of Z."""

_PREPARE: dict[Input, tuple[str, ...]] = {
    "bell": (),
    "0": (),
    "1": ("x",),
    "+": ("h",),
    "-": ("x", "h"),
    "+i": ("h", "s"),
    "-i": ("h", "sdg"),
}


@dataclass(frozen=True)
class Cloning:
    """One use of the protocol: how many signals, which clone comes back, and how.

    Attributes:
        n: number of signal qubits (cloning parameter), n >= 2.
        clone: the clone that is decrypted, 1 … n; 0 is the input qubit A (n even).
        strategy: how it is decrypted.
        input: ``bell`` (A shares |φ> with R) or a Pauli eigenstate of A.
    """

    n: int
    clone: int = 1
    strategy: Strategy = "unitary"
    input: Input = "bell"

    def __post_init__(self) -> None:
        require_clone(self.n, self.clone)

    @property
    def num_qubits(self) -> int:
        """Logical qubits: R, A, n signals and n noise qubits."""
        return 2 * self.n + 2


@dataclass(frozen=True)
class PauliFrame:
    """How the outcomes of the key flip the outcomes of the clone.

    Attributes:
        key: Pauli letter → indices i of the noise qubits N_{i+1} whose outcomes flip a
            measurement of that Pauli on the clone.
        flip: Pauli letter → a constant flip, 0 or 1.
    """

    key: dict[str, tuple[int, ...]]
    flip: dict[str, int]


NO_FRAME = PauliFrame(dict.fromkeys("ZYX", ()), dict.fromkeys("ZYX", 0))
"""The frame of a strategy that hands back the qubit itself."""


def register(circuit: QuantumCircuit, name: str) -> QuantumRegister:
    """The quantum register called ``name``."""
    return next(found for found in circuit.qregs if found.name == name)


def clone_qubit(circuit: QuantumCircuit, clone: int) -> Qubit:
    """S_j of clone j, or A for clone 0."""
    return register(circuit, "A")[0] if clone == 0 else register(circuit, "S")[clone - 1]


def apply(circuit: QuantumCircuit, gates: Iterable[str], qubit: Qubit) -> None:
    """Append the named single-qubit gates in order."""
    for gate in gates:
        getattr(circuit, gate)(qubit)


def encrypted(cloning: Cloning) -> QuantumCircuit:
    """Preparation and encryption, each closed by a barrier that bears its name."""
    n = cloning.n
    r, a = QuantumRegister(1, "R"), QuantumRegister(1, "A")
    s, noise = QuantumRegister(n, "S"), QuantumRegister(n, "N")
    circuit = QuantumCircuit(r, a, s, noise)
    if cloning.input == "bell":
        circuit.h(r[0])
        circuit.cx(r[0], a[0])
    apply(circuit, _PREPARE[cloning.input], a[0])
    for signal, key in zip(s, noise, strict=True):
        circuit.h(signal)
        circuit.cx(signal, key)
    circuit.barrier(label="preparation")
    circuit.append(EncryptGate(n), [a[0], *s])
    circuit.barrier(label="encryption")
    return circuit


def decrypted(cloning: Cloning) -> QuantumCircuit:
    """:func:`encrypted`, then decryption by the chosen strategy, closed by a barrier.

    With ``frame`` the key is rotated to the basis in which it will be read, but is read only
    with the rest, after the last barrier. With ``witness`` there is no decryption.
    """
    circuit = encrypted(cloning)
    if cloning.strategy == "witness":
        return circuit
    if cloning.strategy == "unitary":
        gate = DecryptGate(cloning.n, cloning.clone)
        circuit.append(gate, [clone_qubit(circuit, cloning.clone), *register(circuit, "N")])
    else:
        _rotate_key(circuit, cloning.n, cloning.clone)
        if cloning.strategy == "feedforward":
            _correct_in_real_time(circuit, cloning)
    circuit.barrier(label="decryption")
    return circuit


@cache
def pauli_frame(n: int, clone: int) -> PauliFrame:
    """The frame left on a clone when the key is rotated and read instead of used.

    Derived from the stabilizers of the ideal circuit: which outcomes of the key make the
    parity of R and the clone certain, in each basis.
    """
    key, flip = {}, {}
    for pauli in "ZYX":
        circuit = encrypted(Cloning(n, clone))
        _rotate_key(circuit, n, clone)
        ends = ClassicalRegister(2, "ends")
        circuit.add_register(ends)
        for bit, qubit in enumerate((register(circuit, "R")[0], clone_qubit(circuit, clone))):
            apply(circuit, TO_Z[pauli], qubit)
            circuit.measure(qubit, ends[bit])
        read_key(circuit)
        law = OutcomeLaw.of_circuit(circuit)
        completed = law.completed(0b11, free=((1 << n) - 1) << 2)
        if completed is None:
            raise AssertionError(f"no key string recovers {pauli} of clone {clone} at n = {n}")
        mask, parity = completed
        key[pauli] = tuple(i for i in range(n) if mask >> (i + 2) & 1)
        flip[pauli] = parity ^ BELL_PARITY[pauli]
    return PauliFrame(key, flip)


def read_key(circuit: QuantumCircuit) -> ClassicalRegister:
    """Measure every noise qubit into a new classical register ``key``."""
    noise = register(circuit, "N")
    key = ClassicalRegister(len(noise), "key")
    circuit.add_register(key)
    circuit.measure(noise, key)
    return key


def _rotate_key(circuit: QuantumCircuit, n: int, clone: int) -> None:
    """Turn the two commuting key strings into products of Z on single noise qubits.

    The strings that complete the clone's two Paulis read, on N_j and on each other N_i:
    (Y, X) and (Z, Y) for even n; (Y, Y) and (Z, X) for odd n; (Z, Y) on every noise qubit for
    the clone A. Where they agree the qubit is read alone; where they anticommute qubits are
    paired, and the pair's two products are those of a Bell measurement. The clone itself is
    turned so that its two Paulis are the ones that R shows.
    """
    returned, noise = clone_qubit(circuit, clone), register(circuit, "N")
    paired = list(range(n))
    if clone == 0:
        apply(circuit, ("h", "sxdg"), returned)
        circuit.sdg(noise)
    elif n % 2 == 0:
        apply(circuit, ("h", "s"), returned)
        for index, qubit in enumerate(noise):
            apply(circuit, ("sx",) if index == clone - 1 else ("sdg",), qubit)
    else:
        apply(circuit, ("h",), returned)
        apply(circuit, ("sx",), noise[clone - 1])
        paired.remove(clone - 1)
    for first, second in zip(paired[::2], paired[1::2], strict=True):
        circuit.cx(noise[first], noise[second])
        circuit.h(noise[first])


def _correct_in_real_time(circuit: QuantumCircuit, cloning: Cloning) -> None:
    """Measure the key; then apply X and Z to the clone, each where its frame bits are odd."""
    frame = pauli_frame(cloning.n, cloning.clone)
    key = read_key(circuit)
    returned = clone_qubit(circuit, cloning.clone)
    for flipped, correction in (("Z", "x"), ("X", "z")):
        if frame.flip[flipped]:
            apply(circuit, (correction,), returned)
        with circuit.if_test(_odd([key[i] for i in frame.key[flipped]])):
            apply(circuit, (correction,), returned)


def _odd(bits: list[Clbit]) -> expr.Expr | tuple[Clbit, int]:
    if len(bits) == 1:
        return bits[0], 1
    return reduce(expr.bit_xor, bits[1:], expr.lift(bits[0]))
