"""What a plan says of the compilation: who made the circuits, and where fidelity goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.planning import PlannedPoint


def compilation(planned: PlannedPoint) -> dict[str, Any]:
    """One point of ``plan --json``: the compiler, the other one's prediction, and remarks."""
    compiled = planned.compiled
    return {
        "point": planned.point.label,
        "compiler": compiled.compiler,
        "predicted": compiled.predicted,
        "alternative": compiled.alternative,
        "remark": compiled.remark,
    }


def compiler_remarks(planned: Sequence[PlannedPoint]) -> Iterator[str]:
    """A line for each point that the protocol compiler was asked for."""
    for one in planned:
        compiled = one.compiled
        if compiled.compiler == "protocol":
            yield (
                f"{one.point.label}: protocol compiler, predicted {compiled.predicted:.4f}; the "
                f"stock transpiler's best of {len(compiled.candidates)} would have given "
                f"{compiled.alternative:.4f}"
            )
        elif compiled.remark:
            yield f"{one.point.label}: {compiled.remark}"
