"""Readout of qubits that are not used any more, and the parities that must hold among them.

Decrypting one clone throws the other clones away. After encryption A, S and N hold the input in a
[[2n+1, 1, 3]] stabilizer code, so if the unused qubits are read too, many parities of their
outcomes and of those of the key are certain without noise. A *detector* (stim's word) is such a
parity. It holds neither an outcome of R nor one of the clone: what it says is known to whoever
holds the spent clones and the key, and nothing of the input can be learnt from it.

Each unused qubit is read in the basis of one Pauli, or two of them are read together as a Bell
pair. Bases are chosen to make as many independent detectors as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit

from experiments.protocol import (
    TO_Z,
    TO_Z_AND_X,
    Cloning,
    append_gates,
    build_encryption,
    register,
)
from experiments.settings import Check
from experiments.stabilizer.arbitrary_input import (
    ArbitraryInputLaw,
    find_arbitrary_input,
    ideal_outcome_law,
    replace_input_by_eigenstate,
)
from experiments.stabilizer.clifford import Step, compact, steps
from experiments.stabilizer.non_pauli_readout import find_non_pauli_readouts
from experiments.stabilizer.states import OutcomeLaw, StabilizerState

REGISTER = "unused"
"""Name of the classical register of these outcomes, and label of the barrier before them."""

_LETTERS = ("X", "Y", "Z")
_MATCHINGS = tuple("".join(order) for order in permutations("XYZ"))
_STARTS = 6
_SWEEPS = 8

_X, _Z = {"X": 1, "Y": 1, "Z": 0}, {"X": 0, "Y": 1, "Z": 1}


@dataclass(frozen=True)
class Single:
    """A qubit that is read alone.

    Attributes:
        qubit: its index in the circuit.
        letter: the Pauli that is read.
    """

    qubit: int
    letter: str

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that are read."""
        return (self.qubit,)

    @property
    def observables(self) -> tuple[Mapping[int, str], ...]:
        """What each outcome shows: qubit → Pauli letter."""
        return ({self.qubit: self.letter},)


@dataclass(frozen=True)
class BellPair:
    """Two qubits that are read together, by one two-qubit gate.

    Attributes:
        qubits: their indices in the circuit.
        matching: the letters on the second qubit that go with X, Y and Z on the first: ``XYZ``
            reads XX and ZZ (and so YY), ``ZYX`` reads XZ and ZX.
    """

    qubits: tuple[int, int]
    matching: str

    @property
    def observables(self) -> tuple[Mapping[int, str], ...]:
        """What each outcome shows: qubit → Pauli letter."""
        first, second = self.qubits
        return tuple({first: letter, second: self.matching["XYZ".index(letter)]} for letter in "XZ")


Readout = Single | BellPair


@dataclass(frozen=True, eq=False)
class SpentState:
    """What is certain of unused qubits and of the outcomes of the key, when all else is lost.

    Attributes:
        unused: indices of the unused qubits in the circuit.
        rows: generators of the stabilizers that act on unused qubits by any Pauli, and by Z on
            the records of the key alone: (X part, Z part) on the unused qubits as bit masks,
            unused qubit k being ``1 << k``.
    """

    unused: tuple[int, ...]
    rows: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, operations: Sequence[Step], unused: Sequence[int], key_bits: int) -> SpentState:
        """The spent state of a circuit in which unused qubits are not read yet.

        Args:
            operations: the steps of the circuit.
            unused: qubits that are not used any more.
            key_bits: classical bits that hold outcomes of the key, as a bit mask.
        """
        given = find_arbitrary_input(operations)
        if given:
            operations = replace_input_by_eigenstate(operations, given, "Z")
        turned = {one.qubit for one in find_non_pauli_readouts(operations)}
        if turned.intersection(unused):
            raise ValueError(f"qubits {sorted(turned.intersection(unused))} are read already")
        # Other readouts do nothing to the unused qubits and the key.
        kept = [s for s in operations if not s.angle]
        marks = [Step("id", (qubit,)) for qubit in unused]
        whole = compact([*kept, *marks])
        number = [step.qubits[0] for step in whole[len(kept) :]]
        qubits = 1 + max((q for s in whole for q in s.qubits), default=-1)
        bits = 1 + max((bit for s in whole for bit in s.clbits), default=-1)
        state = StabilizerState.of(whole, qubits, bits)
        key = [qubits + bit for bit in range(bits) if key_bits >> bit & 1]
        rows = []
        for string in state.restrict(number, z_only=key):
            letters = [string[q] for q in number]
            rows.append(
                (
                    sum(1 << k for k, letter in enumerate(letters) if letter in (1, 2)),
                    sum(1 << k for k, letter in enumerate(letters) if letter in (2, 3)),
                )
            )
        return cls(tuple(unused), tuple(rows))

    @cached_property
    def _number(self) -> dict[int, int]:
        return {qubit: k for k, qubit in enumerate(self.unused)}

    def num_detectors(self, readouts: Iterable[Readout]) -> int:
        """How many independent detectors there are if unused qubits are read in this way."""
        read = [self._masks(o) for readout in readouts for o in readout.observables]
        pivots: dict[int, int] = {}
        for x, z in self.rows:
            broken = 0
            for k, (other_x, other_z) in enumerate(read):
                broken |= (((x & other_z).bit_count() + (z & other_x).bit_count()) & 1) << k
            while broken and (other := pivots.get(broken.bit_length())):
                broken ^= other
            if broken:
                pivots[broken.bit_length()] = broken
        return len(self.rows) - len(pivots)

    def _masks(self, observable: Mapping[int, str]) -> tuple[int, int]:
        x = z = 0
        for qubit, letter in observable.items():
            x |= _X[letter] << self._number[qubit]
            z |= _Z[letter] << self._number[qubit]
        return x, z


