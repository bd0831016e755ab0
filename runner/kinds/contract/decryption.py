"""The ``decrypt`` section of an experiment: which clone comes back, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from backends.compiling.checked.modes import Checks
from backends.simulation.decoding.rules import ALL_PASSED
from experiments.protocol import Strategy
from runner.kinds.contract.strict import Section, Swept, as_sweep

AUTO: Literal["auto"] = "auto"
"""Stands for the strategy with the best prediction, for each point of the sweep by itself."""

_STAND_IN: Strategy = "unitary"
"""What every experiment with a clone can do."""


class ChosenStrategy(Section):
    """What ``auto`` chose for one point, and from what.

    Attributes:
        point: label of the point.
        strategy: the strategy that it got.
        predicted: predicted value of each candidate.
        left_out: why a strategy was no candidate.
    """

    point: str
    strategy: Strategy
    predicted: dict[Strategy, float]
    left_out: dict[Strategy, str] = {}


def _clones(value: Any) -> Any:
    return value if value == "all" else as_sweep(value)


class DecryptConfig(Section):
    """Which clone is decrypted (``all``: each in turn), and how.

    ``chosen`` says what ``auto`` came to, point by point; a plan writes it, and where it stands
    nothing is chosen anew.

    With ``checks`` the qubits that decryption leaves over are read too, each alone (``read``) or
    neighbours as Bell pairs (``pairs``). Their parities tell of errors: the row has the corrected
    and the post-selected value beside the plain one. ``keep`` says what post-selection keeps:
    shots in which all parities are right, or this fraction of them, the most trustworthy.
    """

    clone: Annotated[list[int] | Literal["all"], BeforeValidator(_clones)] = [1]
    strategy: Swept[Literal[Strategy, "auto"]] = ["unitary"]
    chosen: list[ChosenStrategy] | None = None
    checks: Checks = "none"
    keep: Literal["all-passed"] | Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = (
        ALL_PASSED
    )

    @property
    def strategies(self) -> list[Strategy]:
        """The strategies, the first candidate standing in for ``auto``."""
        return [_STAND_IN if name == AUTO else name for name in self.strategy]
