"""Local simulators behind the adapter contract.

A local job runs inside :meth:`LocalAdapter.submit` and is kept in memory: it costs nothing, and
a run that is cut short simply runs it again with the same seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure, Job, JobState, Limits, Request, UnknownJob, Usage
from backends.snapshot import DeviceSnapshot

Sampler = Callable[[QuantumCircuit, DeviceSnapshot | None, int, int], BitArray]
"""(circuit, snapshot or None for no noise, shots, seed) → shots of all classical bits."""


class LocalAdapter:
    """A simulator on this machine.

    Args:
        provider: its name.
        device: the snapshot whose noise is simulated; None for a perfect device.
        sampler: the simulation itself.
    """

    def __init__(self, provider: str, device: DeviceSnapshot | None, sampler: Sampler) -> None:
        self.provider = provider
        self.ephemeral = True
        self._device = device
        self._sampler = sampler
        self._done: dict[str, tuple[BitArray, ...]] = {}
        self._tags: dict[str, str] = {}

    def snapshot(self) -> DeviceSnapshot | None:
        """The simulated device."""
        return self._device

    def limits(self) -> Limits:
        """Memory is the only limit."""
        return Limits(
            circuits_per_job=1000, shots_per_circuit=10_000_000, shots_per_job=10_000_000_000
        )

    def submit(self, job: Job) -> str:
        """Run the job."""
        # From the content, not the tag: equal configurations then give equal result files.
        content = ",".join(f"{r.seed}:{r.shots}" for r in job.requests)
        job_id = f"{self.provider}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        self._tags[job.tag] = job_id
        self._done[job_id] = tuple(
            self._sampler(request.circuit, self._device, request.shots, request.seed)
            for request in job.requests
        )
        return job_id

    def find(self, tag: str) -> Sequence[str]:
        """Jobs of this process only."""
        return [self._tags[tag]] if tag in self._tags else []

    def state(self, job_id: str) -> JobState:
        """Always ``done``."""
        self.results(job_id)
        return "done"

    def results(self, job_id: str) -> Sequence[BitArray | CircuitFailure]:
        """The shots of a job of this process."""
        if job_id not in self._done:
            raise UnknownJob(
                f"no local job '{job_id}' in this process",
                remedy="local jobs live as long as their process: run it again",
            )
        return self._done[job_id]

    def forecast(self, requests: Sequence[Request]) -> Usage:
        """Simulating costs nothing."""
        return Usage()

    def usage(self, job_id: str) -> Usage:
        """Simulating costs nothing."""
        self.results(job_id)
        return Usage()

    def cancel(self, job_id: str) -> None:
        """A local job is done before it can be cancelled."""
        self.results(job_id)
