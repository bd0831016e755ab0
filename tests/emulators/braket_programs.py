"""Reading OpenQASM as a vendor does: what is in the box, and whether the device takes it.

Written from the rules of the vendors, without the code that writes the programs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GATE = re.compile(r"^([a-z_0-9]+)(?:\(([^)]*)\))?\s+([^;]+);$")
_MEASURE = re.compile(r"^b\[(\d+)\]\s*=\s*measure\s+(\S+);$")


class Invalid(Exception):
    """The service refuses the program, in its own words."""


@dataclass(frozen=True)
class Gate:
    """One instruction of the box."""

    name: str
    params: tuple[float, ...]
    qubits: tuple[int, ...]


@dataclass
class Parsed:
    """A program: its gates, and (bit, qubit) of each measurement."""

    gates: list[Gate] = field(default_factory=list)
    measured: list[tuple[int, int]] = field(default_factory=list)
    bits: int = 0
    verbatim: bool = False

    @property
    def two_qubit_gates(self) -> int:
        return sum(len(g.qubits) == 2 for g in self.gates)


def parse(source: str) -> Parsed:
    """Read a program line by line."""
    found = Parsed()
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("OPENQASM 3"):
        raise Invalid("[line 1] the program must begin with its OpenQASM version")
    inside, pragma = False, False
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith("bit["):
            found.bits = int(line[4 : line.index("]")])
        elif line.startswith("qubit["):
            continue
        elif line == "#pragma braket verbatim":
            if found.verbatim:
                raise Invalid(f"[line {number}] there may be one verbatim box only")
            pragma = True
        elif line == "box{":
            if not pragma:
                raise Invalid(f"[line {number}] a box must follow its pragma")
            inside = found.verbatim = True
        elif line == "}":
            inside = False
        elif measured := _MEASURE.match(line):
            if inside:
                raise Invalid(f"[line {number}] measurements must follow the verbatim box")
            found.measured.append((int(measured[1]), _qubit(measured[2], number)))
        elif gate := _GATE.match(line):
            if found.verbatim and not inside:
                raise Invalid(f"[line {number}] the whole program must be in the verbatim box")
            if found.measured:
                raise Invalid(f"[line {number}] a gate follows a measurement")
            qubits = tuple(_qubit(q, number) for q in gate[3].split(","))
            params = tuple(float(p) for p in gate[2].split(",")) if gate[2] else ()
            found.gates.append(Gate(gate[1], params, qubits))
        else:
            raise Invalid(f"[line {number}] cannot be read: {line}")
    if not found.measured:
        raise Invalid("nothing is measured")
    return found


def _qubit(text: str, number: int) -> int:
    name = text.strip()
    match = re.match(r"^(?:\$(\d+)|q\[(\d+)\])$", name)
    if match is None:
        raise Invalid(f"[line {number}] no qubit: {name}")
    return int(match[1] if match[1] is not None else match[2])


def check(program: Parsed, device: dict[str, Any], *, experimental: bool = False) -> None:
    """Refuse what the device would refuse in a verbatim box."""
    if not program.verbatim:
        return
    if not device["action"]["braket.ir.openqasm.program"]["supportedPragmas"]:
        raise Invalid("verbatim boxes are not supported by this device")
    native = set(device["paradigm"]["nativeGateSet"])
    if experimental and "prx" in native:
        native |= {"cc_prx", "measure_ff"}
    graph = device["paradigm"]["connectivity"]["connectivityGraph"]
    pairs = {frozenset((int(a), int(b))) for a, others in graph.items() for b in others}
    labels = {q for pair in pairs for q in pair} or set(range(device["paradigm"]["qubitCount"]))
    for gate in program.gates:
        if gate.name not in native:
            raise Invalid(f"gate {gate.name} is not native to this device: {sorted(native)}")
        if not set(gate.qubits) <= labels:
            raise Invalid(f"qubits {gate.qubits} do not exist on this device")
        if len(gate.qubits) == 2 and pairs and frozenset(gate.qubits) not in pairs:
            raise Invalid(f"qubits {gate.qubits} are not connected")
        if gate.name == "rx" and "gpi" not in native and not _multiple(gate.params[0], math.pi / 2):
            raise Invalid(f"rx({gate.params[0]}) is no multiple of pi/2")
    if not {q for _, q in program.measured} <= labels:
        raise Invalid("a measured qubit does not exist on this device")
    if len({q for _, q in program.measured}) < len(program.measured):
        raise Invalid("a qubit is measured twice")


def _multiple(angle: float, unit: float) -> bool:
    return abs(math.remainder(angle, unit)) < 1e-9


def unitary(gate: Gate) -> NDArray[np.complex128]:
    """The matrix of a native gate, its first qubit the most significant, as Braket defines it."""
    name, p = gate.name, gate.params
    if name == "prx":
        return _phased(p[0], p[1])
    if name == "rx":
        return _phased(p[0], 0.0)
    if name == "rz":
        return np.diag([np.exp(-0.5j * p[0]), np.exp(0.5j * p[0])])
    if name == "gpi":
        return np.array([[0, np.exp(-1j * p[0])], [np.exp(1j * p[0]), 0]])
    if name == "gpi2":
        return np.array([[1, -1j * np.exp(-1j * p[0])], [-1j * np.exp(1j * p[0]), 1]]) / np.sqrt(2)
    if name == "cz":
        return np.diag([1, 1, 1, -1]).astype(complex)
    if name == "iswap":
        return np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]])
    if name == "zz":
        return np.diag(np.exp(-0.5j * p[0] * np.array([1, -1, -1, 1])))
    if name == "xx":
        return _ising(p[0], _axis(0.0), _axis(0.0))
    if name == "ms":
        return _ising(p[2], _axis(p[0]), _axis(p[1]))
    raise Invalid(f"nobody knows gate {name}")


def _phased(angle: float, phase: float) -> NDArray[np.complex128]:
    return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * _axis(phase)


def _axis(phase: float) -> NDArray[np.complex128]:
    return np.array([[0, np.exp(-1j * phase)], [np.exp(1j * phase), 0]])


def _ising(angle: float, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.complex128]:
    return np.cos(angle / 2) * np.eye(4) - 1j * np.sin(angle / 2) * np.kron(a, b)
