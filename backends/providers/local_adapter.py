"""Local simulators behind the adapter contract.

A local job is simulated when its results are fetched, and again whenever they are fetched again:
the same seed gives the same shots, so nothing but the job itself is kept. It costs nothing, and a
run that is cut short simply runs it again.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Job,
    JobState,
    Limits,
    Quote,
    Request,
    Terms,
    UnknownJob,
    Usage,
    require_within,
)
from backends.devices.snapshot import DeviceSnapshot

Sampler = Callable[[QuantumCircuit, DeviceSnapshot | None, int, int], BitArray]
"""(circuit, snapshot or None for no noise, shots, seed) → shots of all classical bits."""

_SHOTS = 10_000_000
"""Most shots of a job: its results have to fit into memory."""

_REMEMBERED_JOBS = 100
"""Older jobs are forgotten, as they are when the process ends."""


class LocalAdapter:
    """A simulator on this machine.

    Args:
        provider: its name.
        device: the snapshot whose noise is simulated; None for a perfect device.
        sampler: the simulation itself.
        circuits_per_job: few where a circuit takes long, so that an interruption loses little.

    Attributes:
        simulation_seconds: time spent in the sampler so far.
    """

    def __init__(
        self,
        provider: str,
        device: DeviceSnapshot | None,
        sampler: Sampler,
        circuits_per_job: int = 100,
    ) -> None:
        self.provider = provider
        self.ephemeral = True
        self.simulation_seconds = 0.0
        self._device = device
        self._sampler = sampler
        self._circuits_per_job = circuits_per_job
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def snapshot(self) -> DeviceSnapshot | None:
        """The simulated device."""
        return self._device

    def limits(self) -> Limits:
        """Memory is the only limit."""
        return Limits(self._circuits_per_job, shots_per_circuit=_SHOTS, shots_per_job=_SHOTS)

    def submit(self, job: Job) -> str:
        """Take a job, if it is within the limits."""
        require_within(self.limits(), job)
        # From the content, not the tag: equal configurations then give equal result files.
        content = ",".join(f"{r.seed}:{r.shots}" for r in job.requests)
        job_id = f"{self.provider}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        self._jobs[job_id] = job
        self._jobs.move_to_end(job_id)
        if len(self._jobs) > _REMEMBERED_JOBS:
            self._jobs.popitem(last=False)
        return job_id

    def find(self, tag: str) -> Sequence[str]:
        """Jobs of this process only."""
        return [job_id for job_id, job in self._jobs.items() if job.tag == tag]

    def state(self, job_id: str) -> JobState:
        """Always ``done``."""
        self._job(job_id)
        return "done"

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """The shots of a job of this process."""
        job = self._job(job_id)
        started = time.perf_counter()
        results = [self._sampler(r.circuit, self._device, r.shots, r.seed) for r in job.requests]
        self.simulation_seconds += time.perf_counter() - started
        return results

    def forecast(self, requests: Sequence[Request]) -> Quote:
        """Simulating costs nothing."""
        return Quote()

    def terms(self) -> Terms:
        """Nothing to pay, nothing to wait for."""
        return Terms(0.0, (f"provider '{self.provider}' simulates locally and bills nothing",))

    def usage(self, job_id: str) -> Usage:
        """Simulating costs nothing."""
        self._job(job_id)
        return Usage()

    def cancel(self, job_id: str) -> None:
        """A local job is done before it can be cancelled."""
        self._job(job_id)

    def _job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise UnknownJob(
                f"no local job '{job_id}' in this process",
                remedy="local jobs live as long as their process: run it again",
            )
        return self._jobs[job_id]
