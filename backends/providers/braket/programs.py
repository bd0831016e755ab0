"""Compiled circuits as OpenQASM 3 that runs as it stands.

A device's own gates stand in a verbatim box, on its own qubits, so that no compiler of the vendor
touches them. Z rotations are no gates on most of these devices but a change of the phase of every
later pulse; they are carried along (:class:`_Frames`) and disappear into the pulses. So each pulse
and each entangling gate of the compiled circuit becomes exactly one native gate.

Nothing is said about barriers: no Braket device promises to keep them, some refuse them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qiskit.circuit import QuantumCircuit

from backends.devices.braket_capabilities import Capabilities
from backends.errors import DoesNotFit
from experiments.stabilizer.clifford import Step, early_measurements, steps

_QUARTER = math.pi / 2

_PULSES = {
    "sx": (_QUARTER, 0.0),
    "sxdg": (-_QUARTER, 0.0),
    "x": (math.pi, 0.0),
    "y": (math.pi, _QUARTER),
}
"""Pulse → its angle, and the phase of its axis in the plane of X and Y."""

_PLAIN = {
    "id": "i",
    "sdg": "si",
    "sx": "v",
    "sxdg": "vi",
    "cx": "cnot",
    **{name: name for name in ("x", "y", "z", "h", "s", "cy", "cz", "swap", "iswap")},
}
"""Qiskit's name → Braket's, for simulators, which take any gate."""

_TWO_QUBIT_PLAIN = {"rxx": "xx", "rzz": "zz"}


@dataclass(frozen=True)
class Dialect:
    """The gates that a program may use.

    Attributes:
        native: native gates of the device; empty for a simulator, which takes any.
        verbatim: whether the device takes a verbatim box.
        pairs: coupled qubits in the order in which the device states them; empty if all are.
    """

    native: frozenset[str] = frozenset()
    verbatim: bool = False
    pairs: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def of(cls, capabilities: Capabilities) -> Dialect:
        """The dialect of a device."""
        if capabilities.is_simulator:
            return cls()
        return cls(
            capabilities.native_gates, capabilities.takes_verbatim, capabilities.stated_pairs
        )

    @property
    def physical(self) -> bool:
        """Whether qubits are the device's own rather than those of a register."""
        return self.verbatim


@dataclass
class _Frames:
    """Z rotations that were not carried out: qubit → angle in radians."""

    angles: dict[int, float] = field(default_factory=dict)

    def turn(self, qubit: int, angle: float) -> None:
        self.angles[qubit] = self.of(qubit) + angle

    def of(self, qubit: int) -> float:
        return self.angles.get(qubit, 0.0)


def program(circuit: QuantumCircuit, dialect: Dialect) -> str:
    """Write a circuit that is compiled for a device, or any Clifford circuit for a simulator.

    Classical bit c of the circuit is ``b[c]`` of the program. A measurement that something waits
    for is written as IQM's ``measure_ff``, whose outcome the service does not return: its qubit
    is read again at the end.

    Raises:
        DoesNotFit: if the circuit holds what the device, or Braket, cannot express.
    """
    operations = list(steps(circuit))
    size = 1 + max((q for s in operations for q in s.qubits), default=0)
    writer = Writer(dialect, size, operations)
    body = [line for step in operations for line in writer.lines_of(step)]
    return writer.program(body, circuit.num_clbits)


