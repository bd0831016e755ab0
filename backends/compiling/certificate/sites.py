"""Where unused qubits are in a compiled circuit, and which circuit it was without their readout."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import QuantumCircuit

from backends.compiling.certificate.stages import parts_of, stages
from experiments.stabilizer.clifford import Step, steps
from experiments.unused_qubits import REGISTER, lost_qubits, unused_qubits


def unused_sites(logical: QuantumCircuit, compiled: QuantumCircuit) -> dict[int, int]:
    """Unused qubit → where it is at the end of the compiled circuit.

    Logical qubits have their own numbers. Qubits of the device that others were moved through, in
    |0> then, are unused too; they are numbered after the logical ones. Qubits that the compiled
    circuit may have moved after its last stage are left out.

    Args:
        logical: the logical circuit.
        compiled: the circuit compiled from it, unused qubits not read yet.
    """
    wanted, found = list(steps(logical)), list(steps(compiled))
    parts = parts_of(wanted, found)
    if parts is None:
        return {}
    label, _ = stages(wanted)[-1]
    place = {q: site for part in parts[label] for q, site in part.place.items()}
    end = max(part.end for part in parts[label])
    read = {step.qubits[0] for step in found if step.name == "measure"}
    moved = _joined(found[end + 1 :])
    lost = {place[q] for q in lost_qubits(logical)}
    withheld = read | lost | {q for group in moved for q in group}
    unused = unused_qubits(logical)
    touched = {q for s in found if s.name not in ("barrier", "delay") for q in s.qubits}
    out = {qubit: place[qubit] for qubit in unused if place[qubit] not in withheld}
    crossed = touched - withheld - set(place.values())
    return out | {logical.num_qubits + site: site for site in sorted(crossed)}


def _joined(operations: Sequence[Step]) -> list[tuple[int, ...]]:
    return [s.qubits for s in operations if len(s.qubits) == 2 and s.name != "barrier"]


def without_extra_readouts(
    compiled: QuantumCircuit,
) -> tuple[QuantumCircuit, QuantumCircuit] | None:
    """Take a compiled circuit apart: the circuit before unused qubits are read, and the rest.

    Both have the qubits of the whole; the rest has its classical bits too.

    Returns:
        None if unused qubits are not read, or not after a barrier that is labelled so.
    """
    registers = [r for r in compiled.cregs if r.name != REGISTER]
    barriers = [
        k for k, i in enumerate(compiled.data) if i.name == "barrier" and i.label == REGISTER
    ]
    if len(registers) == len(compiled.cregs) or len(barriers) != 1:
        return None
    plain = QuantumCircuit(compiled.qubits, *compiled.qregs, *registers, name=compiled.name)
    for instruction in compiled.data[: barriers[0]]:
        if not set(instruction.clbits) <= set(plain.clbits):
            return None
        plain.append(instruction)
    rest = compiled.copy_empty_like()
    for instruction in compiled.data[barriers[0] :]:
        rest.append(instruction)
    return plain, rest
