"""A provider under test: its device, its circuits, and waiting for its jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import Adapter, CircuitFailure, Job, Request
from backends.providers.record import Provider, RunHome, RunRequest

_TERMINAL = ("done", "failed", "cancelled")


class Nonconforming(AssertionError):
    """An adapter breaks the contract: the rule, and what was seen."""


@dataclass(frozen=True)
class Subject:
    """A provider under test, with a device of it.

    Attributes:
        record: of the provider.
        device: name of a device with at least three working qubits, as a configuration gives it.
        folder: an empty folder; the provider may keep files there.
        options: the provider's options as a configuration gives them.
        shots: of each circuit.
        sleep: passes a number of seconds.
        patience_seconds: how long a job may take, and a listing may lag.
        unknown_job: id of a job that the provider does not have.
    """

    record: Provider
    device: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    shots: int = 100
    sleep: Callable[[float], object] = time.sleep
    patience_seconds: float = 60.0
    unknown_job: str = "no-such-job"

    @property
    def request(self) -> RunRequest:
        """What a run of these options asks for."""
        record = self.record
        options = (
            None
            if record.options is None
            else TypeAdapter(record.options).validate_python(dict(self.options))
        )
        return RunRequest(self.device, options, shots=self.shots, count_qubits=lambda: 3)

    @property
    def stored_options(self) -> dict[str, Any]:
        """The options that a run stores, as they come back from its store."""
        home = RunHome("conformance", self.folder)
        found: dict[str, Any] = json.loads(
            json.dumps(self.record.run_options(self.request, home), allow_nan=False)
        )
        return found

    def open(self) -> Adapter:
        """The adapter of a run that begins."""
        return self.record.open(self.device, self.stored_options)

    def reopen(self, adapter: Adapter, *, jobs_sent: bool = True) -> Adapter:
        """The adapter of the same run in another process, with the calibration it was planned by.

        Args:
            adapter: of the run before.
            jobs_sent: whether the run has sent jobs by it.
        """
        options = self.record.resume_options(self.stored_options, jobs_sent)
        return self.record.open(adapter.snapshot() or self.device, options)

    # Circuits

    def qubits(self, adapter: Adapter) -> list[int]:
        """Three working qubits of the device, those that are read best."""
        snapshot = adapter.snapshot()
        if snapshot is None:
            return [0, 1, 2]
        device = snapshot.qubits
        working = sorted(snapshot.largest_region, key=lambda q: (device[q].readout_error, q))
        require(len(working) >= 3, f"device '{self.device}' has fewer than three working qubits")
        return working[:3]

    def circuit(self, adapter: Adapter, ones: Sequence[int], bits: int = 3) -> QuantumCircuit:
        """A native circuit that ends with certain bits set, read crosswise: bit k is not qubit k.

        Args:
            adapter: of the device.
            ones: which bits are 1.
            bits: how many bits there are, at most three.
        """
        snapshot, qubits = adapter.snapshot(), self.qubits(adapter)
        size = 3 if snapshot is None else snapshot.num_qubits
        circuit = QuantumCircuit(size, bits, name=f"ones{''.join(map(str, ones))}of{bits}")
        crosswise = [qubits[1], qubits[2], qubits[0]]
        for bit in ones:
            circuit.x(crosswise[bit])
        for bit in range(bits):
            circuit.measure(crosswise[bit], bit)
        return circuit

    def job(self, tag: str, *circuits: QuantumCircuit, seed: int = 1) -> Job:
        """A job whose token is that of its tag."""
        requests = tuple(
            Request(circuit, self.shots, seed + k) for k, circuit in enumerate(circuits)
        )
        return Job(tag, f"token-{tag}", requests)

    # Waiting

    def wait(self, adapter: Adapter, job_id: str) -> str:
        """The state of a job when it is over."""
        waited, pause = 0.0, max(adapter.limits().poll_seconds, 0.05)
        while (state := adapter.state(job_id)) not in _TERMINAL:
            require(
                waited < self.patience_seconds,
                f"job '{job_id}' is still '{state}' after {waited:g} s",
            )
            self.sleep(pause)
            waited += pause
        return state

    def results(self, adapter: Adapter, job_id: str) -> list[BitArray]:
        """The shots of a job that must succeed."""
        state = self.wait(adapter, job_id)
        require(state == "done", f"job '{job_id}' ended as '{state}', not 'done'")
        found = []
        for k, one in enumerate(adapter.results(job_id)):
            if isinstance(one, CircuitFailure):
                fail(f"circuit {k} of job '{job_id}' failed: {one.message}")
            found.append(one)
        return found

    def listed(self, adapter: Adapter, tag: str, number: int) -> list[str]:
        """What the tag finds as soon as it finds so many jobs; a listing may lag as stated."""
        lag = adapter.limits().listing_lag_seconds
        waited, pause = 0.0, 0.25
        while len(found := list(adapter.find(tag))) < number and waited <= lag + pause:
            self.sleep(pause)
            waited += pause
        return found


def require(holds: bool, rule: str) -> None:
    """Raise :class:`Nonconforming` if a rule does not hold."""
    if not holds:
        fail(rule)


def fail(rule: str) -> NoReturn:
    """Raise :class:`Nonconforming`."""
    raise Nonconforming(rule)
