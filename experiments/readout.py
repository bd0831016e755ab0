"""Readout: from a decrypted (or merely encrypted) circuit to the settings of an estimator.

- ``bsm``: a Bell measurement of R and the clone; success is the outcome 00.
- ``parity``: parity oscillations (arXiv:2602.10695, Methods); for two qubits the three local
  settings ZZ, YY and XX.
- ``witness`` strategy: three settings of single-qubit measurements, one stabilizer each.
"""

from __future__ import annotations

from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit

from experiments.protocol import (
    BELL_PARITY,
    NO_FRAME,
    TO_Z,
    Cloning,
    Input,
    PauliFrame,
    apply,
    clone_qubit,
    decrypted,
    pauli_frame,
    read_key,
    register,
)
from experiments.settings import Check, Setting
from experiments.stabilizers import StabilizerState, recoverable

Estimator = Literal["bsm", "parity"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)

_EIGENSTATE: dict[Input, tuple[str, int]] = {
    "0": ("Z", 0),
    "1": ("Z", 1),
    "+": ("X", 0),
    "-": ("X", 1),
    "+i": ("Y", 0),
    "-i": ("Y", 1),
}


def settings(cloning: Cloning, estimator: Estimator) -> tuple[Setting, ...]:
    """The circuits whose outcomes the estimator needs.

    With an eigenstate of a Pauli as input there is one setting, in that Pauli's basis. The
    ``witness`` strategy measures parities by its nature: ``bsm`` is refused there.

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
    if cloning.input != "bell":
        return (_local_setting(cloning, _EIGENSTATE[cloning.input][0]),)
    if estimator == "bsm":
        return (_bell_setting(cloning),)
    return tuple(_local_setting(cloning, pauli) for pauli in "ZYX")


def _frame(cloning: Cloning) -> PauliFrame:
    return pauli_frame(cloning.n, cloning.clone) if cloning.strategy == "frame" else NO_FRAME


def _local_setting(cloning: Cloning, pauli: str) -> Setting:
    """R and the clone measured in the basis of one Pauli (only the clone for a pure input)."""
    circuit = decrypted(cloning)
    r, c = _end_bits(circuit)
    clone = clone_qubit(circuit, cloning.clone)
    bits, parity = [c], BELL_PARITY[pauli]
    if cloning.input == "bell":
        bits.append(r)
        reference = register(circuit, "R")[0]
        apply(circuit, TO_Z[pauli], reference)
        circuit.measure(reference, r)
    else:
        parity = _EIGENSTATE[cloning.input][1]
    apply(circuit, TO_Z[pauli], clone)
    circuit.measure(clone, c)
    check = _framed(circuit, bits, parity, pauli, _read_frame(circuit, cloning))
    return Setting(pauli * len(bits), circuit, (check,))


def _bell_setting(cloning: Cloning) -> Setting:
    circuit = decrypted(cloning)
    r, c = _end_bits(circuit)
    reference, clone = register(circuit, "R")[0], clone_qubit(circuit, cloning.clone)
    circuit.cx(reference, clone)
    circuit.h(reference)
    circuit.measure([reference, clone], [r, c])
    frame = _read_frame(circuit, cloning)
    # After CX and H the clone's bit is the parity ZZ and the reference's is XX.
    checks = tuple(_framed(circuit, [bit], 0, p, frame) for bit, p in ((c, "Z"), (r, "X")))
    return Setting("bell", circuit, checks)


def _witness_settings(cloning: Cloning) -> tuple[Setting, ...]:
    bell = decrypted(Cloning(cloning.n, cloning.clone, "witness"))
    index = {qubit: k for k, qubit in enumerate(bell.qubits)}
    reference = index[register(bell, "R")[0]]
    held = [index[clone_qubit(bell, cloning.clone)], *(index[q] for q in register(bell, "N"))]
    strings = recoverable(StabilizerState.of_circuit(bell), reference, held)
    wanted = "ZYX" if cloning.input == "bell" else _EIGENSTATE[cloning.input][0]
    out = []
    for pauli in wanted:
        string = strings[pauli]
        circuit = decrypted(cloning)
        r, c = _end_bits(circuit)
        key = ClassicalRegister(cloning.n, "key")
        circuit.add_register(key)
        bit_of = dict(zip([reference, *held], [r, c, *key], strict=True))
        parity = int(string.sign.real < 0)
        if cloning.input != "bell":
            # P_R is worth ± P_A on |φ>, and the input is an eigenstate of P_A.
            del bit_of[reference]
            parity ^= BELL_PARITY[pauli] ^ _EIGENSTATE[cloning.input][1]
        for qubit, bit in bit_of.items():
            apply(circuit, TO_Z["ZXYZ"[string[qubit]]], circuit.qubits[qubit])
            circuit.measure(qubit, bit)
        acting = sorted(circuit.find_bit(b).index for q, b in bit_of.items() if string[q])
        out.append(Setting(f"stabilizer-{pauli}", circuit, (Check(tuple(acting), parity),)))
    return tuple(out)


def _end_bits(circuit: QuantumCircuit) -> tuple[Clbit, Clbit]:
    """Add the registers ``r`` and ``c`` for R and the clone; return their bits."""
    r, c = ClassicalRegister(1, "r"), ClassicalRegister(1, "c")
    circuit.add_register(r, c)
    return r[0], c[0]


def _read_frame(circuit: QuantumCircuit, cloning: Cloning) -> PauliFrame:
    if cloning.strategy == "frame":
        read_key(circuit)
    return _frame(cloning)


def _framed(
    circuit: QuantumCircuit, bits: list[Clbit], parity: int, pauli: str, frame: PauliFrame
) -> Check:
    key = next((reg for reg in circuit.cregs if reg.name == "key"), ())
    used = [*bits, *(key[i] for i in frame.key[pauli])]
    indices = tuple(sorted(circuit.find_bit(bit).index for bit in used))
    return Check(indices, parity ^ frame.flip[pauli])
