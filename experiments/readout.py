"""Readout: the measurement settings of an estimator, from a decrypted or encrypted circuit.

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
    """Build the measurement settings that an estimator needs.

    An eigenstate of a Pauli as input has one setting, in the basis of that Pauli; any other pure
    state has three, the tomography of the clone. The ``witness`` strategy measures parities, so
    ``bsm`` is refused with it.

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
    decrypted = build_decrypted_clone(cloning)
    if cloning.input != "bell":
        return tuple(_local_setting(decrypted, *basis) for basis in _bases(cloning.input))
    return build_fidelity_settings(decrypted, estimator)


def _bases(state: Input) -> tuple[tuple[str, int], ...]:
    """The Paulis to measure for an input, each with the parity that counts as success."""
    if isinstance(state, PureState):
        # The outcome +1, whatever the sign of the state's component.
        return ("X", 0), ("Y", 0), ("Z", 0)
    if state == "bell":
        return tuple((pauli, BELL_PARITY[pauli]) for pauli in "ZYX")
    return (_EIGENSTATE[state],)


@dataclass(frozen=True, eq=False)
class DecryptedClone:
    """A circuit that ends with a decrypted clone.

    Attributes:
        circuit: the circuit; its last barrier ends the decryption.
        reference: R, entangled with the input.
        clone: the decrypted qubit.
        key: noise qubits to be measured with the clone; empty unless the strategy is ``frame``.
        frame: how outcomes of the key flip outcomes of the clone.
    """

    circuit: QuantumCircuit
    reference: Qubit
    clone: Qubit
    key: tuple[Qubit, ...] = ()
    frame: PauliFrame = NO_FRAME


def build_decrypted_clone(cloning: Cloning) -> DecryptedClone:
    """Build encryption and decryption; name the qubits to be measured."""
    return decrypt_clone(build_encryption(cloning), cloning)


def decrypt_clone(circuit: QuantumCircuit, cloning: Cloning) -> DecryptedClone:
    """Append the decryption to an encrypted circuit; name the qubits to be measured.

    Args:
        circuit: ends with encryption or with what happens after it; changed in place.
        cloning: names clone and strategy; any strategy but ``witness``.
    """
    append_decryption(circuit, cloning)
    ends = register(circuit, "R")[0], clone_qubit(circuit, cloning.clone)
    if cloning.strategy != "frame":
        return DecryptedClone(circuit, *ends)
    key = tuple(register(circuit, "N"))
    return DecryptedClone(circuit, *ends, key, find_pauli_frame(cloning.n, (cloning.clone,)))


def build_fidelity_settings(decrypted: DecryptedClone, estimator: Estimator) -> tuple[Setting, ...]:
    """Build the settings for the fidelity of R and the clone with |φ>."""
    if estimator == "bsm":
        return (_bell_setting(decrypted),)
    return tuple(_local_setting(decrypted, pauli) for pauli in "ZYX")


def _local_setting(decrypted: DecryptedClone, pauli: str, eigenvalue: int | None = None) -> Setting:
    """Measure R and the clone in the basis of a Pauli (only the clone for a pure input)."""
    circuit = decrypted.circuit.copy()
    if eigenvalue is None:
        parity = BELL_PARITY[pauli]
        r, c = add_outcome_bits(circuit)
        bits = [c, r]
        append_gates(circuit, TO_Z[pauli], decrypted.reference)
        circuit.measure(decrypted.reference, r)
    else:
        parity = eigenvalue
        alone = ClassicalRegister(1, "c")
        circuit.add_register(alone)
        c = alone[0]
        bits = [c]
    append_gates(circuit, TO_Z[pauli], decrypted.clone)
    circuit.measure(decrypted.clone, c)
    key = measure_frame_key(circuit, decrypted)
    return Setting(
        pauli * len(bits),
        circuit,
        (build_frame_check(circuit, bits, parity, pauli, decrypted, key),),
    )


def _bell_setting(decrypted: DecryptedClone) -> Setting:
    circuit = decrypted.circuit.copy()
    r, c = add_outcome_bits(circuit)
    circuit.cx(decrypted.reference, decrypted.clone)
    circuit.h(decrypted.reference)
    circuit.measure([decrypted.reference, decrypted.clone], [r, c])
    key = measure_frame_key(circuit, decrypted)
    # After CX and H the clone's bit is the parity ZZ and the reference's is XX.
    checks = tuple(
        build_frame_check(circuit, [bit], 0, p, decrypted, key) for bit, p in ((c, "Z"), (r, "X"))
    )
    return Setting("bell", circuit, checks)


def _witness_settings(cloning: Cloning) -> tuple[Setting, ...]:
    bell = build_decryption(Cloning(cloning.n, cloning.clone, "witness"))
    index = {qubit: k for k, qubit in enumerate(bell.qubits)}
    reference = index[register(bell, "R")[0]]
    held = [index[clone_qubit(bell, cloning.clone)], *(index[q] for q in register(bell, "N"))]
    strings = find_recovery_stabilizers(StabilizerState.of_circuit(bell), reference, held)
    out = []
    for pauli, eigenvalue in _bases(cloning.input):
        string = strings[pauli]
        circuit = build_decryption(cloning)
        r, c = add_outcome_bits(circuit)
        key = ClassicalRegister(cloning.n, "key")
        circuit.add_register(key)
        bit_of = dict(zip([reference, *held], [r, c, *key], strict=True))
        parity = int(string.sign.real < 0)
        if cloning.input != "bell":
            # P_R equals ± P_A on |φ>: what remains is an observable of A.
            del bit_of[reference]
            parity ^= BELL_PARITY[pauli] ^ eigenvalue
        for qubit, bit in bit_of.items():
            append_gates(circuit, TO_Z["ZXYZ"[string[qubit]]], circuit.qubits[qubit])
            circuit.measure(qubit, bit)
        acting = sorted(circuit.find_bit(b).index for q, b in bit_of.items() if string[q])
        out.append(Setting(f"stabilizer-{pauli}", circuit, (Check(tuple(acting), parity),)))
    return tuple(out)


def add_outcome_bits(circuit: QuantumCircuit) -> tuple[Clbit, Clbit]:
    """Add classical registers ``r`` and ``c`` for R and the clone; return their bits."""
    r, c = ClassicalRegister(1, "r"), ClassicalRegister(1, "c")
    circuit.add_register(r, c)
    return r[0], c[0]


def measure_frame_key(circuit: QuantumCircuit, decrypted: DecryptedClone) -> Sequence[Clbit]:
    """Measure the key if the strategy is ``frame``; return its bits."""
    return tuple(measure_key(circuit, decrypted.key)) if decrypted.key else ()


def build_frame_check(
    circuit: QuantumCircuit,
    bits: Sequence[Clbit],
    parity: int,
    pauli: str,
    decrypted: DecryptedClone,
    key: Sequence[Clbit],
) -> Check:
    """Build the check that ``bits`` have a parity, corrected by the Pauli frame.

    Args:
        circuit: the circuit with all measurements.
        bits: outcomes of R and the clone, or of the clone alone.
        parity: their parity after the correction, 0 or 1.
        pauli: the measured Pauli of the clone.
        decrypted: the clone, with its frame.
        key: outcomes of the key.
    """
    used = [*bits, *(key[i] for i in decrypted.frame.key[pauli])]
    indices = tuple(sorted(circuit.find_bit(bit).index for bit in used))
    return Check(indices, parity ^ decrypted.frame.flip[pauli])
