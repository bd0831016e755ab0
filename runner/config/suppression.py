"""What a configuration asks of hardware alone: error suppression, and how jobs are sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from backends.devices.catalog import IDEAL
from backends.providers.record import Provider
from backends.providers.suppression import Pulses, TwirlingConfig
from backends.simulation.pulse_trains import Decoupling
from runner.kinds.contract.strict import Problems, Section


class SuppressionConfig(Section):
    """Error suppression on hardware; local simulators model none of it.

    ``twirling: true`` stands for the defaults of its section.
    """

    dynamical_decoupling: Pulses = "none"
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


def suppression_problems(record: Provider, asked: SuppressionConfig) -> Problems:
    """What a provider that suppresses no errors does not do, by path in the file."""
    if record.suppresses:
        return
    for key, value in asked:
        if value not in ("none", False):
            yield (
                ("suppression", key),
                f"provider '{record.name}' models no error suppression; leave "
                f"'suppression.{key}' out, or run on hardware",
            )


def decoupling_problems(
    record: Provider, device: str, decoupling: Decoupling, asked: SuppressionConfig
) -> Problems:
    """Why pulses cannot be put in by the compiler, by path in the file.

    Args:
        record: of the provider.
        device: its name.
        decoupling: which pulse trains are asked for.
        asked: what else suppresses errors.
    """
    if decoupling == "none":
        return
    at = ("compile", "decoupling")
    if not record.keeps_delays:
        yield (
            at,
            f"provider '{record.name}' keeps no delays, so nobody knows when a pulse would come; "
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
