"""What a logical circuit asks of whatever is compiled from it.

Stages are closed by labelled barriers. Those labelled ``preparation…`` close the preparation of the
qubits that they list; all others close a stage for all qubits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import stim
from qiskit.circuit import QuantumCircuit

from backends.compiling.certificate.following import Follower, Numbering, Stage
from backends.compiling.certificate.pullback import Pauli, Pullback
from backends.compiling.certificate.stages import stages
from experiments.stabilizer.arbitrary_input import INPUT_STAGE
from experiments.stabilizer.clifford import NotClifford, Step, StimWriter

DECRYPTION = "decryption"
"""What the labels of stages that use the key end with."""


def is_preparation(label: str) -> bool:
    """Whether a barrier closes the preparation of the qubits that it lists."""
    return label == INPUT_STAGE or label.startswith("preparation")


def touched(operations: Iterable[Step]) -> set[int]:
    """Qubits of all steps but barriers and delays."""
    return {q for s in operations if s.name not in ("barrier", "delay") for q in s.qubits}


@dataclass(frozen=True)
class Asked:
    """A whole stage of the logical circuit.

    Attributes:
        label: of the barrier that closes it; empty for the readout, which none does.
        follower: its circuit, at its end; what is asked of X and Z of each qubit.
        stage: what happened in it.
        needed: qubits whose state is used afterwards.
        together: symbols that it brings together, directly or by others, as bit masks.
    """

    label: str
    follower: Follower
    stage: Stage
    needed: frozenset[int]
    together: tuple[int, ...]


class LogicalProtocol:
    """The logical circuit, taken apart.

    Args:
        circuit: circuit with labelled barriers, in which the names of noise registers, and of no
            others, begin with N.
        operations: its steps, all of them Clifford.

    Attributes:
        operations: its steps.
        numbering: of qubits and classical bits, for all circuits that are compared with it.
        noise: numbers of the noise qubits.
        live: numbers of the qubits that are used at all; the others are spares.
    """

    def __init__(self, circuit: QuantumCircuit, operations: Sequence[Step]) -> None:
        self.operations = operations
        self.numbering = Numbering(circuit.num_qubits, circuit.num_clbits)
        self.noise = frozenset(
            circuit.find_bit(q).index
            for register in circuit.qregs
            if register.name.startswith("N")
            for q in register
        )
        self.live = frozenset(touched(operations))
        self.ends = stages(operations)

    @property
    def whole(self) -> list[tuple[str, int]]:
        """(label, index) of the barriers that close a stage for all qubits.

        Raises:
            NotClifford: if one of them does not list all qubits that are used.
        """
        out = [(label, end) for label, end in self.ends if not is_preparation(label)]
        for label, end in out:
            if missing := self.live.difference(self.operations[end].qubits):
                raise NotClifford(
                    f"the barrier '{label}' leaves out the logical qubits {sorted(missing)}: only "
                    "stages that end for all qubits at once are followed"
                )
        return out

    def prepared(self, label: str, qubits: Iterable[int]) -> list[stim.PauliString] | None:
        """Stabilizers of qubits that are just prepared; None if others are entangled with them."""
        chosen = set(qubits)
        images = self._preparations[label]
        found = [images[qubit] for qubit in sorted(chosen)]
        return found if all(chosen.issuperset(g.pauli_indices()) for g in found) else None

    @cached_property
    def _preparations(self) -> dict[str, dict[int, stim.PauliString]]:
        """Label of a preparation → the stabilizer that Z of each of its qubits turns into."""
        out: dict[str, dict[int, stim.PauliString]] = {}
        for label, end in self.ends:
            if not is_preparation(label):
                continue
            listed = set(self.operations[end].qubits)
            writer = StimWriter()
            for step in self.operations[:end]:
                if step.name in ("barrier", "delay") or not listed.intersection(step.qubits):
                    continue
                if step.clbits or step.condition or not listed.issuperset(step.qubits):
                    raise NotClifford(f"'{label}' is more than gates on the qubits that it closes")
                writer.write(step)
            writer.line("I", [self.numbering.qubits - 1])
            tableau = writer.circuit().to_tableau()
            out[label] = {qubit: tableau.z_output(qubit) for qubit in listed}
        return out

    @cached_property
    def stages(self) -> tuple[Asked, ...]:
        """All stages from the end of preparation, the readout included."""
        own = {q: q for q in self.live}
        follower = Follower(self.numbering)
        out: list[Asked] = []
        start = 0
        for label, end in [*self.whole, ("", len(self.operations))]:
            if out:
                follower = follower.next_stage(own)
            opened: set[int] = set()
            for step in self.operations[start:end]:
                if not out and step.name == "barrier" and step.label and is_preparation(step.label):
                    fresh = (self.live & set(step.qubits)) - opened
                    follower.interrupt(fresh)
                    follower.open({q: q for q in fresh})
                    opened |= fresh
                else:
                    follower.follow((step,))
            follower.settle()
            self._require_waits_at_rest(label, self.operations[start:end], follower.stage)
            needed = self.live if not out else self.live & touched(self.operations[end:])
            met = follower.stage.met
            if out and label.endswith(DECRYPTION):
                met = [*met, *self._keys_at_work(self.operations[start:end], end, out[0].together)]
            out.append(Asked(label, follower, follower.stage, frozenset(needed), joined(met)))
            start = end
        return tuple(out)

    def _require_waits_at_rest(self, label: str, operations: Sequence[Step], stage: Stage) -> None:
        seconds = sum(
            s.seconds * len(self.live.intersection(s.qubits))
            for s in operations
            if s.name == "delay"
        )
        if seconds > sum(stage.waits.values()) * (1 + 1e-9):
            raise NotClifford(
                f"a delay in the stage '{label or 'readout'}' comes after gates of that stage, and "
                "only what waits before them is followed; close the stage before the delay"
            )

    def _keys_at_work(
        self, operations: Sequence[Step], end: int, encrypted: Sequence[int]
    ) -> list[int]:
        """For each instance, or tree of instances, the key qubits that are used, and the clone.

        All of them may meet: the compiler chooses which key qubits are read in pairs, and which
        qubit returns the clone.
        """
        used, later = touched(operations), touched(self.operations[end:])
        out = []
        for group in joined([*encrypted, *self._pairs.values()]):
            mine = {q for q in self.live if group >> q & 1}
            key = mine & self.noise & used
            read = {q for one in encrypted for q in mine if one >> q & 1} - self.noise
            clone = read & used or read & later
            if key and len(clone) == 1:
                out.append(mask_of(key | clone))
        return out

    @cached_property
    def _pairs(self) -> dict[int, int]:
        """Noise qubit → it and what it is prepared with, as a bit mask."""
        end = min(end for label, end in self.ends if not is_preparation(label))
        return {
            q: mask_of(step.qubits)
            for step in self.operations[:end]
            if len(step.qubits) == 2 and step.name != "barrier"
            for q in self.noise.intersection(step.qubits)
        }

    @cached_property
    def _entangled(self) -> frozenset[int]:
        """Inputs that are entangled with each other, as those of a GHZ state are."""
        (_, end), *_ = self.whole
        prepared = {q for mask in self._pairs.values() for q in qubits_of(mask)}
        encrypted = {q for mask in self.stages[0].together for q in qubits_of(mask)}
        groups = joined(
            mask_of(step.qubits)
            for step in self._before_opening(end)
            if len(step.qubits) == 2 and not prepared.intersection(step.qubits)
        )
        return frozenset(
            q
            for mask in groups
            if len(encrypted.intersection(qubits_of(mask))) > 1
            for q in qubits_of(mask)
        )

    def _before_opening(self, end: int) -> Iterator[Step]:
        """What is done to qubits up to the barriers that close their preparation."""
        opened: set[int] = set()
        for step in self.operations[:end]:
            if step.name == "barrier":
                if step.label and is_preparation(step.label):
                    yield step
                    opened.update(step.qubits)
            elif not opened.intersection(step.qubits):
                yield step

    @property
    def has_entangled_inputs(self) -> bool:
        """Whether several encrypted qubits share one state, as those of a GHZ state do."""
        return bool(self._entangled)

    def before(self, index: int, *, any_input: bool = True) -> Pullback:
        """What the qubits show of the inputs when a stage begins.

        The inputs are R and the qubits that are encrypted; all signals and noise qubits begin as
        the Bell pairs that they are.

        Args:
            index: of the stage.
            any_input: whether inputs that are entangled with each other may be in any state, or
                are in the one that is prepared.
        """
        known = {q for mask in self._pairs.values() for q in qubits_of(mask)}
        if not any_input:
            known |= self._entangled
        follower = Follower(self.numbering)
        opened: set[int] = set()
        done = (
            self.operations[: self.whole[index - 1][1]]
            if index
            else self._before_opening(self.whole[0][1])
        )
        for step in done:
            if step.name == "barrier" and step.label and is_preparation(step.label):
                inputs = (self.live & set(step.qubits)) - known - opened
                follower.open({q: q for q in inputs})
                opened |= inputs
            else:
                follower.follow((step,))
        follower.settle()
        return follower.pullback


def certain(images: Sequence[Pauli], prior: Pullback, numbering: Numbering) -> list[int]:
    """Which products of Pauli strings show a Pauli of the inputs, or nothing, with certainty.

    Args:
        images: what each string shows of the qubits that a stage began with.
        prior: what these qubits show of the inputs.
        numbering: of the qubits.

    Returns:
        Independent products, as bit masks: string k is ``1 << k``.
    """
    own = (1 << numbering.qubits) - 1
    rows = []
    for k, image in enumerate(images):
        flips = 0
        for bits, which in ((image.x & own, 0), (image.z & own, 1)):
            for q in qubits_of(bits):
                flips ^= prior.rows(q)[which].x
        # Spares of the stage itself are others than those before it.
        later = image.x & ~own
        rows.append(((flips & ~prior.symbols) | later << prior.inputs, 1 << k))
    return _kernel(rows)


def mask_of(qubits: Iterable[int]) -> int:
    """A bit mask of numbers that differ."""
    return sum(1 << q for q in qubits)


def qubits_of(mask: int) -> list[int]:
    """The numbers of the bits that are set."""
    return [q for q in range(mask.bit_length()) if mask >> q & 1]


def joined(masks: Iterable[int]) -> tuple[int, ...]:
    """Unions of masks that overlap."""
    out: list[int] = []
    for mask in masks:
        apart = []
        for other in out:
            if other & mask:
                mask |= other
            else:
                apart.append(other)
        out = [*apart, mask]
    return tuple(out)


def _kernel(rows: Iterable[tuple[int, int]]) -> list[int]:
    """Combinations of rows, as bit masks, in which the first masks cancel."""
    pivots: dict[int, tuple[int, int]] = {}
    kernel = []
    for mask, chosen in rows:
        while mask and (pivot := mask.bit_length()) in pivots:
            mask, chosen = mask ^ pivots[pivot][0], chosen ^ pivots[pivot][1]
        if mask:
            pivots[mask.bit_length()] = mask, chosen
        else:
            kernel.append(chosen)
    return kernel