def choose_readouts(
    states: Sequence[SpentState], couplings: Iterable[tuple[int, int]] = ()
) -> tuple[Readout, ...]:
    """Choose how unused qubits are read, so that there are as many detectors as possible.

    Hill climbing from several beginnings, the same for equal arguments.

    Args:
        states: one for each setting of a point, all with the same unused qubits: these are read
            in the same way in each, so that to keep shots with all detectors right means the
            same in each.
        couplings: pairs of qubits that may be read together as Bell pairs.
    """
    unused = states[0].unused
    coupled = sorted({tuple(sorted(pair)) for pair in couplings if set(pair) <= set(unused)})
    distinct = list({state.rows: state for state in states}.values())
    found = [
        _climb(distinct, unused, coupled, start, np.random.default_rng([start, len(unused)]))
        for start in range(_STARTS)
    ]
    _, best = max(found, key=lambda one: one[0])
    return tuple(sorted(best, key=lambda readout: readout.qubits))


_Score = tuple[int, int]


def _score(states: Sequence[SpentState], readouts: Sequence[Readout]) -> _Score:
    """More detectors are better; of as many, fewer two-qubit gates are."""
    number = sum(state.num_detectors(readouts) for state in states)
    return number, -sum(isinstance(readout, BellPair) for readout in readouts)


def _climb(
    states: Sequence[SpentState],
    unused: Sequence[int],
    coupled: Sequence[tuple[int, ...]],
    start: int,
    draw: np.random.Generator,
) -> tuple[_Score, list[Readout]]:
    letters = (
        [_LETTERS[start]] * len(unused)
        if start < len(_LETTERS)
        else [_LETTERS[k] for k in draw.integers(0, 3, len(unused))]
    )
    readouts: list[Readout] = [Single(q, p) for q, p in zip(unused, letters, strict=True)]
    score = _score(states, readouts)
    best = score, readouts
    targets: list[tuple[int, ...]] = [*((q,) for q in unused), *coupled]
    for sweep in range(_SWEEPS):
        before = best[0]
        for index in draw.permutation(len(targets)).tolist():
            options = [*_changes(readouts, targets[index])]
            scored = [(_score(states, one), one) for one in options]
            top = max((one[0] for one in scored), default=score)
            if top >= score:
                # Sideways too: plateaus are wide.
                good = [one for s, one in scored if s == top]
                readouts, score = good[int(draw.integers(0, len(good)))], top
            if score > best[0]:
                best = score, readouts
        if best[0] == before and sweep > 1:
            break
    return best


