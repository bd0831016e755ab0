"""The section ``backend.noise`` of simulators that draw shots from a calibration snapshot."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backends.providers.record import Options, Problems, RunHome, RunRequest

SECTION = "noise"
PURPOSE = "says which noise is simulated"
_IDEAL = "ideal"


class SimulatedNoise(Options):
    """Which noise model the shots are drawn from.

    Attributes:
        model: ``calibration``, the calibration as it stands; ``layers``, all that it leaves open at
            its pessimistic value (:mod:`backends.simulation.noise_models`).
    """

    model: Annotated[
        Literal["calibration", "layers"],
        Field(description="the calibration as it stands, or all that it leaves open at its worst"),
    ] = "calibration"


def noise_problems(request: RunRequest) -> Problems:
    """A perfect device has no noise of any model."""
    if request.device == _IDEAL and request.options != SimulatedNoise():
        message = "the ideal device has no noise; leave 'noise' out, or choose another device"
        yield ("backend", SECTION), message


def noise_options(request: RunRequest, home: RunHome) -> dict[str, Any]:
    """The options that a run stores: none for the calibration as it stands."""
    del home
    given: SimulatedNoise = request.options
    return given.model_dump(mode="json", exclude_defaults=True)
