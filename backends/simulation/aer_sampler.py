"""Qiskit Aer as a second, independent simulator of the same noisy circuits.

Slower than stim, but not limited to Clifford gates without noise. Agreement of both validates the
translation to either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Literal

from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.primitives import BitArray
from qiskit_aer import AerSimulator
from qiskit_aer.noise import QuantumError, pauli_error

from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise import (
    Channel,
    Event,
    noisy_events,
    readout_asymmetries,
    replace_outcomes,
)
from backends.simulation.noise_models import CALIBRATION, NoiseModel
from experiments.stabilizer.clifford import Step, steps

Method = Literal["automatic", "stabilizer", "statevector", "density_matrix"]


def sample(
    circuit: QuantumCircuit,
    snapshot: DeviceSnapshot | None,
    shots: int,
    seed: int,
    method: Method = "stabilizer",
    model: NoiseModel = CALIBRATION,
) -> BitArray:
    """Sample a circuit, with the snapshot's noise if there is one.

    Raises:
        NotClifford: with a snapshot, if the circuit holds other gates than Clifford gates and Z
            rotations.
        RuntimeError: if Aer cannot run the circuit.
    """
    events = noisy_events(tuple(steps(circuit)), snapshot, model=model) if snapshot else ()
    if snapshot is None:
        runnable = _one_register(circuit)
        method = "automatic"
    else:
        runnable = _noisy_circuit(events, circuit.num_clbits)
        if any(step.angle for step in steps(circuit)):
            method = "automatic"
    simulator = AerSimulator(method=method, seed_simulator=seed % 2**31)
    result = simulator.run(runnable, shots=shots, memory=True).result()
    if not result.success:
        raise RuntimeError(f"Aer could not run the circuit: {result.status}")
    sampled = BitArray.from_samples(
        [int(shot.replace(" ", ""), 2) for shot in result.get_memory()], circuit.num_clbits
    )
    asymmetries = readout_asymmetries(events)
    if not asymmetries:
        return sampled
    outcomes = sampled.to_bool_array(order="little")
    replace_outcomes(outcomes, asymmetries, seed)
    return BitArray.from_bool_array(outcomes, order="little")


def _one_register(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit on the qubits it uses, definitions expanded.

    Aer's memory lists registers from right to left, bits likewise: read as one number it is
    Qiskit's order whatever the registers.
    """
    flat = circuit.decompose(["encrypt", "decrypt"])
    used = {q for i in flat.data if i.name != "barrier" for q in i.qubits}
    kept = [q for q in flat.qubits if q in used]
    out = QuantumCircuit(kept, *flat.cregs)
    for instruction in flat.data:
        if instruction.name != "barrier":
            out.append(instruction)
    return out


def _noisy_circuit(events: Sequence[Event], num_clbits: int) -> QuantumCircuit:
    number: dict[int, int] = {}
    for event in events:
        if isinstance(event, Channel) or event.name != "barrier":
            for qubit in event.qubits:
                number.setdefault(qubit, len(number))
    out = QuantumCircuit(len(number))
    bits = ClassicalRegister(num_clbits, "bits")
    out.add_register(bits)
    for event in events:
        if isinstance(event, Channel):
            out.append(_error(event), [number[q] for q in event.qubits])
        elif event.name != "barrier":
            _write(out, event, [number[q] for q in event.qubits])
    return out


def _write(out: QuantumCircuit, step: Step, on: list[int]) -> None:
    if step.name == "delay":
        return
    if step.name == "measure":
        out.measure(on[0], step.clbits[0])
        return
    if step.angle:
        out.rz(step.turns * math.pi / 2 + step.angle, on[0])
        return
    if not step.condition:
        getattr(out, step.clifford_name)(*on)
        return
    parity = expr.lift(out.clbits[step.condition[0]])
    for bit in step.condition[1:]:
        parity = expr.bit_xor(parity, out.clbits[bit])
    if step.condition_value == 0:
        parity = expr.logic_not(parity)
    with out.if_test(parity):
        getattr(out, step.clifford_name)(*on)


def _error(channel: Channel) -> QuantumError:
    p = channel.symmetric_part
    if channel.kind == "depolarize":
        paulis = ["".join(letters) for letters in product("IXYZ", repeat=len(channel.qubits))]
        share = p / (len(paulis) - 1)
        return pauli_error([(paulis[0], 1 - p), *((pauli, share) for pauli in paulis[1:])])
    letter = "X" if channel.kind == "record" else channel.kind.upper()
    return pauli_error([(letter, p), ("I", 1 - p)])
