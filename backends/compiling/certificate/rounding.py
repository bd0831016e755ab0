"""What reading angles as quarter turns leaves out."""

from __future__ import annotations

import math

from qiskit.circuit import IfElseOp, QuantumCircuit

from experiments.stabilizer.clifford import STIM_NAMES

_TURNS = ("rz", "rxx", "rzz")
_NO_TURNS = frozenset({*STIM_NAMES, "ecr", "barrier", "delay"}.difference(_TURNS))
_QUARTER = math.pi / 2
_TOLERANCE_RADIANS = 1e-6
"""What differs by more is no quarter turn, and is followed as what it is."""


def radians_rounded_away(circuit: QuantumCircuit) -> float:
    """How far angles are from the quarter turns that they are read as, summed, in radians."""
    total = 0.0
    for instruction in circuit.data:
        name = instruction.name
        if name in _NO_TURNS:
            continue
        if name in _TURNS:
            angle = float(instruction.params[0])
            rest = abs(angle - round(angle / _QUARTER) * _QUARTER)
            total += rest if rest <= _TOLERANCE_RADIANS else 0.0
        elif isinstance(operation := instruction.operation, IfElseOp):
            total += sum(radians_rounded_away(block) for block in operation.blocks)
        elif operation.definition is not None:
            total += radians_rounded_away(operation.definition)
    return total
