"""The certificate of a compiled circuit: proof that it still is the protocol.

A compiler that sees encryption and decryption as one block may cancel them and return a perfect
score for nothing. The certificate proves that the circuit which is sent carries out every
stage of the protocol, each on the qubits that it belongs to. Stages are found by their labelled
barriers; the order in which a barrier lists its qubits tells where each logical qubit is at
that moment. docs/physics.md says what is proved, and what is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qiskit.circuit import QuantumCircuit

from backends.compiling.certificate.channel import channel_checks
from backends.compiling.certificate.extra_readouts import (
    extra_readout_checks,
    has_extra_readouts,
)
from backends.compiling.certificate.law import (
    AXIS_TOLERANCE,
    has_non_pauli_readouts,
    read_z_for_non_pauli,
    same_axes,
    same_law,
    same_order,
)
from backends.compiling.certificate.protocol import LogicalProtocol
from backends.compiling.certificate.rounding import radians_rounded_away
from backends.compiling.certificate.sites import without_extra_readouts
from backends.compiling.certificate.stages import Part, in_order, parts_of
from experiments.settings import Check
from experiments.stabilizer.arbitrary_input import find_arbitrary_input, replace_input_by_eigenstate
from experiments.stabilizer.clifford import NotClifford, Step, resources, steps

_ROUNDED_RADIANS = 1e-5
"""The most that all angles together may differ from quarter turns: that moves no outcome's
probability by more than 1e-5."""

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


def certify(
    logical: QuantumCircuit, compiled: QuantumCircuit, detectors: Sequence[Check] = ()
) -> Certificate:
    """Prove that ``compiled`` is ``logical``, stage by stage.

    Checks, each exact:

    - ``stages``: the same labelled barriers, those on all qubits in the same order. Preparation may
      be closed in parts, by barriers labelled ``preparation of <logical qubits>``, for qubits that
      are not entangled with the others then: Bell pairs are made just before they are needed.
    - ``state after preparation``: each part is in its state, and not entangled with anything else.
    - ``state after <stage>``: whatever state the qubits are in when the stage begins, it does to
      them what the logical stage does. Qubits that are not used afterwards are discarded and do
      not count: the key after decryption, clones that are not read. Where the key is read later,
      what counts is what the key and the clone together show of the input.
    - ``only qubits of one key meet``: no gate and no condition acts on two qubits that the logical
      stage keeps apart, even if it is undone later; an exchange of two places is no such gate. In
      encryption only A and its signals meet, in decryption only the clone and its key.
    - ``noise qubits untouched``: from its preparation to the end of all encryption a noise qubit is
      only moved. Pulse trains, which multiply to the identity, do not count; any other gate does.
    - ``no early measurement``: nothing is measured before encryption ends.
    - ``losses and waits``: in each stage the same qubits are reset, and each waits as long as it
      should before anything else is done with it.
    - ``observable of each readout``: each bit is read in the same stage, and shows the same
      observable of the qubits that the stage began with.
    - ``axis of each non-Pauli readout``: the same where that observable is no Pauli.
    - ``order of readouts``: what has to be read before something else is.
    - ``input state``: an input in any state has the same Bloch vector.
    - ``angles``: all that was rounded away in angles adds up to nothing.
    - ``outcome law``: all outcomes have the same joint distribution.

    Where the compiled circuit reads unused qubits too, all this is proved of the circuit without
    these readouts, and:

    - ``only unused qubits are read beside``: nothing that the logical circuit reads, no R, no
      clone and no lost qubit; and nothing else is done after the readouts of the protocol.
    - ``detectors hold nothing of R and the clone``: but outcomes of the key and of unused qubits.
    - ``detectors are certain``: whatever the input is.

    Args:
        logical: circuit with labelled barriers, in which the names of noise registers, and of no
            others, begin with N.
        compiled: the circuit for the device, with the same classical bits; unused qubits may be
            read into a register of their own.
        detectors: parities of its outcomes that tell of errors.
    """
    wanted = list(steps(logical))
    try:
        found = list(steps(compiled))
        plain = compiled
        if has_extra_readouts(logical, compiled):
            plain, _ = without_extra_readouts(compiled) or (compiled, compiled)
        checks = tuple(_all_checks(logical, wanted, list(steps(plain))))
        if plain is not compiled or detectors:
            extra = extra_readout_checks(logical, compiled, plain, detectors)
            checks = (*checks, *extra)
        rounded = radians_rounded_away(compiled) <= _ROUNDED_RADIANS
    except NotClifford as reason:
        flat = [i for i in compiled.data if i.operation.name != "barrier"]
        gates = sum(len(i.qubits) == 2 for i in flat)
        layers = compiled.depth(lambda i: len(i.qubits) == 2 and i.operation.name != "barrier")
        return Certificate("unverified", gates, layers, remark=str(reason))
    if not rounded:
        checks = (*checks, ("angles", False))
    failed = [name for name, holds in checks if not holds]
    return Certificate(
        status="failed" if failed else "proved",
        two_qubit_gates=two_qubit_gates(found),
        two_qubit_layers=two_qubit_layers(found),
        checks=checks,
        remark=f"does not hold: {', '.join(failed)}" if failed else "",
    )


def _all_checks(
    logical: QuantumCircuit, wanted: list[Step], found: list[Step]
) -> Iterator[tuple[str, bool]]:
    given = find_arbitrary_input(wanted)
    if given is None:
        yield from _checks(logical, wanted, found)
        yield "outcome law", same_law(wanted, found)
        return
    mine = find_arbitrary_input(found)
    if mine is None or math.dist(given.bloch, mine.bloch) > AXIS_TOLERANCE:
        yield "input state", False
        return
    yield "input state", True
    # The channel is that for every input; the outcomes show one Pauli of it, whichever.
    pairs = [
        (
            replace_input_by_eigenstate(wanted, given, letter),
            replace_input_by_eigenstate(found, mine, letter),
        )
        for letter in "ZXY"
    ]
    yield from _checks(logical, *pairs[0])
    yield "outcome law", all(same_law(*pair) for pair in pairs)


def _checks(
    logical: QuantumCircuit, wanted: list[Step], found: list[Step]
) -> Iterator[tuple[str, bool]]:
    protocol = LogicalProtocol(logical, read_z_for_non_pauli(wanted))
    parts = parts_of(wanted, found)
    whole = [label for label, _ in protocol.whole]
    if parts is None or not _complete(whole, parts, protocol):
        yield "stages", False
        return
    yield "stages", True
    plain = read_z_for_non_pauli(found)
    yield from channel_checks(protocol, plain, parts_of(protocol.operations, plain) or {})
    yield "order of readouts", same_order(wanted, found)
    if has_non_pauli_readouts(wanted) or has_non_pauli_readouts(found):
        yield "axis of each non-Pauli readout", same_axes(wanted, found, parts[whole[-1]][0])


def _complete(
    whole: Sequence[str], parts: Mapping[str, Sequence[Part]], protocol: LogicalProtocol
) -> bool:
    """Whether encryption is there, and all stages end in their order."""
    names = [label for label, _ in protocol.ends]
    return (
        {"preparation", "encryption"} <= set(names)
        and whole[0] == "encryption"
        and all(len(parts[label]) == 1 for label in whole)
        and in_order(whole, parts)
        and all(
            part.end < parts[whole[0]][0].end
            for label in names
            if label not in whole
            for part in parts[label]
        )
    )
