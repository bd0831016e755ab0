"""Devices whose entangling gate is none that the inner loops speak: ions, iSWAP.

They are compiled for as if CZ were native, at the price of the gates that make one; then every CZ
is replaced by those gates, and single-qubit gates are merged.
"""

from __future__ import annotations

from dataclasses import replace

import stim
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import PassManager

from backends.compiling.clifford_passes import native_gates
from backends.compiling.two_qubit_cliffords import shortest_circuit
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot
from backends.simulation.noise import depolarizing_probability

SPOKEN = ("cz", "cx", "ecr")
"""Entangling gates that programs are lowered to directly."""

_LEAST_FACTOR = 1e-9


def _cz_of(entangler: str) -> QuantumCircuit:
    """CZ from that gate and single-qubit gates."""
    return shortest_circuit(stim.Tableau.from_named_gate("CZ"), entangler)


def as_if_cz(snapshot: DeviceSnapshot) -> DeviceSnapshot:
    """The device with CZ instead of its own gate, as long and as faulty as what makes one.

    A CZ of two gates has a pulse between them on each qubit. The factors by which gates shrink a
    correlator multiply.
    """
    count = sum(len(i.qubits) == 2 for i in _cz_of(snapshot.entangler).data)
    couplers = []
    for coupler in snapshot.working_couplers.values():
        ends = [snapshot.qubits[q] for q in coupler.qubits]
        factor = 1 - depolarizing_probability(coupler.error, 2) * 16 / 15
        pulses = 1.0
        for qubit in ends:
            pulses *= 1 - depolarizing_probability(qubit.gate_error, 1) * 4 / 3
        whole = max(_LEAST_FACTOR, factor**count * pulses ** (count - 1))
        between = max(qubit.gate_seconds for qubit in ends)
        couplers.append(
            CouplerCalibration(
                coupler.qubits,
                (1 - whole) * 15 / 16 * 4 / 5,
                count * coupler.gate_seconds + (count - 1) * between,
            )
        )
    return replace(snapshot, entangler="cz", couplers=tuple(couplers))


def translate(circuit: QuantumCircuit, snapshot: DeviceSnapshot) -> QuantumCircuit:
    """A circuit for :func:`as_if_cz` in the gates of the device itself."""
    word = _cz_of(snapshot.entangler)
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name != "cz":
            out.append(instruction)
            continue
        on = [circuit.find_bit(q).index for q in instruction.qubits]
        if tuple(on) not in snapshot.working_couplers:
            on.reverse()
        for gate in word.data:
            out.append(gate.operation, [on[word.find_bit(q).index] for q in gate.qubits])
    return PassManager(native_gates(snapshot.to_target())).run(out)
