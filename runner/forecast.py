"""What a plan costs, and what it would cost on the device it simulates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.schedule import schedule, total_seconds
from backends.snapshot import DeviceSnapshot
from experiments.clifford import steps
from runner.config import BudgetConfig, RunConfig
from runner.errors import OverBudget
from runner.planning import PlannedPoint

RESET_SECONDS = 250e-6
"""Waiting time between shots in which qubits relax: the usual default of IBM devices."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Cost of a run before it is made.

    Attributes:
        circuits: circuits that run, repeats included.
        shots: shots in all.
        qpu_seconds: billed time on a quantum processor.
        usd: billed money.
        device_seconds: time that the same shots would keep the device busy; None if ideal.
        assumptions: what each number rests on.
    """

    circuits: int
    shots: int
    qpu_seconds: float
    usd: float
    device_seconds: float | None
    assumptions: tuple[str, ...]


def forecast(
    config: RunConfig, snapshot: DeviceSnapshot | None, planned: Sequence[PlannedPoint]
) -> Forecast:
    """Add up circuits, shots and time."""
    settings = [s for point in planned for s in point.compiled.settings]
    circuits = len(settings) * config.repeats
    device_seconds = None
    assumptions = [f"provider '{config.backend.provider}' simulates locally and bills nothing"]
    if snapshot is not None:
        device_seconds = config.repeats * sum(
            config.shots
            * (RESET_SECONDS + total_seconds(schedule(tuple(steps(s.circuit)), snapshot)))
            for s in settings
        )
        assumptions.append(
            "time on the device: shots × (length of the scheduled circuit + "
            f"{RESET_SECONDS * 1e6:.0f} µs between shots), without loading or queueing"
        )
    return Forecast(circuits, circuits * config.shots, 0.0, 0.0, device_seconds, tuple(assumptions))


def require_budget(cost: Forecast, budget: BudgetConfig) -> None:
    """Raise :class:`OverBudget` if the forecast exceeds a limit of the budget."""
    for name, needed, limit, unit in (
        ("qpu_seconds", cost.qpu_seconds, budget.qpu_seconds, "s"),
        ("usd", cost.usd, budget.usd, "USD"),
    ):
        if limit is not None and needed > limit:
            raise OverBudget(
                f"the plan needs {needed:g} {unit}, but budget.{name} allows {limit:g} {unit}; "
                "nothing was sent. Take fewer shots or points, or raise the budget"
            )
