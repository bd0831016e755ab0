"""The record of provider ``rehearsal``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backends.providers.record import Provider, RunHome, RunRequest
from backends.providers.rehearsal.settings import RehearsalConfig

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.rehearsal.adapter import RehearsalAdapter


def _open(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> RehearsalAdapter:
    from backends.providers.rehearsal.adapter import open_rehearsal

    return open_rehearsal(device, options)


def _run_options(request: RunRequest, home: RunHome) -> dict[str, Any]:
    """The options, with the absolute path of the cloud's file."""
    options = asdict(request.options)
    file = options["cloud"] or f".rehearsal/{home.run_id}.sqlite"
    return {**options, "cloud": str((home.runs / file).absolute())}


def _resume_options(options: Mapping[str, Any], jobs_sent: bool) -> Mapping[str, Any]:
    return {**options, "used": jobs_sent}


PROVIDER = Provider(
    name="rehearsal",
    description="a simulated cloud with queue, bill and faults, to practise a hardware run",
    open=_open,
    options=RehearsalConfig,
    purpose="describes a simulated cloud",
    run_options=_run_options,
    resume_options=_resume_options,
)
