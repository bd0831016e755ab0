"""The interval of a prediction over calibrations of other days, in place of an assumed drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from backends.compiling.compile import CompiledPoint, with_predictions
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.prediction import predict_by_calibration


def over_calibrations(
    point: CompiledPoint,
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot,
    past: Sequence[DeviceSnapshot],
) -> CompiledPoint:
    """A point whose interval spans calibrations of other days, where there are any.

    The layouts of other transpiler seeds are not in it.
    """
    if not past:
        return point
    settings = tuple(
        replace(
            one,
            by_calibration=predict_by_calibration(one.setting, one.circuit, (snapshot, *past)),
        )
        for one in point.settings
    )
    spanned = with_predictions(replace(point, settings=settings), value)
    none_fits = spanned.left_out == len(past)
    return spanned if none_fits else replace(spanned, lowest_of_layouts=None)
