"""The certificate of a compiled circuit: proof that it still is the protocol.

A compiler that sees encryption and decryption as one block may cancel them and return a perfect
score for nothing. The certificate proves, by exact stabilizer simulation of the circuit that is
sent, that this did not happen. Stages are found by their labelled barriers; the order in which
a barrier lists its qubits tells where each logical qubit is at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import stim
from qiskit.circuit import QuantumCircuit

from experiments.clifford import NotClifford, Step, StimWriter, resources, steps
from experiments.stabilizers import OutcomeLaw, StabilizerState

Status = Literal["proved", "failed", "unverified"]


@dataclass(frozen=True)
class Certificate:
    """What is known about a compiled circuit.

    Attributes:
        status: ``proved``, ``failed``, or ``unverified`` where a proof is not possible.
        two_qubit_gates: entangling gates in the circuit that was submitted.
        two_qubit_layers: its depth in entangling gates, barriers kept.
        ran_two_qubit_gates: the same of what ran, where the provider reveals it.
        ran_two_qubit_layers: the same of what ran, where the provider reveals it.
        checks: name of each check → whether it holds.
        remark: why the status is not ``proved``; empty otherwise.
    """

    status: Status
    two_qubit_gates: int
    two_qubit_layers: int
    ran_two_qubit_gates: int | None = None
    ran_two_qubit_layers: int | None = None
    checks: tuple[tuple[str, bool], ...] = ()
    remark: str = ""


def two_qubit_gates(operations: Sequence[Step]) -> int:
    """Number of two-qubit gates."""
    return sum(len(s.qubits) == 2 and s.name != "barrier" for s in operations)


def two_qubit_layers(operations: Sequence[Step]) -> int:
    """Depth in two-qubit gates: no gate crosses a barrier, and a condition waits for its bits."""
    depth: dict[int, int] = {}
    for step in operations:
        used = resources(step)
        level = max([depth.get(one, 0) for one in used], default=0)
        if len(step.qubits) == 2 and step.name != "barrier":
            level += 1
        for one in used:
            depth[one] = level
    return max(depth.values(), default=0)


def certify(logical: QuantumCircuit, compiled: QuantumCircuit) -> Certificate:
    """Prove that ``compiled`` is ``logical``, stage by stage.

    Checks, each exact:

    - ``stages``: the same labelled barriers in the same order.
    - ``state after <stage>``: at each barrier before the first measurement the compiled state
      equals the logical one. After encryption this proves that
      encryption was carried out, not cancelled.
    - ``noise qubits untouched``: the compiled encryption only moves the noise qubits.
    - ``no early measurement``: nothing is measured or conditioned before encryption ends.
    - ``outcome law``: all outcomes have the same joint distribution.

    Args:
        logical: circuit with registers R, A, S, N and labelled barriers.
        compiled: the circuit for the device, with the same classical bits.
    """
    wanted = list(steps(logical))
    try:
        found = list(steps(compiled))
        checks = tuple(_checks(logical, wanted, _compact(found)))
    except NotClifford as reason:
        flat = [i for i in compiled.data if i.operation.name != "barrier"]
        gates = sum(len(i.qubits) == 2 for i in flat)
        layers = compiled.depth(lambda i: len(i.qubits) == 2 and i.operation.name != "barrier")
        return Certificate("unverified", gates, layers, remark=str(reason))
    failed = [name for name, holds in checks if not holds]
    return Certificate(
        status="failed" if failed else "proved",
        two_qubit_gates=two_qubit_gates(found),
        two_qubit_layers=two_qubit_layers(found),
        checks=checks,
        remark=f"does not hold: {', '.join(failed)}" if failed else "",
    )


def _compact(operations: Sequence[Step]) -> list[Step]:
    """The same steps on qubits 0, 1, 2, …: a device has many qubits that a circuit ignores."""
    number: dict[int, int] = {}
    return [
        s._replace(qubits=tuple([number.setdefault(q, len(number)) for q in s.qubits]))
        for s in operations
    ]


def _checks(
    logical: QuantumCircuit, wanted: list[Step], found: list[Step]
) -> list[tuple[str, bool]]:
    size = 1 + max(q for s in found for q in s.qubits)
    logical_stages, compiled_stages = _stages(wanted), _stages(found)
    names = [name for name, _ in logical_stages]
    if names != [name for name, _ in compiled_stages] or "encryption" not in names:
        return [("stages", False)]
    checks = [("stages", True)]
    early = True
    for (name, end), (_, compiled_end) in zip(logical_stages, compiled_stages, strict=True):
        before, compiled_before = wanted[:end], found[:compiled_end]
        if any(s.name == "measure" for s in before):
            break
        here = found[compiled_end].qubits
        if any(s.name in ("measure", "reset") or s.condition for s in compiled_before):
            early = False
        else:
            expected = StabilizerState.of(before, logical.num_qubits, 0)
            state = StabilizerState.of(compiled_before, size, 0)
            checks.append((f"state after {name}", _same_state(expected, state, here)))
    checks.append(("no early measurement", early))
    if early:
        start, end = dict(compiled_stages)["preparation"], dict(compiled_stages)["encryption"]
        noise = [logical.find_bit(q).index for reg in logical.qregs if reg.name == "N" for q in reg]
        checks.append(("noise qubits untouched", _only_moved(found, start, end, noise)))
    law = OutcomeLaw.of(wanted, logical.num_qubits, logical.num_clbits)
    compiled_law = OutcomeLaw.of(found, size, logical.num_clbits)
    checks.append(("outcome law", law == compiled_law))
    return checks


def _stages(operations: Sequence[Step]) -> list[tuple[str, int]]:
    """(label, index) of each labelled barrier."""
    return [(s.label, k) for k, s in enumerate(operations) if s.name == "barrier" and s.label]


def _same_state(logical: StabilizerState, compiled: StabilizerState, place: Sequence[int]) -> bool:
    """Whether the compiled state is the logical one, each qubit at its place.

    The logical state is pure, so if every generator of it, moved to its place, stabilizes the
    compiled state, the two are equal and the spare qubits are uncorrelated with them.
    """
    stabilizes = _membership(compiled)
    for generator in logical.generators:
        moved = stim.PauliString(compiled.num_qubits)
        for qubit, pauli in enumerate(generator):
            moved[place[qubit]] = pauli
        if not stabilizes(moved * generator.sign):
            return False
    return True


def _membership(state: StabilizerState) -> Callable[[stim.PauliString], bool]:
    """A test whether a Pauli string, sign included, stabilizes ``state``."""
    back = stim.Tableau.from_stabilizers(list(state.generators)).inverse()

    def stabilizes(pauli: stim.PauliString) -> bool:
        # Pulled back to |0…0>, a stabilizer is a product of Z with sign +.
        pulled = back(pauli)
        return pulled.sign == 1 and not pulled.pauli_indices("XY")

    return stabilizes


def _only_moved(operations: Sequence[Step], start: int, end: int, noise: Sequence[int]) -> bool:
    """Whether the operations between two barriers act on the noise qubits as a relocation.

    X and Z of each noise qubit must arrive as X and Z at its new place, up to stabilizers of
    spare qubits, which hold no data.
    """
    before, after = operations[start].qubits, operations[end].qubits
    size = 1 + max(q for s in operations for q in s.qubits)
    data = set(after)
    stabilizes = _membership(StabilizerState.of(operations[:end], size, 0))
    writer = StimWriter()
    for step in operations[start:end]:
        writer.write(step)
    writer.line("I", [size - 1])
    tableau = writer.circuit().to_tableau()
    for qubit in noise:
        for letter in "XZ":
            image = tableau(_single(size, before[qubit], letter))
            rest = image * _single(size, after[qubit], letter)
            if data.intersection(rest.pauli_indices()) or not stabilizes(rest):
                return False
    return True


def _single(size: int, qubit: int, letter: str) -> stim.PauliString:
    pauli = stim.PauliString(size)
    pauli[qubit] = letter
    return pauli