def _changes(readouts: Sequence[Readout], target: tuple[int, ...]) -> Iterator[list[Readout]]:
    """The readouts with one qubit, or one pair, read in another way."""
    apart = [one for one in readouts if not set(one.qubits).intersection(target)]
    taken = [one for one in readouts if set(one.qubits).intersection(target)]
    # Whoever was read with one of them is read alone, as the first letter that it was read by.
    left = [
        Single(qubit, letter)
        for one in taken
        for qubit, letter in one.observables[0].items()
        if qubit not in target
    ]
    if len(target) == 1:
        options: list[Readout] = [Single(target[0], letter) for letter in _LETTERS]
    else:
        options = [BellPair((target[0], target[1]), matching) for matching in _MATCHINGS]
    for option in options:
        if option not in taken:
            yield [*apart, *left, option]


def append_readouts(circuit: QuantumCircuit, readouts: Sequence[Readout]) -> QuantumCircuit:
    """The circuit with its unused qubits read at the end, into a register of their own.

    A barrier on these qubits alone, labelled :data:`REGISTER`, comes before them: they wait for
    each other and for nothing else, and nothing waits for them.
    """
    out = circuit.copy()
    bits = ClassicalRegister(sum(len(one.observables) for one in readouts), REGISTER)
    out.add_register(bits)
    qubits = [qubit for one in readouts for qubit in one.qubits]
    out.barrier(qubits, label=REGISTER)
    for one in readouts:
        on = [out.qubits[qubit] for qubit in one.qubits]
        if isinstance(one, Single):
            append_gates(out, TO_Z[one.letter], on[0])
        else:
            append_gates(out, TO_Z_AND_X[one.matching[2] + one.matching[0]], on[1])
            out.cx(*on)
            out.h(on[0])
    out.measure(qubits, bits)
    return out


def find_detectors(circuits: Sequence[QuantumCircuit], allowed: int) -> list[tuple[Check, ...]]:
    """The detectors of the settings of a point: independent certain parities of some bits.

    Args:
        circuits: the circuit of each setting with all readouts.
        allowed: the classical bits that a detector may hold, as a bit mask: outcomes of the key
            and of unused qubits.

    Returns:
        For each setting the detectors, light parities of the same bits in all settings. The
        parity that is right may be another in each.
    """
    laws = [certain_parities(circuit) for circuit in circuits]
    inside = lightened(certain_among(laws[0].rows, allowed))
    found: list[list[Check]] = [[] for _ in laws]
    for mask, _ in inside:
        parities = [law.parity(mask) for law in laws]
        for checks, parity in zip(found, parities, strict=True):
            if parity is not None and None not in parities:
                checks.append(Check.of_mask(mask, parity))
    return [tuple(checks) for checks in found]


def certain_parities(circuit: QuantumCircuit) -> OutcomeLaw:
    """The parities of outcomes that are certain without noise, whatever the input is."""
    operations = tuple(steps(circuit))
    law = ideal_outcome_law(operations)
    if not isinstance(law, ArbitraryInputLaw):
        return law.law
    # Rows that are certain for this input alone show the same Pauli of it, and so cancel.
    blind = [row for row in law.law.rows if law.blind.parity(row[0]) == row[1]]
    mine = [row for row in law.law.rows if law.blind.parity(row[0]) != row[1]]
    blind += [(mask ^ mine[0][0], parity ^ mine[0][1]) for mask, parity in mine[1:]]
    return OutcomeLaw.of_rows(row for row in blind if law.blind.parity(row[0]) == row[1])


def key_bits(logical: QuantumCircuit) -> int:
    """The classical bits that hold outcomes of noise qubits, as a bit mask."""
    key = _numbers(logical, "N")
    return sum(
        1 << step.clbits[0]
        for step in steps(logical)
        if step.name == "measure" and step.qubits[0] in key
    )


def unused_qubits(logical: QuantumCircuit) -> tuple[int, ...]:
    """Qubits of a logical circuit that hold something and are not read, but for R.

    Qubits of servers that were lost (reset, or read on the way) tell nothing.
    """
    operations = [s for s in steps(logical) if s.name not in ("barrier", "delay")]
    touched = {qubit for step in operations for qubit in step.qubits}
    spent = {s.qubits[0] for s in operations if s.name in ("measure", "reset")}
    return tuple(sorted(touched - spent - _numbers(logical, "R")))


def lost_qubits(logical: QuantumCircuit) -> frozenset[int]:
    """Qubits that are no noise qubits and are reset or read before the last stage ends, but R."""
    operations = list(steps(logical))
    last = _last_stage(operations)
    spent = {s.qubits[0] for s in operations[:last] if s.name in ("measure", "reset")}
    return frozenset(spent - _numbers(logical, "N") - _numbers(logical, "R"))


