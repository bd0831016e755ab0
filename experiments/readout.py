"""Readout: from a decrypted (or merely encrypted) circuit to the settings of an estimator.

- ``bsm``: a Bell measurement of R and the clone; success is the outcome 00.
- ``parity``: parity oscillations (arXiv:2602.10695, Methods); for two qubits the three local
  settings ZZ, YY and XX.
- ``witness`` strategy: three settings of single-qubit measurements, one stabilizer each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, Qubit

from experiments.inputs import Input, NamedInput, PureState
from experiments.protocol import (
    BELL_PARITY,
    NO_FRAME,
    TO_Z,
    Cloning,
    PauliFrame,
    append_decryption,
    append_gates,
    build_decryption,
    build_encryption,
    clone_qubit,
    find_pauli_frame,
    measure_key,
    register,
)
from experiments.settings import Check, Setting
from experiments.stabilizer.states import StabilizerState, find_recovery_stabilizers

Estimator = Literal["bsm", "parity"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)

_EIGENSTATE: dict[NamedInput, tuple[str, int]] = {
    "0": ("Z", 0),
    "1": ("Z", 1),
    "+": ("X", 0),
    "-": ("X", 1),
    "+i": ("Y", 0),
    "-i": ("Y", 1),
}


def build_settings(cloning: Cloning, estimator: Estimator) -> tuple[Setting, ...]:
    """The circuits whose outcomes the estimator needs.

    With an eigenstate of a Pauli as input there is one setting, in that Pauli's basis; with any
    other pure state there are three, the tomography of the clone. The ``witness`` strategy
    measures parities by its nature: ``bsm`` is refused there.

    Raises:
        ValueError: for ``bsm`` with ``witness``.
    """
    if cloning.strategy == "witness":
        if estimator == "bsm":
            raise ValueError(
                "strategy 'witness' decrypts nothing, so there is no clone for a Bell "
                "measurement; use estimator 'parity' with it"
            )
        return _witness_settings(cloning)
    done = build_decrypted_clone(cloning)
    if cloning.input != "bell":
        return tuple(_local_setting(done, *one) for one in _wanted(cloning.input))
    return build_fidelity_settings(done, estimator)


def _wanted(state: Input) -> tuple[tuple[str, int], ...]:
    """Paulis of the input to look at, each with the parity that counts as success."""
    if isinstance(state, PureState):
        # The outcome +1, whichever sign the state's own component has.
        return ("X", 0), ("Y", 0), ("Z", 0)
    if state == "bell":
        return tuple((pauli, BELL_PARITY[pauli]) for pauli in "ZYX")
    return (_EIGENSTATE[state],)


@dataclass(frozen=True, eq=False)
class DecryptedClone:
    """A circuit that ends with a decrypted clone.

    Attributes:
        circuit: its last barrier closes the decryption.
        reference: R, entangled with what was cloned.
        clone: the qubit that came back.
        key: noise qubits that are read with the rest; empty unless the strategy is ``frame``.
        frame: how their outcomes flip those of the clone.
    """

    circuit: QuantumCircuit
    reference: Qubit
    clone: Qubit
    key: tuple[Qubit, ...] = ()
    frame: PauliFrame = NO_FRAME


def build_decrypted_clone(cloning: Cloning) -> DecryptedClone:
    """Encryption and decryption, with what is needed to read the clone."""
    return decrypt_clone(build_encryption(cloning), cloning)


def decrypt_clone(circuit: QuantumCircuit, cloning: Cloning) -> DecryptedClone:
    """Append the decryption to an encrypted circuit, with what is needed to read the clone.

    Args:
        circuit: ends with encryption, or what happened after it; changed in place.
        cloning: its clone is decrypted, by any strategy but ``witness``.
    """
    append_decryption(circuit, cloning)
    ends = register(circuit, "R")[0], clone_qubit(circuit, cloning.clone)
    if cloning.strategy != "frame":
        return DecryptedClone(circuit, *ends)
    key = tuple(register(circuit, "N"))
    return DecryptedClone(circuit, *ends, key, find_pauli_frame(cloning.n, (cloning.clone,)))


def build_fidelity_settings(done: DecryptedClone, estimator: Estimator) -> tuple[Setting, ...]:
    """The settings that give the fidelity of R and the clone with |φ>."""
    if estimator == "bsm":
        return (_bell_setting(done),)
    return tuple(_local_setting(done, pauli) for pauli in "ZYX")


def _local_setting(done: DecryptedClone, pauli: str, eigenvalue: int | None = None) -> Setting:
    """R and the clone measured in the basis of one Pauli (only the clone for a pure input)."""
    circuit = done.circuit.copy()
    if eigenvalue is None:
        parity = BELL_PARITY[pauli]
        r, c = add_outcome_bits(circuit)
        bits = [c, r]
        append_gates(circuit, TO_Z[pauli], done.reference)
        circuit.measure(done.reference, r)
    else:
        parity = eigenvalue
        alone = ClassicalRegister(1, "c")
        circuit.add_register(alone)
        c = alone[0]
        bits = [c]
    append_gates(circuit, TO_Z[pauli], done.clone)
    circuit.measure(done.clone, c)
    key = measure_frame_key(circuit, done)
    return Setting(
        pauli * len(bits), circuit, (build_frame_check(circuit, bits, parity, pauli, done, key),)
    )


def _bell_setting(done: DecryptedClone) -> Setting:
    circuit = done.circuit.copy()
    r, c = add_outcome_bits(circuit)
    circuit.cx(done.reference, done.clone)
    circuit.h(done.reference)
    circuit.measure([done.reference, done.clone], [r, c])
    key = measure_frame_key(circuit, done)
    # After CX and H the clone's bit is the parity ZZ and the reference's is XX.
    checks = tuple(
        build_frame_check(circuit, [bit], 0, p, done, key) for bit, p in ((c, "Z"), (r, "X"))
    )
    return Setting("bell", circuit, checks)


def _witness_settings(cloning: Cloning) -> tuple[Setting, ...]:
    bell = build_decryption(Cloning(cloning.n, cloning.clone, "witness"))
    index = {qubit: k for k, qubit in enumerate(bell.qubits)}
    reference = index[register(bell, "R")[0]]
    held = [index[clone_qubit(bell, cloning.clone)], *(index[q] for q in register(bell, "N"))]
    strings = find_recovery_stabilizers(StabilizerState.of_circuit(bell), reference, held)
    out = []
    for pauli, wanted in _wanted(cloning.input):
        string = strings[pauli]
        circuit = build_decryption(cloning)
        r, c = add_outcome_bits(circuit)
        key = ClassicalRegister(cloning.n, "key")
        circuit.add_register(key)
        bit_of = dict(zip([reference, *held], [r, c, *key], strict=True))
        parity = int(string.sign.real < 0)
        if cloning.input != "bell":
            # P_R is worth ± P_A on |φ>: what is left is an observable of A.
            del bit_of[reference]
            parity ^= BELL_PARITY[pauli] ^ wanted
        for qubit, bit in bit_of.items():
            append_gates(circuit, TO_Z["ZXYZ"[string[qubit]]], circuit.qubits[qubit])
            circuit.measure(qubit, bit)
        acting = sorted(circuit.find_bit(b).index for q, b in bit_of.items() if string[q])
        out.append(Setting(f"stabilizer-{pauli}", circuit, (Check(tuple(acting), parity),)))
    return tuple(out)


def add_outcome_bits(circuit: QuantumCircuit) -> tuple[Clbit, Clbit]:
    """Add the registers ``r`` and ``c`` for R and the clone; return their bits."""
    r, c = ClassicalRegister(1, "r"), ClassicalRegister(1, "c")
    circuit.add_register(r, c)
    return r[0], c[0]


def measure_frame_key(circuit: QuantumCircuit, done: DecryptedClone) -> Sequence[Clbit]:
    """Measure the key if the strategy reads it; return its bits."""
    return tuple(measure_key(circuit, done.key)) if done.key else ()


def build_frame_check(
    circuit: QuantumCircuit,
    bits: Sequence[Clbit],
    parity: int,
    pauli: str,
    done: DecryptedClone,
    key: Sequence[Clbit],
) -> Check:
    """The check that ``bits`` have a parity, once the frame has flipped the clone's Pauli."""
    used = [*bits, *(key[i] for i in done.frame.key[pauli])]
    indices = tuple(sorted(circuit.find_bit(bit).index for bit in used))
    return Check(indices, parity ^ done.frame.flip[pauli])
