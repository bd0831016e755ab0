"""The record of provider ``stim``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from backends.providers.record import Provider
from backends.providers.simulated_noise import (
    PURPOSE,
    SECTION,
    SimulatedNoise,
    noise_options,
    noise_problems,
)

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.local_adapter import LocalAdapter


def open_stim(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> LocalAdapter:
    """Open the simulator for a device; the options are fields of :class:`SimulatedNoise`."""
    from backends.devices.catalog import as_snapshot
    from backends.providers.local_adapter import LocalAdapter
    from backends.simulation.noise_models import MODELS
    from backends.simulation.stim_sampler import sample

    model = MODELS[SimulatedNoise.model_validate(options).model]
    return LocalAdapter("stim", as_snapshot(device), partial(sample, model=model))


PROVIDER = Provider(
    name="stim",
    description="stabilizer simulation with the noise of a calibration snapshot (default)",
    open=open_stim,
    options=SimulatedNoise,
    shared_section=SECTION,
    outcome_options=("model",),
    purpose=PURPOSE,
    problems=noise_problems,
    run_options=noise_options,
    redraws=True,
)
