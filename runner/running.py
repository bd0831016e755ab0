"""Running a plan: submit, wait, collect, estimate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qiskit.primitives import BitArray

from backends.adapter import Adapter, CircuitFailure, Job, Request
from backends.compile import CompiledSetting
from experiments.estimators import Counts, Estimate
from runner.config import RunConfig
from runner.identity import derived_seed, identity
from runner.planning import PlannedPoint, circuit_identity, planned_row
from runner.rows import ResultRow


@dataclass(frozen=True, eq=False)
class CollectedCircuit:
    """One circuit with its shots.

    Attributes:
        name: unique within the run, e.g. ``n05-clone1-unitary-parity-ZZ-r0``.
        identity: hash of what defines the counts.
        compiled: the circuit and its certificate.
        shots: the outcomes, or why there are none.
        job: the provider's id of the job they came from.
    """

    name: str
    identity: str
    compiled: CompiledSetting
    shots: BitArray | CircuitFailure
    job: str


@dataclass(frozen=True, eq=False)
class CollectedPoint:
    """A point with its counts and its row.

    Attributes:
        planned: what was planned.
        circuits: one a setting, in the estimator's order.
        row: the result.
    """

    planned: PlannedPoint
    circuits: tuple[CollectedCircuit, ...]
    row: ResultRow


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Where the time went.

    Attributes:
        simulation_seconds: inside the provider, local providers only.
    """

    simulation_seconds: float


def run_points(
    config: RunConfig,
    adapter: Adapter,
    planned: Sequence[PlannedPoint],
    finished: Callable[[], object] = lambda: None,
) -> tuple[list[CollectedPoint], RunTimes]:
    """Submit every point (times repeats) as one job, collect it and estimate its value.

    Args:
        config: the run.
        adapter: the opened device.
        planned: the compiled points.
        finished: called after each point, for progress.
    """
    snapshot = adapter.snapshot()
    fingerprint = snapshot.fingerprint if snapshot else None
    collected = []
    seconds = 0.0
    for repeat in range(config.repeats):
        for one in planned:
            identities = [
                circuit_identity(config, one.point, s.setting.label, repeat, fingerprint)
                for s in one.compiled.settings
            ]
            job = Job(
                tag=identity({"circuits": identities}),
                token=identity({"token": identities}),
                requests=tuple(
                    Request(s.circuit, config.shots, derived_seed(config.seed, one_identity))
                    for s, one_identity in zip(one.compiled.settings, identities, strict=True)
                ),
            )
            started = time.perf_counter()
            job_id = adapter.submit(job)
            shots = adapter.results(job_id)
            seconds += time.perf_counter() - started
            circuits = tuple(
                CollectedCircuit(
                    f"{one.point.label}-{compiled.setting.label}-r{repeat}",
                    identity,
                    compiled,
                    outcome,
                    job_id,
                )
                for compiled, identity, outcome in zip(
                    one.compiled.settings, identities, shots, strict=True
                )
            )
            row = planned_row(config, one, repeat).measured(estimate(one, circuits), [job_id])
            collected.append(CollectedPoint(one, circuits, row))
            finished()
    return collected, RunTimes(seconds)


def estimate(planned: PlannedPoint, circuits: Sequence[CollectedCircuit]) -> Estimate | None:
    """The point's value; None where a certificate failed or counts are missing."""
    if planned.certificate == "failed":
        return None
    counts = []
    for circuit in circuits:
        if isinstance(circuit.shots, CircuitFailure):
            return None
        successes = circuit.compiled.setting.successes(circuit.shots)
        counts.append(Counts(successes, circuit.shots.num_shots))
    return planned.point.linear_estimator.estimate(counts)
