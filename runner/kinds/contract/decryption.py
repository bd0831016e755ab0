"""The ``decrypt`` section of an experiment: which clone comes back, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

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
    """

    clone: Annotated[list[int] | Literal["all"], BeforeValidator(_clones)] = [1]
    strategy: Swept[Literal[Strategy, "auto"]] = ["unitary"]
    chosen: list[ChosenStrategy] | None = None

    @property
    def strategies(self) -> list[Strategy]:
        """The strategies, the first candidate standing in for ``auto``."""
        return [_STAND_IN if name == AUTO else name for name in self.strategy]
