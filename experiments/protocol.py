"""Encrypted cloning as logical circuits: preparation, encryption, decryption.

Qubits, in this order: R (reference, entangled with the input), A (the input), S_1 … S_n
(signals, the encrypted clones), N_1 … N_n (noise qubits, together the single-use key). Nothing
acts on a noise qubit between preparation and decryption.

Four strategies of decryption give the same channel, because the key is discarded afterwards. What
they return differs (:data:`DECRYPTION_YIELDS`), so every result states its strategy:

- ``unitary``: U_dec as a gate.
- ``feedforward``: noise qubits measured in Bell pairs, then a Pauli correction in real time.
- ``frame``: the same measurements, the correction applied in software to the outcomes.
- ``witness``: no decryption; the stabilizers that make the clone recoverable are measured by
  single-qubit measurements.

Source: arXiv:2501.02757 (protocol), arXiv:2602.10695 (experiments); docs/physics.md derives
what is not printed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.classical import expr

from experiments.gates import DecryptGate, EncryptGate, require_clone
from experiments.inputs import Input, append_input_preparation
from experiments.stabilizer.states import OutcomeLaw, StabilizerState, find_recovery_stabilizers

Strategy = Literal["unitary", "feedforward", "frame", "witness"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

DECRYPTION_YIELDS: dict[Strategy, str] = {
    "unitary": "a qubit",
    "feedforward": "a qubit",
    "frame": "a qubit up to a known Pauli",
    "witness": "nothing: certifies that the clone could be decrypted",
}
"""Strategy → what it returns."""

PREDICTED_WITHOUT: dict[Strategy, str] = {
    "feedforward": "calibrations state no time for gates in real time, so that it counts as none",
}
"""Strategy → what its prediction leaves out; others leave out nothing of their own."""

BELL_PARITY = {"Z": 0, "Y": 1, "X": 0}
"""Parity of the two outcomes on |φ> = (|00> + |11>)/√2 when both are measured in one basis."""

TO_Z: dict[str, tuple[str, ...]] = {"X": ("h",), "Y": ("sdg", "h"), "Z": ()}
"""Pauli letter → gates before a measurement of Z that make it a measurement of this Pauli."""


@dataclass(frozen=True)
class Cloning:
    """One instance of the protocol: number of signals, decrypted clone, strategy and input.

    >>> Cloning(n=3, clone=2, strategy="frame").num_qubits
    8

    Attributes:
        n: number of signal qubits (cloning parameter), n >= 2.
        clone: index of the decrypted clone, 1 … n; 0 is the input qubit A (n even).
        strategy: strategy of decryption.
        input: ``bell`` (A shares |φ> with R) or a state of A.
    """

    n: int
    clone: int = 1
    strategy: Strategy = "unitary"
    input: Input = "bell"

    def __post_init__(self) -> None:
        require_clone(self.n, self.clone)

    @property
    def num_qubits(self) -> int:
        """Number of logical qubits: R, A, n signals and n noise qubits."""
        return 2 * self.n + 2

    @property
    def parameters(self) -> dict[str, int | str]:
        """Its parameters, under the names of a result row."""
        return {"n": self.n, "clone": self.clone, "strategy": self.strategy}

    @property
    def label(self) -> str:
        """First part of the label of a point, e.g. ``n05-clone1-unitary``."""
        return f"n{self.n:02d}-clone{self.clone}-{self.strategy}"


@dataclass(frozen=True)
class PauliFrame:
    """The Pauli frame: how outcomes of the key flip outcomes of the clone.

    Attributes:
        key: Pauli letter → indices of the noise qubits whose outcomes flip a measurement of that
            Pauli on the clone: N_{i+1} has index i, the keys of inner generations follow.
        flip: Pauli letter → constant flip, 0 or 1.
    """

    key: dict[str, tuple[int, ...]]
    flip: dict[str, int]


NO_FRAME = PauliFrame(dict.fromkeys("ZYX", ()), dict.fromkeys("ZYX", 0))
"""The Pauli frame of a strategy that returns the qubit itself."""


def register(circuit: QuantumCircuit, name: str) -> QuantumRegister:
    """The quantum register called ``name``."""
    return next(found for found in circuit.qregs if found.name == name)


def clone_qubit(circuit: QuantumCircuit, clone: int) -> Qubit:
    """The qubit of clone j: S_j, or A for j = 0."""
    return register(circuit, "A")[0] if clone == 0 else register(circuit, "S")[clone - 1]


def append_gates(circuit: QuantumCircuit, gates: Iterable[str], qubit: Qubit) -> None:
    """Append single-qubit gates, given by their Qiskit names, in order."""
    for gate in gates:
        getattr(circuit, gate)(qubit)


def build_encryption(cloning: Cloning) -> QuantumCircuit:
    """Build preparation and encryption, each followed by a barrier labelled with its name."""
    circuit = build_preparation(cloning)
    circuit.append(EncryptGate(cloning.n), [register(circuit, "A")[0], *register(circuit, "S")])
    circuit.barrier(label="encryption")
    return circuit


def build_preparation(cloning: Cloning) -> QuantumCircuit:
    """Build registers R, A, S, N and the preparation of input and Bell pairs, with a barrier."""
    n = cloning.n
    r, a = QuantumRegister(1, "R"), QuantumRegister(1, "A")
    s, noise = QuantumRegister(n, "S"), QuantumRegister(n, "N")
    circuit = QuantumCircuit(r, a, s, noise)
    if cloning.input == "bell":
        circuit.h(r[0])
        circuit.cx(r[0], a[0])
    append_input_preparation(circuit, a[0], cloning.input)
    for signal, key in zip(s, noise, strict=True):
        circuit.h(signal)
        circuit.cx(signal, key)
    circuit.barrier(label="preparation")
    return circuit


def build_decryption(cloning: Cloning) -> QuantumCircuit:
    """Build preparation, encryption and decryption by the chosen strategy, with barriers.

    With ``frame`` the key is rotated to the basis of its measurement, but is measured together with
    the clone, after the last barrier. With ``witness`` there is no decryption.
    """
    circuit = build_encryption(cloning)
    return circuit if cloning.strategy == "witness" else append_decryption(circuit, cloning)


def append_decryption(circuit: QuantumCircuit, cloning: Cloning) -> QuantumCircuit:
    """Append the decryption by the chosen strategy, and its barrier; return the same circuit."""
    if cloning.strategy == "unitary":
        gate = DecryptGate(cloning.n, cloning.clone)
        circuit.append(gate, [clone_qubit(circuit, cloning.clone), *register(circuit, "N")])
    else:
        path = (cloning.clone,)
        clone, key = clone_qubit(circuit, cloning.clone), list(register(circuit, "N"))
        diagonalize_key(circuit, clone, key, cloning.n, path)
        if cloning.strategy == "feedforward":
            append_feedforward(circuit, clone, key, find_pauli_frame(cloning.n, path))
    circuit.barrier(label="decryption")
    return circuit


def build_nested_cloning(n: int, path: Sequence[int]) -> tuple[QuantumCircuit, Qubit, list[Qubit]]:
    """Build nested cloning along a path: each generation encrypts a clone of the previous one.

    Args:
        n: number of signal qubits of every generation.
        path: index of the clone of each generation that is encrypted next, and last the one that
            is decrypted (0 for the input qubit itself); outermost generation first.

    Returns:
        The circuit with registers R, A, S, N, S1, N1, …; the last clone; the noise qubits,
        outermost generation first.
    """
    circuit = build_encryption(Cloning(n, path[0]))
    clone, key = clone_qubit(circuit, path[0]), list(register(circuit, "N"))
    for level, choice in enumerate(path[1:], start=1):
        signals, noise = add_bell_pairs(circuit, n, str(level))
        circuit.append(EncryptGate(n), [clone, *signals])
        clone = clone if choice == 0 else signals[choice - 1]
        key += list(noise)
    return circuit, clone, key


def add_bell_pairs(
    circuit: QuantumCircuit, n: int, suffix: str
) -> tuple[QuantumRegister, QuantumRegister]:
    """Add registers S and N of ``n`` qubits with a suffix, and prepare their Bell pairs."""
    signals, noise = QuantumRegister(n, f"S{suffix}"), QuantumRegister(n, f"N{suffix}")
    circuit.add_register(signals, noise)
    for signal, partner in zip(signals, noise, strict=True):
        circuit.h(signal)
        circuit.cx(signal, partner)
    return signals, noise


@cache
def find_recovery_strings(n: int, path: tuple[int, ...]) -> dict[str, str]:
    """Find the Pauli strings on the clone and its key that equal each Pauli of the input.

    Args:
        n: number of signal qubits of every generation.
        path: index of the clone of each generation, outermost first.

    Returns:
        Pauli letter of the input → letters (``I`` included) on the clone and then on the key.
    """
    circuit, clone, key = build_nested_cloning(n, path)
    held = [circuit.find_bit(q).index for q in (clone, *key)]
    reference = circuit.find_bit(register(circuit, "R")[0]).index
    found = find_recovery_stabilizers(StabilizerState.of_circuit(circuit), reference, held)
    return {p: "".join("IXYZ"[string[q]] for q in held) for p, string in found.items()}


@cache
def find_pauli_frame(n: int, path: tuple[int, ...]) -> PauliFrame:
    """Find the Pauli frame of a clone whose key is measured instead of used in a gate.

    It follows from the stabilizers of the ideal circuit: in each basis some outcomes of the key
    make the parity of R and the clone certain.

    Args:
        n: number of signal qubits of every generation.
        path: index of the clone of each generation, outermost first.
    """
    key, flip = {}, {}
    for pauli in "ZYX":
        circuit, clone, noise = build_nested_cloning(n, path)
        diagonalize_key(circuit, clone, noise, n, path)
        ends = ClassicalRegister(2, "ends")
        circuit.add_register(ends)
        for bit, qubit in enumerate((register(circuit, "R")[0], clone)):
            append_gates(circuit, TO_Z[pauli], qubit)
            circuit.measure(qubit, ends[bit])
        measure_key(circuit, noise)
        law = OutcomeLaw.of_circuit(circuit)
        completed = law.complete(0b11, free=((1 << len(noise)) - 1) << 2)
        if completed is None:
            raise AssertionError(f"no key string recovers {pauli} of clone {path} at n = {n}")
        mask, parity = completed
        key[pauli] = tuple(i for i in range(len(noise)) if mask >> (i + 2) & 1)
        flip[pauli] = parity ^ BELL_PARITY[pauli]
    return PauliFrame(key, flip)


def measure_key(
    circuit: QuantumCircuit, noise: Sequence[Qubit], name: str = "key"
) -> ClassicalRegister:
    """Measure noise qubits into a new classical register called ``name``."""
    key = ClassicalRegister(len(noise), name)
    circuit.add_register(key)
    circuit.measure(noise, key)
    return key


TO_Z_AND_X: dict[str, tuple[str, ...]] = {
    "ZX": (),
    "XZ": ("h",),
    "YX": ("sx",),
    "ZY": ("sdg",),
    "XY": ("h", "s"),
    "YZ": ("h", "sxdg"),
}
"""Two Pauli letters → gates that map the first to Z and the second to X, up to signs."""


def diagonalize_key(
    circuit: QuantumCircuit, clone: Qubit, key: Sequence[Qubit], n: int, path: tuple[int, ...]
) -> None:
    """Diagonalize the two commuting key strings: map them to products of Z on noise qubits.

    The strings are those that equal Z and X of the input. Where they have the same letter on a
    noise qubit, or only one of them acts on it, this qubit is rotated alone. Where their letters
    anticommute, noise qubits are paired, and the two products of a pair are mapped to Z by the
    gates of a Bell measurement. The clone is rotated so that its Paulis are those of the input.
    """
    strings = find_recovery_strings(n, path)
    letters = list(zip(strings["Z"], strings["X"], strict=True))
    append_gates(circuit, TO_Z_AND_X["".join(letters[0])], clone)
    paired = []
    for qubit, (z, x) in zip(key, letters[1:], strict=True):
        if z != x and "I" not in (z, x):
            append_gates(circuit, TO_Z_AND_X[z + x], qubit)
            paired.append(qubit)
        elif (letter := z if z != "I" else x) != "I":
            append_gates(circuit, _ALONE[letter], qubit)
    for first, second in zip(paired[::2], paired[1::2], strict=True):
        circuit.cx(first, second)
        circuit.h(first)


_ALONE: dict[str, tuple[str, ...]] = {"X": ("h",), "Y": ("sx",), "Z": ()}
"""Pauli letter → gates that map it to Z, up to a sign."""


def append_feedforward(
    circuit: QuantumCircuit,
    clone: Qubit,
    key: Sequence[Qubit],
    frame: PauliFrame,
    name: str = "key",
) -> None:
    """Append feedforward: measure the key, then correct the clone by conditional X and Z."""
    bits = measure_key(circuit, key, name)
    for flipped, correction in (("Z", "x"), ("X", "z")):
        if frame.flip[flipped]:
            append_gates(circuit, (correction,), clone)
        with circuit.if_test(_odd([bits[i] for i in frame.key[flipped]])):
            append_gates(circuit, (correction,), clone)


def _odd(bits: list[Clbit]) -> expr.Expr | tuple[Clbit, int]:
    if len(bits) == 1:
        return bits[0], 1
    return reduce(expr.bit_xor, bits[1:], expr.lift(bits[0]))
