"""Qiskit circuits as sequences of elementary Clifford operations.

:func:`steps` flattens a circuit to elementary operations; every simulator and every check of this
project reads circuits through it. :func:`to_stim` writes the steps for stim.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import stim
from qiskit.circuit import CircuitInstruction, ClassicalRegister, Clbit, IfElseOp, QuantumCircuit
from qiskit.circuit.classical import expr

STIM_NAMES = {
    "id": "I",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "swap": "SWAP",
    "iswap": "ISWAP",
    "rxx": "SQRT_XX",
    "rzz": "SQRT_ZZ",
    "reset": "R",
    "measure": "M",
}
"""Qiskit's name of an elementary Clifford operation → stim's."""

_QUARTER_TURN_PAIRS = ("rxx", "rzz")
"""Two-qubit gates that are Clifford at the angle π/2; other angles are refused."""

_ECHOED_CROSS_RESONANCE = (("S", 0), ("SQRT_X", 1), ("CX", 0, 1), ("X", 0))
"""Qiskit's ``ecr`` in stim's gates, in order, up to a phase."""

_QUARTER_TURNS = ("id", "s", "z", "sdg")
_ANGLE_TOLERANCE = 1e-6


class NotClifford(ValueError):
    """A circuit holds an operation that the stabilizer formalism cannot describe."""


class Step(NamedTuple):
    """One elementary operation on numbered qubits.

    A named tuple, because circuits have thousands and tuples are made several times faster
    than frozen dataclasses.

    Attributes:
        name: Qiskit's name of the operation; ``barrier`` and ``delay`` included. Z rotations
            come as ``rz`` with ``turns`` and ``angle`` set.
        qubits: indices in the circuit.
        clbits: indices of the bits that a measurement writes.
        turns: for ``rz``, the nearest quarter turns modulo 4; otherwise 0.
        condition: bits whose parity decides whether the operation happens; empty: always.
        condition_value: the parity (0 or 1) at which a conditional operation happens.
        label: the label of a barrier.
        seconds: the length of a delay in seconds; otherwise 0.
        angle: for ``rz``, what is left beside the quarter turns, in radians; 0 if it is Clifford.
    """

    name: str
    qubits: tuple[int, ...]
    clbits: tuple[int, ...] = ()
    turns: int = 0
    condition: tuple[int, ...] = ()
    condition_value: int = 1
    label: str | None = None
    seconds: float = 0.0
    angle: float = 0.0

    @property
    def clifford_name(self) -> str:
        """The name with a Z rotation written as ``id``, ``s``, ``z`` or ``sdg``.

        Raises:
            NotClifford: if the rotation is by another angle.
        """
        if self.angle:
            raise NotClifford(
                f"rz({self.turns * math.pi / 2 + self.angle:.6g}) on qubit {self.qubits[0]} is no "
                "multiple of π/2; only readouts may be rotated by other angles: if a compiler "
                "resynthesized the circuit, compile with enclone's own step"
            )
        return _QUARTER_TURNS[self.turns] if self.name == "rz" else self.name


def resources(step: Step) -> tuple[int, ...]:
    """Qubits and classical bits of a step; bit c is the negative number ``~c``.

    Steps without a common resource may be exchanged.
    """
    if step.clbits or step.condition:
        return (*step.qubits, *(~bit for bit in step.clbits), *(~bit for bit in step.condition))
    return step.qubits


def steps(circuit: QuantumCircuit) -> Iterator[Step]:
    """Yield the elementary operations of ``circuit`` in order, definitions expanded.

    Z rotations by any angle are allowed, with :attr:`Step.angle` set; :attr:`Step.clifford_name`
    raises :class:`NotClifford` for them.

    Raises:
        NotClifford: for any other gate, or a classical condition, that is not Clifford.
    """
    yield from _steps(circuit, range(circuit.num_qubits), range(circuit.num_clbits), (), 1)


def _steps(
    circuit: QuantumCircuit,
    qubits: Sequence[int],
    clbits: Sequence[int],
    condition: tuple[int, ...],
    value: int,
) -> Iterator[Step]:
    qubit_index = dict(zip(circuit.qubits, qubits, strict=True))
    clbit_index = dict(zip(circuit.clbits, clbits, strict=True))
    for instruction in circuit.data:
        on = tuple([qubit_index[q] for q in instruction.qubits])
        bits = tuple([clbit_index[c] for c in instruction.clbits])
        name = instruction.name
        # Standard gates are recognized by name alone: building operation objects costs far more.
        if name in _QUARTER_TURN_PAIRS and abs(instruction.params[0] - math.pi / 2) > 1e-9:
            raise NotClifford(
                f"'{name}' by {float(instruction.params[0]):.6g} on qubits {on}: only a turn by "
                "π/2 is followed"
            )
        if name in STIM_NAMES or name == "ecr":
            yield Step(name, on, bits, 0, condition, value)
        elif name == "rz":
            turns, angle = _quarter_turns(float(instruction.params[0]))
            yield Step("rz", on, (), turns, condition, value, angle=angle)
        elif name == "barrier":
            yield Step("barrier", on, label=instruction.label)
        elif name == "delay":
            yield Step("delay", on, seconds=_delay_seconds(instruction))
        elif isinstance(operation := instruction.operation, IfElseOp):
            yield from _branch(operation, on, bits, clbit_index, condition)
        elif operation.definition is not None:
            yield from _steps(operation.definition, on, bits, condition, value)
        else:
            raise NotClifford(
                f"operation '{name}' on qubits {on} is not one the stabilizer formalism can "
                "follow; the protocol consists of Clifford gates, measurements and Pauli "
                "corrections only"
            )


def _branch(
    operation: IfElseOp,
    on: tuple[int, ...],
    bits: tuple[int, ...],
    clbit_index: Mapping[Clbit, int],
    condition: tuple[int, ...],
) -> Iterator[Step]:
    if condition:
        raise NotClifford("a condition inside a condition is no Pauli correction")
    for block, value in zip(operation.blocks, (1, 0), strict=False):
        watched, wanted = _parity_condition(operation.condition, clbit_index)
        parity = wanted if value == 1 else 1 - wanted
        if not watched and parity == 1:
            continue  # the bits cancel: their parity is always 0
        for step in _steps(block, on, bits, watched, parity):
            if step.name != "barrier":
                yield _pauli_correction(step)


def _pauli_correction(step: Step) -> Step:
    """A conditional step under the name of its Pauli: compilers write Z as a rotation."""
    name = step.clifford_name
    if name not in ("id", "x", "y", "z"):
        raise NotClifford(f"'{name}' under a condition: only Pauli gates may depend on outcomes")
    return step._replace(name=name, turns=0)


def _parity_condition(
    condition: object, clbit_index: Mapping[Clbit, int]
) -> tuple[tuple[int, ...], int]:
    """Read a condition as (bits, parity): it holds when the bits have that parity."""
    if isinstance(condition, expr.Expr):
        found: dict[int, int] = {}
        for bit in _exclusive_or_terms(condition):
            index = clbit_index[bit]
            found[index] = found.get(index, 0) ^ 1
        return tuple(sorted(i for i, odd in found.items() if odd)), 1
    if isinstance(condition, tuple):
        target, value = condition
        if isinstance(target, Clbit):
            return (clbit_index[target],), int(value)
        if isinstance(target, ClassicalRegister) and len(target) == 1:
            return (clbit_index[target[0]],), int(value)
    raise NotClifford(f"condition {condition!r} is not a parity of classical bits")


def _exclusive_or_terms(node: expr.Expr) -> Iterator[Clbit]:
    if isinstance(node, expr.Var) and isinstance(node.var, Clbit):
        yield node.var
    elif isinstance(node, expr.Binary) and node.op is expr.Binary.Op.BIT_XOR:
        yield from _exclusive_or_terms(node.left)
        yield from _exclusive_or_terms(node.right)
    elif isinstance(node, expr.Cast):
        yield from _exclusive_or_terms(node.operand)
    else:
        raise NotClifford(f"classical expression {node!r} is not a parity of classical bits")


def _quarter_turns(angle: float) -> tuple[int, float]:
    """Quarter turns modulo 4, and the rest of the angle in radians."""
    turns = round(angle / (math.pi / 2))
    rest = angle - turns * math.pi / 2
    return turns % 4, rest if abs(rest) > _ANGLE_TOLERANCE else 0.0


def _delay_seconds(instruction: CircuitInstruction) -> float:
    units = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
    unit = instruction.operation.unit
    if unit not in units:
        raise NotClifford(f"a delay in '{unit}' has no fixed length; give it in seconds")
    return float(instruction.operation.duration) * units[unit]


def compact(operations: Iterable[Step]) -> list[Step]:
    """Renumber the qubits that are used to 0, 1, 2, …; a device has many that are not.

    A qubit that is reset after use gets a new number: its old state belongs to the environment,
    so that the whole state stays pure.
    """
    number: dict[int, int] = {}
    used: set[int] = set()
    total = 0
    out = []
    for step in operations:
        for qubit in step.qubits:
            if qubit not in number or (step.name == "reset" and qubit in used):
                number[qubit] = total
                total += 1
                used.discard(qubit)
        if step.name not in ("barrier", "delay", "reset"):
            used.update(step.qubits)
        out.append(step._replace(qubits=tuple([number[q] for q in step.qubits])))
    return out


def early_measurements(operations: Sequence[Step]) -> tuple[int, ...]:
    """Indices of the measurements that cannot be moved to the end of the circuit.

    They are followed by a gate or barrier on the same qubit, or by a gate conditioned on the
    outcome.
    """
    early = []
    later: set[int] = set()
    for position in range(len(operations) - 1, -1, -1):
        step = operations[position]
        if step.name == "measure" and later.intersection(resources(step)):
            early.append(position)
        if step.name != "delay":
            later.update(resources(step))
    return tuple(reversed(early))


def to_stim(circuit: QuantumCircuit) -> stim.Circuit:
    """Write ``circuit`` for stim; measurements stay in order, barriers become TICK.

    Raises:
        NotClifford: as :func:`steps`.
    """
    writer = StimWriter()
    for step in steps(circuit):
        writer.write(step)
    return writer.circuit()


class StimWriter:
    """Writes steps as the text of a stim circuit (far faster than appending instructions).

    Args:
        record_qubits_from: None writes measurements as such. Otherwise bit c is written
            coherently on qubit ``record_qubits_from + c`` (deferred measurement).

    Attributes:
        record_of: classical bit → index of its measurement record.
    """

    def __init__(self, record_qubits_from: int | None = None) -> None:
        self.record_of: dict[int, int] = {}
        self._record_qubits_from = record_qubits_from
        self._lines: list[str] = []
        self._records = 0
        self._touched: set[int] = set()

    def circuit(self) -> stim.Circuit:
        """The circuit that was written so far."""
        return stim.Circuit("\n".join(self._lines))

    def line(self, name: str, qubits: Sequence[int]) -> None:
        """Append one instruction, ``name`` with its arguments in parentheses."""
        self._lines.append(f"{name} {' '.join(map(str, qubits))}")

    def observe(self, paulis: Iterable[tuple[str, int]]) -> int:
        """Measure a product of Paulis; return the index of its measurement record.

        Args:
            paulis: (letter, qubit) of each factor.
        """
        self._lines.append("MPP " + "*".join(f"{letter}{qubit}" for letter, qubit in paulis))
        self._records += 1
        return self._records - 1

    def write(self, step: Step, flip_probability: float = 0.0) -> None:
        """Append a step; ``flip_probability`` is the probability of a wrong readout."""
        if step.name == "barrier":
            self._lines.append("TICK")
            return
        if step.name == "delay":
            return
        if step.name == "measure":
            self._write_measurement(step, flip_probability)
        elif step.condition:
            self._write_conditional(step)
        elif step.name == "ecr":
            for name, *on in _ECHOED_CROSS_RESONANCE:
                self.line(str(name), [step.qubits[int(k)] for k in on])
        else:
            if step.name == "reset" and self._record_qubits_from is not None:
                self._require_fresh(step)
            self.line(STIM_NAMES[step.clifford_name], step.qubits)
        self._touched.update(step.qubits)

    def _write_measurement(self, step: Step, flip_probability: float) -> None:
        (bit,) = step.clbits
        if self._record_qubits_from is None:
            self.line(f"M({flip_probability!r})" if flip_probability else "M", step.qubits)
        elif bit in self.record_of:
            raise NotClifford(
                f"classical bit {bit} is written twice, which a deferred measurement cannot "
                "follow; measure into another bit"
            )
        else:
            self.line("CX", (step.qubits[0], self._record_qubits_from + bit))
        self.record_of[bit] = self._records
        self._records += 1

    def _require_fresh(self, step: Step) -> None:
        if self._touched.intersection(step.qubits):
            raise NotClifford(
                f"qubit {step.qubits[0]} is reset after it was used: what it held is lost to the "
                "environment, and the state is no longer pure; use a fresh qubit"
            )

    def _write_conditional(self, step: Step) -> None:
        if step.name == "id":
            return
        (qubit,) = step.qubits
        controlled = {"x": "CX", "y": "CY", "z": "CZ"}[step.name]
        for bit in step.condition:
            if bit not in self.record_of:
                continue  # never measured: it is 0
            if self._record_qubits_from is not None:
                self.line(controlled, (self._record_qubits_from + bit, qubit))
            else:
                offset = self.record_of[bit] - self._records
                self._lines.append(f"{controlled} rec[{offset}] {qubit}")
        if step.condition_value == 0:
            self.line(STIM_NAMES[step.name], step.qubits)
