"""The certificate of a compiled circuit: proof that it still is the protocol.

A compiler that sees encryption and decryption as one block may cancel them and return a perfect
score for nothing. The certificate proves, by exact stabilizer simulation of the circuit that is
sent, that this did not happen. Stages are found by their labelled barriers; the order in which
a barrier lists its qubits tells where each logical qubit is at that moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import stim
from qiskit.circuit import QuantumCircuit

from backends.compiling.stages import Part, in_order, parts_of, stages
from experiments.stabilizer.arbitrary_input import (
    INPUT_STAGE,
    find_arbitrary_input,
    replace_input_by_eigenstate,
)
from experiments.stabilizer.clifford import NotClifford, Step, StimWriter, compact, resources, steps
from experiments.stabilizer.non_pauli_readout import (
    drop_idle_rotations,
    find_non_pauli_readouts,
    find_outcome_law,
    readout_axes,
    replace_by_readouts_after_last_stage,
)
from experiments.stabilizer.states import StabilizerState

_AXIS_TOLERANCE = 1e-6
"""Compilers merge rotations in floating point."""

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

    - ``stages``: the same labelled barriers, those on all qubits in the same order. A stage may be
      closed in parts, by barriers labelled ``<stage> of <logical qubits>``, for qubits that are not
      entangled with the others then: Bell pairs are made just before they are needed.
    - ``state after <stage>``: at each of these before the first measurement the compiled state
      equals the logical one. After encryption this proves that
      encryption was carried out, not cancelled. After decryption a key that is never read is
      discarded: the state of all other qubits is what counts. So is, where the key is read, what
      nobody reads: other clones, and keys of others.
    - ``noise qubits untouched``: from its preparation to the end of all encryption a noise qubit is
      only moved. Pulse trains, which multiply to the identity, do not count; any other gate does.
    - ``no early measurement``: nothing is measured or conditioned before encryption ends.
    - ``losses and waits``: resets and delays are all there.
    - ``input state``: an input in any state has the same Bloch vector; then all other checks hold
      for three inputs, hence for every input.
    - ``outcome law``: all outcomes have the same joint distribution; readouts in turned bases ask
      for the same observables.

    Args:
        logical: circuit with labelled barriers, in which the names of noise registers, and of no
            others, begin with N.
        compiled: the circuit for the device, with the same classical bits.
    """
    wanted = list(steps(logical))
    try:
        found = list(steps(compiled))
        checks = tuple(_all_checks(logical, wanted, compact(found)))
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


def _all_checks(
    logical: QuantumCircuit, wanted: list[Step], found: list[Step]
) -> list[tuple[str, bool]]:
    given = find_arbitrary_input(wanted)
    if given is None:
        return _checks(logical, wanted, found)
    mine = find_arbitrary_input(found)
    if mine is None or math.dist(given.bloch, mine.bloch) > _AXIS_TOLERANCE:
        return [("input state", False)]
    # Circuits that treat three eigenstates alike treat every state alike.
    return [
        ("input state", True),
        *(
            (f"{name}, input {letter}", holds)
            for letter in "XYZ"
            for name, holds in _checks(
                logical,
                replace_input_by_eigenstate(wanted, given, letter),
                replace_input_by_eigenstate(found, mine, letter),
            )
        ),
    ]


def _checks(
    logical: QuantumCircuit, wanted: list[Step], found: list[Step]
) -> list[tuple[str, bool]]:
    size = 1 + max(q for s in found for q in s.qubits)
    logical_stages = stages(wanted)
    # A barrier on some of the qubits may come earlier or later among the others. So may the one of
    # the input, which closes nothing else: what it holds apart is checked as the input's state.
    whole = [
        name
        for name, end in logical_stages
        if name != INPUT_STAGE and _touched(wanted[:end]) <= set(wanted[end].qubits)
    ]
    names = {name for name, _ in logical_stages}
    parts = parts_of(wanted, found)
    if parts is None or not in_order(whole, parts) or not {"preparation", "encryption"} <= names:
        return [("stages", False)]
    checks = [("stages", True)]
    early = True
    for name, end in logical_stages:
        if name not in whole:
            continue
        before = wanted[:end]
        if any(s.name in ("measure", "reset") for s in before):
            break
        compiled_before = found[: parts[name][-1].end]
        if any(s.name in ("measure", "reset") or s.condition for s in compiled_before):
            early = False
            continue
        expected = StabilizerState.of(before, logical.num_qubits, 0)
        spent = _discarded(logical, wanted, end)
        same = all(
            _same_state(
                _on_part(expected, part, wanted[end].qubits),
                StabilizerState.of(found[: part.end], size, 0),
                part.place,
                spent,
            )
            for part in parts[name]
        )
        checks.append((f"state after {name}", same))
    checks.append(("no early measurement", early))
    checks.append(("losses and waits", _same_losses(wanted, found)))
    if early:
        checks.append(("noise qubits untouched", _noise_untouched(logical, wanted, found, parts)))
    checks.append(("outcome law", _same_law(wanted, found)))
    return checks


def _same_losses(wanted: Sequence[Step], found: Sequence[Step]) -> bool:
    """Whether nothing that destroys or waits was compiled away: outcomes need not tell.

    More of either is allowed: a compiler may reset a spare qubit, or fill a gap.
    """

    def of(operations: Sequence[Step]) -> tuple[int, float]:
        waits = sum(s.seconds * len(s.qubits) for s in operations if s.name == "delay")
        return sum(s.name == "reset" for s in operations), waits

    (resets, seconds), (found_resets, found_seconds) = of(wanted), of(found)
    return found_resets >= resets and found_seconds >= seconds * _WAIT_TOLERANCE


