"""What a configuration asks of hardware alone: error suppression, and how jobs are sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from backends.devices.catalog import IDEAL, packaged_devices
from backends.providers.ibm.options import LEAST_BUSY, IbmConfig, TwirlingConfig, forms
from backends.providers.registry import Provider
from backends.simulation.pulse_trains import Decoupling
from runner.kinds.contract.strict import Problems, Section


class SuppressionConfig(Section):
    """Error suppression on hardware; local simulators model none of it.

    ``twirling: true`` stands for the defaults of its section.
    """

    dynamical_decoupling: Literal["none", "XX", "XpXm", "XY4"] = "none"
    twirling: Annotated[
        Annotated[bool, Tag("switch")] | Annotated[TwirlingConfig, Tag("section")],
        Discriminator(lambda value: "switch" if isinstance(value, bool) else "section"),
    ] = False
    readout_mitigation: Literal["none", "mthree"] = "none"

    @property
    def twirling_options(self) -> TwirlingConfig | None:
        """How to twirl; None for not at all."""
        if isinstance(self.twirling, TwirlingConfig):
            return self.twirling
        return TwirlingConfig() if self.twirling else None


def ibm_problems(device: str, ibm: IbmConfig) -> Problems:
    """What can be told of a run on IBM Quantum without asking it, by path in the file."""
    if device == IDEAL or device.endswith(".json") or device in packaged_devices():
        yield (
            ("backend", "device"),
            f"'{device}' can only be simulated; provider ibm runs on a device of its instance, "
            f"such as ibm_kingston, or on the '{LEAST_BUSY}' one",
        )
    if ibm.least_busy and device != LEAST_BUSY:
        yield (
            ("backend", "ibm", "least_busy"),
            f"'backend.ibm.least_busy' narrows a choice, but the device is '{device}'; leave it "
            f"out, or set device: {LEAST_BUSY}",
        )
    if ibm.most_session_seconds and ibm.mode == "job":
        yield (
            ("backend", "ibm", "most_session_seconds"),
            "'backend.ibm.most_session_seconds' ends a batch or session, but the mode is 'job'; "
            "leave it out, or set mode: batch",
        )


def suppression_problems(
    provider: Provider, asked: SuppressionConfig, shots: int, *, dynamic: bool
) -> Problems:
    """What the provider does not do, or does not do for this experiment.

    Args:
        provider: where it runs.
        asked: what is asked for.
        shots: of each setting.
        dynamic: whether gates depend on outcomes.
    """
    if provider != "ibm":
        for key, value in asked:
            if value not in ("none", False):
                yield (
                    ("suppression", key),
                    f"provider '{provider}' models no error suppression; leave "
                    f"'suppression.{key}' out, or run on hardware",
                )
        return
    if dynamic and asked.dynamical_decoupling != "none":
        yield (
            ("suppression", "dynamical_decoupling"),
            "dynamical decoupling and strategy 'feedforward' exclude each other: IBM's client "
            "inserts no pulses into circuits whose gates depend on outcomes; set it to none, or "
            "use strategy 'frame'",
        )
    twirling = asked.twirling_options
    if twirling is None:
        return
    if dynamic:
        yield (
            ("suppression", "twirling"),
            "twirling and strategy 'feedforward' exclude each other here: a correction would act "
            "on twirled outcomes; set it to false, or use strategy 'frame'",
        )
    if not (twirling.gates or twirling.measure):
        yield ("suppression", "twirling"), "nothing is twirled; write twirling: false"
        return
    number, each = forms(shots, twirling)
    if number * each != shots:
        yield (
            ("shots",),
            f"{shots} shots do not share out over {number} twirled circuits of {each}; "
            f"take {number * each}" + (f" or {number * (each - 1)}" if each > 1 else ""),
        )


def decoupling_problems(
    provider: Provider,
    device: str,
    decoupling: Decoupling,
    asked: SuppressionConfig,
    *,
    dynamic: bool,
) -> Problems:
    """Why pulses cannot be placed by the compiler, by path in the file.

    Args:
        provider: where it runs.
        device: its name.
        decoupling: which pulse trains are asked for.
        asked: what else suppresses errors.
        dynamic: whether gates depend on outcomes.
    """
    if decoupling == "none":
        return
    at = ("compile", "decoupling")
    if provider in ("braket", "braket-local"):
        yield (
            at,
            f"provider '{provider}' keeps no delays, so nobody knows when a pulse would come; "
            "leave 'compile.decoupling' out",
        )
    elif device == IDEAL:
        yield at, f"device '{IDEAL}' loses nothing while it waits; leave 'compile.decoupling' out"
    if asked.dynamical_decoupling != "none":
        yield (
            at,
            "'compile.decoupling' and 'suppression.dynamical_decoupling' would both put pulses "
            "into the same waits; set one of them to none",
        )
    if provider == "ibm" and dynamic:
        yield (
            at,
            "decoupling and strategy 'feedforward' exclude each other on IBM Quantum: the service "
            "times what depends on outcomes by itself, so pulses would not come where they are "
            "put; set it to none, or use strategy 'frame'",
        )
