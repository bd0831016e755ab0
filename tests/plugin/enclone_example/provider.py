"""A simulator whose readouts flip more often than the calibration of the device says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from enclone.provider import (
    DeviceSnapshot,
    Finding,
    LocalAdapter,
    Options,
    Problems,
    Provider,
    RunRequest,
    as_snapshot,
    sample,
)


class WornReadoutOptions(Options):
    """How worn the readout is.

    Attributes:
        extra_flip: probability by which each outcome flips, beside the calibration's.
        circuits_per_job: most circuits of a job.
    """

    extra_flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    circuits_per_job: Annotated[int, Field(ge=1)] = 100


def open_worn(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> LocalAdapter:
    """Open the simulator for a device."""
    worn = WornReadoutOptions.model_validate(options)

    def flipped(
        circuit: QuantumCircuit, snapshot: DeviceSnapshot | None, shots: int, seed: int
    ) -> BitArray:
        outcomes = sample(circuit, snapshot, shots, seed).to_bool_array(order="little")
        # A stream of its own: the calibration's errors stay as they are.
        draw = np.random.default_rng([seed, 1])
        outcomes ^= draw.random(outcomes.shape) < worn.extra_flip
        return BitArray.from_bool_array(outcomes, order="little")

    return LocalAdapter("worn-readout", as_snapshot(device), flipped, worn.circuits_per_job)


def _problems(request: RunRequest) -> Problems:
    if request.options.extra_flip > 0.5:
        yield (
            ("backend", "worn_readout", "extra_flip"),
            f"'backend.worn_readout.extra_flip' is {request.options.extra_flip:g}: a readout that "
            "flips more often than not is read the other way round; give at most 0.5",
        )


def _diagnose() -> list[Finding]:
    return [Finding("worn readout", True, "ready: it needs no account")]


PROVIDER = Provider(
    name="worn-readout",
    description="stabilizer simulation with readouts that flip more often than calibrated",
    open=open_worn,
    options=WornReadoutOptions,
    purpose="says how worn the readout is",
    problems=_problems,
    diagnose=_diagnose,
    packages=("numpy",),
)
