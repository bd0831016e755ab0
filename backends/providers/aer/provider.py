"""The record of provider ``aer``."""

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

_CIRCUITS_PER_JOB = 8
"""A circuit takes long, so an interruption loses little."""


def open_aer(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> LocalAdapter:
    """Open the simulator for a device; the options are fields of :class:`SimulatedNoise`."""
    from backends.devices.catalog import as_snapshot
    from backends.providers.local_adapter import LocalAdapter
    from backends.simulation.aer_sampler import sample
    from backends.simulation.noise_models import MODELS

    model = MODELS[SimulatedNoise.model_validate(options).model]
    return LocalAdapter("aer", as_snapshot(device), partial(sample, model=model), _CIRCUITS_PER_JOB)


PROVIDER = Provider(
    name="aer",
    description="Qiskit Aer with the same noise, or without any; slower, independent",
    open=open_aer,
    options=SimulatedNoise,
    shared_section=SECTION,
    outcome_options=("model",),
    purpose=PURPOSE,
    problems=noise_problems,
    run_options=noise_options,
    packages=("qiskit-aer",),
    redraws=True,
)