class Writer:
    """Writes the steps of one circuit, in their order.

    Args:
        dialect: gates that may be used.
        size: number of qubits of a register that holds them all.
        operations: all the steps that will be written.

    Raises:
        DoesNotFit: from :meth:`lines_of`, if a step cannot be expressed.
    """

    def __init__(self, dialect: Dialect, size: int, operations: Sequence[Step]) -> None:
        self._size = size
        self._early = {id(operations[k]) for k in early_measurements(operations)}
        self._read: dict[int, int] = {}
        self._dialect = dialect
        self._frames = _Frames()
        self._keys: dict[int, int] = {}
        self._last_key = -1

    def program(self, body: Sequence[str], num_bits: int) -> str:
        """The whole program, from the lines of all steps."""
        lines = ["OPENQASM 3.0;", f"bit[{num_bits}] b;"]
        if not self._dialect.physical:
            lines.append(f"qubit[{self._size}] q;")
        if self._dialect.verbatim:
            lines += ["#pragma braket verbatim", "box{", *body, "}"]
        else:
            lines += body
        lines += [f"b[{bit}] = measure {self.name(q)};" for bit, q in sorted(self._read.items())]
        return "\n".join(lines) + "\n"

    def name(self, qubit: int) -> str:
        """The qubit as the program calls it."""
        return f"${qubit}" if self._dialect.physical else f"q[{qubit}]"

    def lines_of(self, step: Step) -> Iterator[str]:
        """What a step becomes; nothing for barriers, and for readouts at the end."""
        if step.name in ("barrier", "id"):
            return
        if step.name == "measure":
            yield from self._measurement(step, in_between=id(step) in self._early)
        else:
            self._require_not_read_yet(step)
            yield from self._gate(step)

    def _gate(self, step: Step) -> Iterator[str]:
        if step.name == "delay":
            raise DoesNotFit("Braket devices keep no delays; leave out the idle time")
        if step.name == "reset":
            yield from self._reset(step.qubits[0])
        elif step.condition:
            yield from self._correction(step)
        elif not self._dialect.native:
            yield self._plain(step)
        elif len(step.qubits) == 2:
            yield from self._entangler(step.name, *step.qubits)
        elif step.name == "rz" or step.name in ("z", "s", "sdg"):
            yield from self._z_turn(step)
        elif step.name in _PULSES:
            yield self._pulse(step.qubits[0], *_PULSES[step.name])
        else:
            raise self._not_native(step.name)

    def _plain(self, step: Step) -> str:
        on = ", ".join(self.name(q) for q in step.qubits)
        if step.name == "rz":
            return f"rz({_angle_of(step)!r}) {on};"
        if step.name in _TWO_QUBIT_PLAIN:
            return f"{_TWO_QUBIT_PLAIN[step.name]}({_QUARTER!r}) {on};"
        if step.name not in _PLAIN:
            raise self._not_native(step.name)
        return f"{_PLAIN[step.name]} {on};"

    def _z_turn(self, step: Step) -> Iterator[str]:
        quarters = {"rz": 0, "s": 1, "z": 2, "sdg": 3}[step.name]
        angle = _angle_of(step) + quarters * _QUARTER
        if self._has_phases:
            self._frames.turn(step.qubits[0], angle)
        else:
            yield f"rz({_wrapped(angle)!r}) {self.name(step.qubits[0])};"

    @property
    def _has_phases(self) -> bool:
        """Whether the axis of a pulse can be chosen, so that Z rotations need no gate."""
        return bool(self._dialect.native & {"prx", "gpi2"})

    def _pulse(self, qubit: int, angle: float, phase: float) -> str:
        # PRX(θ, φ) Rz(λ) = Rz(λ) PRX(θ, φ - λ): the frame stays behind.
        phase = _wrapped(phase - self._frames.of(qubit))
        name = self.name(qubit)
        native = self._dialect.native
        if "prx" in native:
            return f"prx({angle!r}, {phase!r}) {name};"
        if "gpi2" in native:
            if angle == math.pi:
                return f"gpi({phase!r}) {name};"
            # A turn the other way is one about the opposite axis.
            return f"gpi2({_wrapped(phase if angle > 0 else phase + math.pi)!r}) {name};"
        if "rx" in native and not phase:
            return f"rx({angle!r}) {name};"
        raise self._not_native("a pulse")

    def _entangler(self, name: str, a: int, b: int) -> Iterator[str]:
        native, frames, pairs = self._dialect.native, self._frames, self._dialect.pairs
        if (a, b) not in pairs and (b, a) in pairs:
            # All of these gates are the same in both directions.
            a, b = b, a
        on = f"{self.name(a)}, {self.name(b)}"
        if name == "cz" and "cz" in native:
            yield f"cz {on};"
        elif name == "rzz" and "zz" in native:
            yield f"zz({_QUARTER!r}) {on};"
        elif name == "iswap" and "iswap" in native:
            frames.angles[a], frames.angles[b] = frames.of(b), frames.of(a)
            yield f"iswap {on};"
        elif name == "rxx" and "ms" in native:
            phases = ", ".join(f"{_wrapped(-frames.of(q))!r}" for q in (a, b))
            yield f"ms({phases}, {_QUARTER!r}) {on};"
        elif name == "rxx" and "xx" in native:
            for qubit in (a, b):
                angle = _wrapped(frames.angles.pop(qubit, 0.0))
                if angle:
                    yield f"rz({angle!r}) {self.name(qubit)};"
            yield f"xx({_QUARTER!r}) {on};"
        else:
            raise self._not_native(name)

    # What depends on outcomes

    def _measurement(self, step: Step, *, in_between: bool) -> Iterator[str]:
        (qubit,), (bit,) = step.qubits, step.clbits
        self._read[bit] = qubit
        if in_between:
            self._require_feedback("a measurement before the end of the circuit")
            yield from self._feedback(qubit)
            self._keys[bit] = self._last_key

    def _feedback(self, qubit: int) -> Iterator[str]:
        self._last_key += 1
        yield f"measure_ff({self._last_key}) {self.name(qubit)};"

    def _reset(self, qubit: int) -> Iterator[str]:
        self._require_feedback("a reset")
        yield from self._feedback(qubit)
        yield f"cc_prx({math.pi!r}, 0.0, {self._last_key}) {self.name(qubit)};"
        self._frames.angles.pop(qubit, None)

    def _correction(self, step: Step) -> Iterator[str]:
        """A Pauli under the parity of some bits: one conditional pulse for each bit."""
        self._require_feedback("gates conditioned on outcomes (strategy 'feedforward')")
        (qubit,) = step.qubits
        axes = {"x": (0.0,), "y": (_QUARTER,), "z": (0.0, _QUARTER), "id": ()}[step.name]
        if step.condition_value == 0:
            for axis in axes:
                yield self._pulse(qubit, math.pi, axis)
        for bit in step.condition:
            if bit in self._keys:
                for axis in axes:
                    phase = _wrapped(axis - self._frames.of(qubit))
                    key = self._keys[bit]
                    yield f"cc_prx({math.pi!r}, {phase!r}, {key}) {self.name(qubit)};"

    def _require_feedback(self, what: str) -> None:
        if self._dialect.native and "prx" not in self._dialect.native:
            raise DoesNotFit(
                f"{what} cannot be written for this device; strategy 'frame' gives the same clone "
                "up to a known Pauli and reads everything at the end"
            )

    def _require_not_read_yet(self, step: Step) -> None:
        for bit, qubit in self._read.items():
            if qubit in step.qubits and step.name != "delay":
                raise DoesNotFit(
                    f"qubit {qubit} is used again after its outcome was stored in bit {bit}, "
                    "which Braket does not return; read into this bit at the end"
                )

    def _not_native(self, name: str) -> DoesNotFit:
        return DoesNotFit(
            f"'{name}' cannot be written with the device's native gates "
            f"({', '.join(sorted(self._dialect.native)) or 'those of a simulator'}); compile the "
            "circuit for this device first"
        )


