"""What a plan says of the compilation: who made the circuits, and where fidelity goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from backends.compile import CompiledPoint
from backends.snapshot import DeviceSnapshot
from experiments.clifford import NotClifford
from runner.planning import PlannedPoint

if TYPE_CHECKING:
    from backends.protocol_compiler.score import Losses

_MOST_CHECKS = 6
"""Their products are as many as 2 to the power of this."""


def mean_losses(compiled: CompiledPoint, snapshot: DeviceSnapshot) -> Losses | None:
    """What gates, idling and readout take off a point's correlators on average, as -log.

    None where readouts are turned, so that there are no single Pauli strings, or too many.
    """
    from backends.protocol_compiler.score import Losses, setting_score

    found: list[Losses] = []
    for one in compiled.settings:
        if len(one.setting.checks) > _MOST_CHECKS:
            return None
        try:
            found += setting_score(one.setting, one.circuit, snapshot)[1]
        except NotClifford:
            return None
    count = len(found)
    return Losses(
        sum(one.gates for one in found) / count,
        sum(one.idling for one in found) / count,
        sum(one.readout for one in found) / count,
    )


def compilation(planned: PlannedPoint, snapshot: DeviceSnapshot | None) -> dict[str, Any]:
    """One point of ``plan --json``: the compiler, the other one's prediction, losses by cause."""
    compiled = planned.compiled
    asked = compiled.compiler == "protocol" or compiled.remark
    losses = mean_losses(compiled, snapshot) if snapshot and asked else None
    return {
        "point": planned.point.label,
        "compiler": compiled.compiler,
        "predicted": compiled.predicted,
        "alternative": compiled.alternative,
        "remark": compiled.remark,
        "auto": None
        if planned.choice is None
        else {
            "strategy": planned.choice.strategy,
            "predicted": dict(planned.choice.predicted),
            "left_out": dict(planned.choice.left_out),
        },
        "losses": {"gates": losses.gates, "idling": losses.idling, "readout": losses.readout}
        if losses
        else None,
    }


def compiler_remarks(
    planned: Sequence[PlannedPoint], snapshot: DeviceSnapshot | None
) -> Iterator[str]:
    """Lines for each point that was left to ``auto`` or to the protocol compiler."""
    for one in planned:
        compiled = one.compiled
        if one.choice:
            yield f"{one.point.label}: auto takes {one.choice.text}"
        if compiled.compiler == "protocol":
            yield (
                f"{one.point.label}: protocol compiler, predicted {compiled.predicted:.4f}; the "
                f"stock transpiler's best of {len(compiled.candidates)} would have given "
                f"{compiled.alternative:.4f}"
            )
        elif compiled.remark:
            yield f"{one.point.label}: {compiled.remark}"
        else:
            continue
        losses = mean_losses(compiled, snapshot) if snapshot else None
        if losses:
            yield (
                f"  correlators lose on average (as -log) {losses.gates:.3f} to gates, "
                f"{losses.idling:.3f} to idling, {losses.readout:.3f} to readout"
            )
