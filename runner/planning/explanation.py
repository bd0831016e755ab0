"""What a plan says of the compilation: who made the circuits, and where fidelity goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from backends.compiling.compile import CompiledPoint
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.pulse_trains import find_trains
from experiments.stabilizer.clifford import NotClifford, steps
from runner.planning.points import PlannedPoint

if TYPE_CHECKING:
    from backends.compiling.protocol.score import Losses

_MOST_CHECKS = 6
"""Their products are as many as 2 to the power of this."""


def mean_losses(compiled: CompiledPoint, snapshot: DeviceSnapshot) -> Losses | None:
    """What gates, idling and readout take off a point's correlators on average, as -log.

    With decoupling, as if it were perfect. None where readouts are turned, so that there are no
    single Pauli strings, or too many.
    """
    from backends.compiling.protocol.score import Losses, setting_score

    found: list[Losses] = []
    for one in compiled.settings:
        if len(one.setting.checks) > _MOST_CHECKS:
            return None
        try:
            found += setting_score(
                one.setting, one.circuit, snapshot, refocusing=compiled.refocused is not None
            )[1]
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
    asked = compiled.compiler == "protocol" or compiled.remark or compiled.refocused is not None
    losses = mean_losses(compiled, snapshot) if snapshot and asked else None
    return {
        "point": planned.point.label,
        "compiler": compiled.compiler,
        "predicted": compiled.predicted,
        "alternative": compiled.alternative,
        "remark": compiled.remark,
        "decoupling": None
        if compiled.refocused is None
        else {
            "pulses": most_pulses(compiled)[0],
            "waits": most_pulses(compiled)[1],
            "predicted_if_refocused": compiled.refocused,
            "predicted_if_white": compiled.predicted,
        },
        "auto": None
        if planned.choice is None
        else {
            "strategy": planned.choice.strategy,
            "predicted": dict(planned.choice.predicted),
            "left_out": dict(planned.choice.left_out),
        },
        "postselection_shots_factor": shots_for_equal_precision(compiled),
        "losses": {"gates": losses.gates, "idling": losses.idling, "readout": losses.readout}
        if losses
        else None,
    }


def shots_for_equal_precision(compiled: CompiledPoint) -> float | None:
    """How many times the shots the post-selected value needs to be as precise as the plain one.

    From the predicted variances; None if unused qubits are not read, or there is no noise.
    """
    if compiled.decoder is None:
        return None
    weights, prediction = compiled.decoder.estimator.weights, compiled.decoder.prediction

    def variance(chances: Iterable[float]) -> float:
        return sum(w**2 * p * (1 - p) for w, p in zip(weights, chances, strict=True))

    plain = variance(one.predicted_success for one in compiled.settings)
    if plain <= 0 or prediction.kept <= 0:
        return None
    return variance(prediction.kept_successes) / prediction.kept / plain


def most_pulses(compiled: CompiledPoint) -> tuple[int, int]:
    """(pulses, waits that hold them) of the setting with the most of them."""
    found = []
    for one in compiled.settings:
        placed = find_trains(tuple(steps(one.circuit)))
        found.append((sum(len(train.pulses) for train in placed), len(placed)))
    return max(found)


def compiler_remarks(
    planned: Sequence[PlannedPoint], snapshot: DeviceSnapshot | None
) -> Iterator[str]:
    """Lines for each point that was left to ``auto`` or to the protocol compiler."""
    for one in planned:
        compiled, label = one.compiled, one.point.label
        assumed = "" if compiled.refocused is None else " (decoupling assumed perfect)"
        if one.choice:
            yield f"{label}: auto takes {one.choice.text}{assumed}"
        if compiled.decoder:
            prediction, factor = compiled.decoder.prediction, shots_for_equal_precision(compiled)
            needs = (
                ""
                if factor is None
                else (f"; as precise as plain with {factor:.2f} times the shots")
            )
            yield (
                f"{label}: {compiled.decoder.models[0].detectors} checks, predicted "
                f"{compiled.predicted:.4f} plain, {prediction.corrected:.4f} corrected, "
                f"{prediction.postselected:.4f} post-selected with {prediction.kept:.1%} kept"
                f"{needs}"
            )
        if compiled.compiler == "protocol":
            yield (
                f"{label}: protocol compiler, predicted {compiled.expected:.4f}{assumed}; the "
                f"stock transpiler's best of {len(compiled.candidates)} would have given "
                f"{compiled.alternative:.4f}"
            )
        elif compiled.remark:
            yield f"{label}: {compiled.remark}{assumed}"
        if compiled.refocused is not None:
            pulses, waits = most_pulses(compiled)
            yield (
                f"{label}: {pulses} decoupling pulses in {waits} waits; predicted "
                f"{compiled.refocused:.4f} with decoupling assumed perfect, "
                f"{compiled.predicted:.4f} if dephasing is white"
            )
        elif compiled.compiler == "stock" and not compiled.remark:
            continue
        losses = mean_losses(compiled, snapshot) if snapshot else None
        if losses:
            yield (
                f"  correlators lose on average (as -log) {losses.gates:.3f} to gates, "
                f"{losses.idling:.3f} to idling, {losses.readout:.3f} to readout{assumed}"
            )
