"""What a job will be billed: the time for which it locks the processor."""

from __future__ import annotations

from collections.abc import Sequence

from backends.adapter import Quote, Request
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.ibm.options import IbmConfig, forms
from backends.providers.suppression import TwirlingConfig
from backends.simulation.schedule import schedule, total_seconds
from experiments.stabilizer.clifford import steps

JOB_SECONDS = 2.0
"""Time that a job locks the processor beside its shots; an assumption, not stated anywhere."""


def quote(
    requests: Sequence[Request],
    snapshot: DeviceSnapshot,
    config: IbmConfig,
    twirling: TwirlingConfig | None,
    default_rep_delay_seconds: float,
) -> Quote:
    """Shots times the length of the scheduled circuit and the pause between shots, and overhead."""
    pause = config.rep_delay_seconds
    if pause is None:
        pause = default_rep_delay_seconds
    seconds = JOB_SECONDS
    for request in requests:
        length = total_seconds(schedule(tuple(steps(request.circuit)), snapshot))
        number, each = forms(request.shots, twirling)
        seconds += number * each * (pause + length)
    return Quote(qpu_seconds=seconds)