def _angle_of(step: Step) -> float:
    return step.turns * _QUARTER + step.angle


def _wrapped(angle: float) -> float:
    """The angle within (-π, π], rounding noise removed."""
    turned = math.remainder(angle, 2 * math.pi)
    if abs(turned) < 1e-12:
        return 0.0
    return math.pi if abs(turned + math.pi) < 1e-12 else turned


# Reading programs again

_DECLARED = re.compile(r"bit\[(\d+)\]\s*b\s*;")
_MEASURED = re.compile(r"b\[(\d+)\]\s*=\s*measure\s+(?:\$|q\[)(\d+)\]?\s*;")
_GATE = re.compile(
    r"^\s*[a-z_0-9]+(?:\([^)]*\))?\s+(?:\$\d+|q\[\d+\])\s*,\s*(?:\$\d+|q\[\d+\])\s*;", re.M
)


@dataclass(frozen=True)
class Readout:
    """Where the outcomes of a program belong.

    Attributes:
        num_bits: classical bits of the circuit.
        bit_of: qubit as the program names it → its classical bit.
    """

    num_bits: int
    bit_of: dict[int, int]

    @classmethod
    def of(cls, source: str) -> Readout:
        """Read it from a program that :func:`program` wrote.

        Raises:
            ValueError: if another program is given.
        """
        declared = _DECLARED.search(source)
        found = {int(qubit): int(bit) for bit, qubit in _MEASURED.findall(source)}
        if declared is None or not found:
            raise ValueError("the program declares no bits 'b', or measures into none of them")
        return cls(int(declared[1]), found)


def two_qubit_gates(source: str) -> int:
    """Number of two-qubit gates in a program."""
    return len(_GATE.findall(source))
