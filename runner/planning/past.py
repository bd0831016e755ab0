"""Past calibrations of a device: asked for while a run is planned, archived with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from qiskit.circuit import QuantumCircuit

from backends.adapter import Adapter, PastCalibrations, ProviderError, Remembers
from backends.compiling.past_calibrations import over_calibrations
from backends.devices.calibration_time import calibration_time
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.prediction import Successes, predict_by_calibration
from experiments.settings import Setting
from runner.planning.points import PlannedPoint

DAYS = 7
"""How far back calibrations are asked for."""


def past_calibrations(adapter: Adapter, snapshot: DeviceSnapshot | None) -> PastCalibrations:
    """What the provider kept: one calibration for each date, none of today's, newest first.

    Args:
        adapter: the opened device.
        snapshot: the calibration that circuits are compiled for; None for a perfect device.
    """
    if snapshot is None or not isinstance(adapter, Remembers):
        return PastCalibrations()
    try:
        found = adapter.past_calibrations(DAYS)
    except ProviderError as error:
        return PastCalibrations(remark=f"no past calibrations: {error}")
    by_date: dict[str, DeviceSnapshot] = {}
    remark = found.remark
    for one in found.snapshots:
        date = calibration_date(one)
        if date is None:
            remark = remark or "a past calibration was left out: it does not state its date"
        elif date != calibration_date(snapshot):
            by_date.setdefault(date, one)
    newest_first = sorted(by_date, reverse=True)[:DAYS]
    return PastCalibrations(tuple(by_date[date] for date in newest_first), remark)


def calibration_date(snapshot: DeviceSnapshot) -> str | None:
    """The day of a calibration in UTC, such as ``2026-04-15``; None if it does not state one."""
    moment = calibration_time(snapshot)
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def spanning(
    planned: Sequence[PlannedPoint],
    snapshot: DeviceSnapshot | None,
    past: Sequence[DeviceSnapshot],
) -> list[PlannedPoint]:
    """The points of a run with intervals that span past calibrations, where there are any."""
    if snapshot is None:
        return list(planned)
    return [
        replace(
            one,
            compiled=over_calibrations(
                one.compiled, one.point.linear_estimator.value, snapshot, past
            ),
        )
        for one in planned
    ]


def by_calibration(
    setting: Setting,
    circuit: QuantumCircuit,
    snapshot: DeviceSnapshot | None,
    past: Sequence[DeviceSnapshot],
) -> tuple[Successes | None, ...]:
    """Predictions of a compiled setting by each calibration; empty where none is past."""
    if snapshot is None or not past:
        return ()
    return predict_by_calibration(setting, circuit, (snapshot, *past))


def left_out_of(planned: Sequence[PlannedPoint]) -> dict[str, int]:
    """Point → number of past calibrations that its interval does not span, if there are any."""
    return {one.point.label: one.compiled.left_out for one in planned if one.compiled.left_out}


def past_remarks(past: PastCalibrations, left_out: Mapping[str, int]) -> Iterator[str]:
    """What the intervals of a plan rest on, where the provider was asked for past calibrations."""
    if past.remark:
        yield past.remark
    yield from interval_remarks([calibration_date(one) or "" for one in past.snapshots], left_out)


def interval_remarks(dates: Sequence[str], left_out: Mapping[str, int]) -> Iterator[str]:
    """What the intervals of predictions span instead of an assumed drift.

    Args:
        dates: of the past calibrations, newest first.
        left_out: point → number of those that its interval does not span.
    """
    if not dates:
        return
    yield (
        f"predicted interval: over today's calibration and {len(dates)} past "
        f"{'one' if len(dates) == 1 else 'ones'} ({', '.join(dates)}) in place of an assumed drift"
    )
    for label, number in left_out.items():
        drift = "; a drift of 25 % is assumed" if number == len(dates) else ""
        yield (
            f"{label}: {number} of {len(dates)} past calibrations left out, in which a qubit or "
            f"coupler that it uses did not work{drift}"
        )
