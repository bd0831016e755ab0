"""What a plan costs, and what it would cost on the device it simulates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.adapter import Adapter, Quote
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.schedule import schedule, total_seconds
from experiments.stabilizer.clifford import steps
from runner.config.run_config import BudgetConfig, RunConfig
from runner.errors import OverBudget
from runner.planning.circuits import circuits_of, requests_of
from runner.planning.grouping import groups
from runner.planning.points import PlannedPoint

RESET_SECONDS = 250e-6
"""Waiting time between shots in which qubits relax: the usual default of IBM devices."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Cost of a run before it is made.

    Attributes:
        jobs: jobs that will be sent.
        circuits: circuits that run, repeats included.
        shots: shots in all.
        qpu_seconds: billed time on a quantum processor.
        usd: billed money, the sum of the next two.
        job_fees_usd: of which for jobs.
        shot_fees_usd: of which for shots.
        queue_seconds: how long the first job waits; None if nobody knows.
        device_seconds: time that the same shots would keep the device busy; None if ideal.
        assumptions: what each number rests on.
    """

    jobs: int
    circuits: int
    shots: int
    qpu_seconds: float
    usd: float
    job_fees_usd: float
    shot_fees_usd: float
    queue_seconds: float | None
    device_seconds: float | None
    assumptions: tuple[str, ...]


def forecast(
    config: RunConfig,
    adapter: Adapter,
    snapshot: DeviceSnapshot | None,
    planned: Sequence[PlannedPoint],
) -> Forecast:
    """Put the circuits into jobs as a run would, and add up what they cost.

    Args:
        config: the run.
        adapter: its opened device.
        snapshot: the calibration that circuits were compiled for; None for a perfect device.
        planned: the points, compiled.

    Raises:
        DoesNotFitJob: if one circuit alone exceeds what a job may hold.
    """
    programs = requests_of(config, planned)
    circuits = circuits_of(config, snapshot, planned)
    jobs = list(groups(circuits, adapter.limits()))
    quote = sum(
        (adapter.forecast([programs[circuit.stem] for circuit in job]) for job in jobs), Quote()
    )
    terms = adapter.terms()
    assumptions = list(terms.assumptions)
    device_seconds = None
    if snapshot is not None:
        device_seconds = config.repeats * sum(
            request.shots
            * (RESET_SECONDS + total_seconds(schedule(tuple(steps(request.circuit)), snapshot)))
            for request in programs.values()
        )
        assumptions.append(
            "time on the device: shots × (length of the scheduled circuit + "
            f"{RESET_SECONDS * 1e6:.0f} µs between shots), without loading or queueing"
        )
    return Forecast(
        jobs=len(jobs),
        circuits=len(circuits),
        shots=sum(circuit.shots for circuit in circuits),
        qpu_seconds=quote.usage.qpu_seconds,
        usd=quote.usage.usd,
        job_fees_usd=quote.job_fees_usd,
        shot_fees_usd=quote.shot_fees_usd,
        queue_seconds=terms.queue_seconds,
        device_seconds=device_seconds,
        assumptions=tuple(assumptions),
    )


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