def find_corrections(logical: QuantumCircuit, checks: Sequence[Check]) -> tuple[int, ...]:
    """The checks that X and Z of each clone flip when decryption is done, as bit masks.

    Clones are the qubits, neither R nor noise qubits, that are read after the last stage.
    """
    operations = list(steps(logical))
    last = _last_stage(operations)
    read = {s.qubits[0] for s in operations[last:] if s.name == "measure"}
    clones = sorted(read - _numbers(logical, "N") - _numbers(logical, "R"))
    before = _parities(operations, checks)
    found = []
    for clone in clones:
        for pauli in ("x", "z"):
            turned = [*operations[: last + 1], Step(pauli, (clone,)), *operations[last + 1 :]]
            after = _parities(turned, checks)
            found.append(
                sum((a != b) << k for k, (a, b) in enumerate(zip(before, after, strict=True)))
            )
    return tuple(found)


def _parities(operations: Sequence[Step], checks: Sequence[Check]) -> list[int | None]:
    law = ideal_outcome_law(operations).law
    return [law.parity(check.mask) for check in checks]


def _last_stage(operations: Sequence[Step]) -> int:
    return max(k for k, step in enumerate(operations) if step.name == "barrier" and step.label)


def _numbers(circuit: QuantumCircuit, initial: str) -> frozenset[int]:
    """Indices of the qubits in registers whose names begin with a letter."""
    return frozenset(
        circuit.find_bit(qubit).index
        for register in circuit.qregs
        if register.name.startswith(initial)
        for qubit in register
    )


def certain_among(rows: Iterable[tuple[int, int]], allowed: int) -> list[tuple[int, int]]:
    """The certain parities that hold allowed bits only.

    Args:
        rows: (mask, parity) of independent certain parities.
        allowed: the allowed bits, as a bit mask.
    """
    pivots: dict[int, tuple[int, int]] = {}
    inside = []
    for row, value in rows:
        mask, parity = row, value
        while (outside := mask & ~allowed) and (other := pivots.get(outside.bit_length())):
            mask, parity = mask ^ other[0], parity ^ other[1]
        if outside:
            pivots[outside.bit_length()] = mask, parity
        else:
            inside.append((mask, parity))
    return inside


def lightened(rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Another basis of the same parities, each of few bits.

    >>> lightened([(0b1110, 0), (0b0110, 1)])
    [(6, 1), (8, 1)]
    """
    basis = list(rows)
    changed = True
    while changed:
        changed = False
        for k, (mask, parity) in enumerate(basis):
            sums = [(mask ^ m, parity ^ p) for j, (m, p) in enumerate(basis) if j != k]
            lightest = min(sums, key=lambda one: (one[0].bit_count(), one[0]), default=None)
            if lightest and lightest[0].bit_count() < mask.bit_count():
                basis[k], changed = lightest, True
    return sorted(basis)


def code_distance(n: int) -> int:
    """Qubits of the lightest operator that changes the input once it is encrypted.

    After encryption A, S and N hold the input in a [[2n+1, 1]] stabilizer code. Every operator on
    one qubit, then on two, and so on is tried.

    >>> code_distance(2)
    3
    """
    circuit = build_encryption(Cloning(n))
    state = StabilizerState.of_circuit(circuit)
    reference = circuit.find_bit(register(circuit, "R")[0]).index
    others = [q for q in range(circuit.num_qubits) if q != reference]

    def anticommutes(letter: str, qubit: int) -> int:
        """The generators that do not commute with a Pauli of a qubit, as a bit mask."""
        rows = (("IXYZ"[g[qubit]], k) for k, g in enumerate(state.generators))
        return sum(1 << k for own, k in rows if own not in ("I", letter))

    # With its Pauli on R a logical operator is a stabilizer: it commutes with all of them.
    wanted = {anticommutes(letter, reference) for letter in _LETTERS}
    broken = {(p, q): anticommutes(p, q) for p in _LETTERS for q in others}
    for weight in range(1, len(others) + 1):
        for chosen in combinations(others, weight):
            for letters in product(_LETTERS, repeat=weight):
                found = 0
                for letter, qubit in zip(letters, chosen, strict=True):
                    found ^= broken[letter, qubit]
                if found in wanted:
                    return weight
    raise AssertionError(f"no operator changes the input of n = {n}")