_WAIT_TOLERANCE = 0.999
"""A device counts time in whole ticks."""


def _on_part(state: StabilizerState, part: Part, qubits: Sequence[int]) -> StabilizerState | None:
    """The state of the qubits of a part; None if they are entangled with others."""
    if len(part.place) == len(qubits):
        return state
    generators = state.restrict(part.place)
    return StabilizerState(generators) if len(generators) == len(part.place) else None


def _noise(logical: QuantumCircuit) -> frozenset[int]:
    return frozenset(
        logical.find_bit(q).index for reg in logical.qregs if reg.name.startswith("N") for q in reg
    )


def _discarded(logical: QuantumCircuit, wanted: list[Step], end: int) -> frozenset[int]:
    """What is discarded when decryption is over at a barrier.

    That is the key where it is never read. Where it is read, it is all that nobody touches again:
    the key that made a clone readable has made no other so.
    """
    if stages(wanted)[-1] != ("decryption", end):
        return frozenset()
    touched = _touched(wanted[end:])
    noise = _noise(logical)
    if not noise & touched:
        return noise
    return frozenset(range(logical.num_qubits)) - touched


def _noise_untouched(
    logical: QuantumCircuit,
    wanted: list[Step],
    found: list[Step],
    parts: Mapping[str, Sequence[Part]],
) -> bool:
    """Whether each noise qubit only moves from its preparation to the end of all encryption."""
    noise = _noise(logical)
    logical_stages = stages(wanted)
    closing = max(
        (parts[name][-1] for name, _ in logical_stages if name.startswith("encryption")),
        key=lambda part: part.end,
    )
    prepared: set[int] = set()
    starts: dict[int, dict[int, int]] = {}
    for name, _ in logical_stages:
        if name.startswith("preparation"):
            for part in parts[name]:
                ready = {q: part.place[q] for q in sorted(noise & part.place.keys() - prepared)}
                prepared.update(ready)
                if ready:
                    starts[part.end] = ready
    return prepared == noise and _only_moved(found, starts, closing)


def _same_law(wanted: list[Step], found: list[Step]) -> bool:
    """Whether all outcomes have the same joint distribution."""
    read, compiled_read = find_non_pauli_readouts(wanted), find_non_pauli_readouts(found)
    if {one.bit for one in read} != {one.bit for one in compiled_read}:
        return False
    if not read:
        return find_outcome_law(drop_idle_rotations(wanted, ())) == find_outcome_law(
            drop_idle_rotations(found, ())
        )
    axes, compiled_axes = readout_axes(wanted, read), readout_axes(found, compiled_read)
    if any(math.dist(axes[bit], compiled_axes[bit]) > _AXIS_TOLERANCE for bit in axes):
        return False
    # The same axes, and the same state before them: told by the laws of all three Paulis.
    return all(
        find_outcome_law(replace_by_readouts_after_last_stage(wanted, read, letter))
        == find_outcome_law(replace_by_readouts_after_last_stage(found, compiled_read, letter))
        for letter in "XYZ"
    )


def _touched(operations: Sequence[Step]) -> set[int]:
    return {q for s in operations if s.name != "barrier" for q in s.qubits}


def _same_state(
    logical: StabilizerState | None,
    compiled: StabilizerState,
    place: Mapping[int, int],
    spent: frozenset[int],
) -> bool:
    """Whether the compiled state is the logical one, each qubit at its place.

    The logical state is pure, so if every generator of it, moved to its place, stabilizes the
    compiled state, the two are equal and the spare qubits are uncorrelated with them. Qubits
    without a place are not in use yet.

    What is done to ``spent`` qubits is nobody's concern: there the states of all others must be
    equal. They are if both have the same stabilizers on these qubits, and then the states differ by
    an operation on what is spent and spare alone.
    """
    if logical is None:
        return False
    generators: Sequence[stim.PauliString] = logical.generators
    if spent:
        kept = place.keys() - spent
        generators = logical.restrict(kept)
        if len(generators) != len(compiled.restrict([place[q] for q in kept])):
            return False
    stabilizes = _membership(compiled)
    for generator in generators:
        support = generator.pauli_indices()
        if not place.keys() & set(support) and support == generator.pauli_indices("Z"):
            continue
        moved = stim.PauliString(compiled.num_qubits)
        for qubit in support:
            if qubit not in place:
                return False
            moved[place[qubit]] = generator[qubit]
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


def _only_moved(
    operations: Sequence[Step], starts: Mapping[int, Mapping[int, int]], closing: Part
) -> bool:
    """Whether the operations up to a barrier act on noise qubits as a relocation.

    ``starts`` gives the places of those that are ready at each earlier barrier.

    X and Z of each noise qubit must arrive as X and Z at its new place, up to stabilizers of
    spare qubits, which hold no data.
    """
    size = 1 + max(q for s in operations for q in s.qubits)
    data = set(operations[closing.end].qubits)
    stabilizes = _membership(StabilizerState.of(operations[: closing.end], size, 0))
    later = stim.Tableau(size)
    end = closing.end
    for start in sorted(starts, reverse=True):
        # From the last barrier to the first, so that each segment is followed once.
        writer = StimWriter()
        for step in operations[start:end]:
            writer.write(step)
        writer.line("I", [size - 1])
        later = writer.circuit().to_tableau().then(later)
        end = start
        for qubit, before in starts[start].items():
            for letter in "XZ":
                image = later(_single(size, before, letter))
                rest = image * _single(size, closing.place[qubit], letter)
                if data.intersection(rest.pauli_indices()) or not stabilizes(rest):
                    return False
    return True


def _single(size: int, qubit: int, letter: str) -> stim.PauliString:
    pauli = stim.PauliString(size)
    pauli[qubit] = letter
    return pauli
