"""Readouts: their order, axes that are no Pauli's, and the joint law of all outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from backends.compiling.certificate.stages import Part, stages
from experiments.stabilizer.clifford import NotClifford, Step, resources
from experiments.stabilizer.non_pauli_readout import (
    drop_idle_rotations,
    find_non_pauli_readouts,
    find_outcome_law,
    readout_axes,
    replace_by_readouts_after_last_stage,
)

AXIS_TOLERANCE = 1e-6
"""Compilers merge rotations in floating point."""


def same_law(wanted: Sequence[Step], found: Sequence[Step]) -> bool:
    """Whether all outcomes have the same joint distribution."""
    wanted, found = _without_idle_resets(wanted), _without_idle_resets(found)
    read, compiled_read = find_non_pauli_readouts(wanted), find_non_pauli_readouts(found)
    if {one.bit for one in read} != {one.bit for one in compiled_read}:
        return False
    if not read:
        return find_outcome_law(drop_idle_rotations(wanted, ())) == find_outcome_law(
            drop_idle_rotations(found, ())
        )
    # The same state before the readouts: told by the laws of all three Paulis.
    return all(
        find_outcome_law(replace_by_readouts_after_last_stage(wanted, read, letter))
        == find_outcome_law(replace_by_readouts_after_last_stage(found, compiled_read, letter))
        for letter in "XYZ"
    )


def same_order(wanted: Sequence[Step], found: Sequence[Step]) -> bool:
    """Whether every readout that has to come before another one does so."""
    before, compiled_before = _read_before(wanted), _read_before(found)
    return all(bits & ~compiled_before.get(bit, 0) == 0 for bit, bits in before.items())


def _read_before(operations: Iterable[Step]) -> dict[int, int]:
    """Classical bit → the bits that are certainly read earlier, as a bit mask."""
    passed: dict[int, int] = {}
    before = {}
    for step in operations:
        used = resources(step)
        known = 0
        for one in used:
            known |= passed.get(one, 0)
        if step.name == "measure":
            before[step.clbits[0]] = known
            known |= 1 << step.clbits[0]
        for one in used:
            passed[one] = known
    return before


def has_non_pauli_readouts(operations: Sequence[Step]) -> bool:
    """Whether a readout asks for what is no Pauli."""
    return bool(find_non_pauli_readouts(operations))


def same_axes(wanted: Sequence[Step], found: Sequence[Step], last: Part) -> bool:
    """Whether readouts in turned bases ask for the same observables of the same qubits.

    Args:
        wanted: the logical steps.
        found: the compiled steps.
        last: the compiled barrier that closes the last stage.
    """
    read, compiled_read = find_non_pauli_readouts(wanted), find_non_pauli_readouts(found)
    where = {one.bit: last.place[one.qubit] for one in read}
    if where != {one.bit: one.qubit for one in compiled_read}:
        return False
    axes, compiled_axes = readout_axes(wanted, read), readout_axes(found, compiled_read)
    return all(math.dist(axes[bit], compiled_axes[bit]) <= AXIS_TOLERANCE for bit in axes)


def read_z_for_non_pauli(operations: Sequence[Step]) -> list[Step]:
    """The steps without turns that have no effect, and with Z read for what is no Pauli.

    That is read just after the last stage: what the turned readout asks for there is compared by
    itself.

    Raises:
        NotClifford: if a qubit that is read in a turned basis does anything else after the last
            stage.
    """
    read = find_non_pauli_readouts(operations)
    if not read:
        return drop_idle_rotations(operations, ())
    bit_of, kept = {one.qubit: one.bit for one in read}, {one.position for one in read}
    (_, start) = stages(operations)[-1]
    out = []
    for position, step in enumerate(operations):
        mine = bit_of.keys() & set(step.qubits)
        if step.name == "barrier" or position <= start or not mine:
            if not step.angle or position in kept:
                out.append(step)
        elif len(step.qubits) > 1 or step.condition or _disturbs(step, bit_of):
            raise NotClifford(
                f"qubit {min(mine)} is read in a basis that is no Pauli's, and '{step.name}' acts "
                "on it after the last stage, where only single-qubit gates and that readout may"
            )
    return [*out, *(Step("measure", (one.qubit,), (one.bit,)) for one in read)]


def _disturbs(step: Step, bit_of: Mapping[int, int]) -> bool:
    if step.name == "measure":
        return step.clbits != (bit_of[step.qubits[0]],)
    return step.name == "reset"


def _without_idle_resets(operations: Iterable[Step]) -> list[Step]:
    """The steps without resets of qubits that are in state 0 anyway."""
    used: set[int] = set()
    out = []
    for step in operations:
        if step.name == "reset":
            if not used.intersection(step.qubits):
                continue
            used.difference_update(step.qubits)
        elif step.name not in ("barrier", "delay"):
            used.update(step.qubits)
        out.append(step)
    return out
