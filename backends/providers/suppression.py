"""Error suppression that a provider may apply to circuits as it runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

Pulses = Literal["none", "XX", "XpXm", "XY4"]
Count = Annotated[int, Field(ge=1, strict=True)]


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TwirlingConfig:
    """Pauli twirling: every circuit runs in several random, equivalent forms.

    Attributes:
        gates: twirl two-qubit gates.
        measure: twirl readouts.
        num_randomizations: random forms of a circuit; ``auto`` leaves it to the client (32, with
            at least 64 shots each).
        shots_per_randomization: shots of each form; ``auto`` shares the shots out.
    """

    gates: bool = True
    measure: bool = True
    num_randomizations: Count | Literal["auto"] = "auto"
    shots_per_randomization: Count | Literal["auto"] = "auto"


@dataclass(frozen=True)
class Suppression:
    """Error suppression that the client applies to circuits as it sends them.

    Attributes:
        dynamical_decoupling: pulses in idle times; ``none`` or the name of a sequence.
        twirling: None for no twirling.
    """

    dynamical_decoupling: Pulses = "none"
    twirling: TwirlingConfig | None = None


NO_SUPPRESSION = Suppression()
"""Circuits run as they are sent."""
