"""The memory of the emulated service and what it does: devices, tasks, tags, tokens, faults."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from braket_devices import (
    ARIA,
    DEVICES,
    FORTE,
    RECOMPILING,
    RETIRED,
    SV1,
    capabilities,
    document,
)
from braket_documents import compiled, executable_result, header, single_result
from braket_programs import Invalid, Parsed, check, parse
from braket_simulation import run, simulated

ACCOUNT = "123456789012"

FAULTS = (
    "refused",
    "rate_limited",
    "rate_limited_retry_after",
    "unavailable_503",
    "timeout_before",
    "timeout_after",
    "accepted_500",
    "accepted_502",
    "dropped_before",
    "dropped",
    "truncated",
    "malformed",
    "wrong_schema",
)
"""What may happen to a call. Those named before, and the first four, leave no trace."""

_PROBABILITIES = (FORTE, ARIA)
_END = ("COMPLETED", "FAILED", "CANCELLED")


class ServiceError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Fault:
    """What happens to the calls number ``first`` to ``first + times - 1`` of an operation."""

    call: str
    kind: str
    first: int = 1
    times: int = 1


@dataclass
class Task:
    """A task as the service remembers it."""

    arn: str
    request: dict[str, Any]
    created: float
    region: str
    status: str = "CREATED"
    ended: float | None = None
    reason: str | None = None

    @property
    def sources(self) -> list[str]:
        action = json.loads(self.request["action"])
        return [p["source"] for p in action.get("programs", [action])]

    @property
    def folder(self) -> str:
        return f"{self.request['outputS3KeyPrefix'].rstrip('/')}/{self.arn.split('/')[-1]}"


@dataclass
class Service:
    """The memory of the service, and how it behaves.

    Attributes:
        clock: seconds since 1970.
        faults: what goes wrong, decided beforehand.
        queue_seconds: how long a task waits.
        listing_lag_seconds: how old a task must be to be listed.
        token_seconds: how long a client token is honoured.
        statuses: device status that is not ``ONLINE``.
        fail: number of a task, from 0 → why it fails.
        fail_executables: the same of executables of program sets, counted through.
        reveals: whether results hold the program that ran.
        splits: whether results of program sets are split into files.
    """

    clock: Callable[[], float] = time.time
    faults: list[Fault] = field(default_factory=list)
    queue_seconds: float = 0.0
    listing_lag_seconds: float = 0.0
    token_seconds: float = 600.0
    statuses: dict[str, str] = field(default_factory=lambda: {RETIRED: "RETIRED"})
    fail: dict[int, str] = field(default_factory=dict)
    fail_executables: dict[int, tuple[str, bool]] = field(default_factory=dict)
    reveals: bool = True
    splits: bool = False
    one_source: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.calls: Counter[str] = Counter()
        self.lock = threading.RLock()
        self._tokens: dict[str, tuple[float, str, dict[str, Any]]] = {}
        self._draw = np.random.default_rng(self.seed)
        self._executables = 0
        self.s3: Any = None

    def made(self) -> list[Task]:
        """All tasks, oldest first."""
        return list(self.tasks.values())

    def paid(self) -> list[Task]:
        """Tasks that were not cancelled and did not fail."""
        return [t for t in self.made() if t.status not in ("CANCELLED", "FAILED")]

    # Operations

    def get_device(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        arn = request["deviceArn"]
        if arn not in DEVICES or arn.split(":")[3] not in ("", region):
            raise ServiceError(404, "ResourceNotFoundException", f"device {arn} not found")
        return {**self._summary(arn), "deviceCapabilities": capabilities(arn), **_QUEUES}

    def _summary(self, arn: str) -> dict[str, Any]:
        vendor, name = arn.split("/")[-2:]
        return {
            "deviceArn": arn,
            "deviceName": name,
            "providerName": vendor,
            "deviceType": "SIMULATOR" if arn == SV1 else "QPU",
            "deviceStatus": self.statuses.get(arn, "ONLINE"),
        }

    def search_devices(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        here = [arn for arn in DEVICES if arn.split(":")[3] in ("", region)]
        return {"devices": [self._summary(arn) for arn in here]}

    def create_quantum_task(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        token = request.pop("clientToken")
        made_at, arn, before = self._tokens.get(token, (0.0, "", {}))
        if arn and self.clock() - made_at <= self.token_seconds:
            if before != request:
                raise ServiceError(400, "ValidationException", "the client token was used before")
            return {"quantumTaskArn": arn}
        self._accept(request, region)
        arn = f"arn:aws:braket:{region}:{ACCOUNT}:quantum-task/{uuid.uuid4()}"
        self._tokens[token] = self.clock(), arn, request
        self.tasks[arn] = Task(arn, request, self.clock(), region)
        return {"quantumTaskArn": arn}

    def _accept(self, request: dict[str, Any], region: str) -> None:
        """Refuse what the service would refuse before a task is made."""
        arn = request["deviceArn"]
        if arn not in DEVICES or arn.split(":")[3] not in ("", region):
            raise ServiceError(400, "ValidationException", f"no device {arn} in {region}")
        status = self.statuses.get(arn, "ONLINE")
        if status == "RETIRED":
            raise ServiceError(410, "DeviceRetiredException", "the device has been retired")
        if status == "OFFLINE":
            raise ServiceError(424, "DeviceOfflineException", "the device is offline")
        if not request["outputS3Bucket"].startswith("amazon-braket-"):
            raise ServiceError(400, "ValidationException", "the bucket must begin amazon-braket-")
        device = document(arn)
        task = Task("", request, 0.0, region)
        together = device["action"].get("braket.ir.openqasm.program_set")
        if len(task.sources) > 1 and (
            not together or len(task.sources) > together["maximumExecutables"]
        ):
            raise ServiceError(400, "ValidationException", "too many executables")
        fewest, most = device["service"]["shotsRange"]
        if not fewest <= request["shots"] / len(task.sources) <= most:
            raise ServiceError(400, "ValidationException", f"shots must be {fewest} to {most}")
        experimental = request.get("experimentalCapabilities", {}).get("enabled") == "ALL"
        try:
            for source in task.sources:
                program = parse(source)
                check(program, device, experimental=experimental)
                self._require_one_source(program)
        except Invalid as error:
            raise ServiceError(400, "ValidationException", str(error)) from error

    def _require_one_source(self, program: Parsed) -> None:
        if not self.one_source:
            return
        sources: dict[int, set[float]] = {}
        for gate in program.gates:
            if gate.name == "cc_prx":
                sources.setdefault(gate.qubits[0], set()).add(gate.params[2])
        if any(len(keys) > 1 for keys in sources.values()):
            raise Invalid("a qubit may listen to one feedback key only")

    def get_quantum_task(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        task = self._task(request["quantumTaskArn"])
        answer = {
            **_shown(task),
            "deviceParameters": "{}",
            "actionMetadata": {"actionType": "braket.ir.openqasm.program"},
        }
        if len(task.sources) > 1:
            answer["actionMetadata"] = {
                "actionType": "braket.ir.openqasm.program_set",
                "programCount": len(task.sources),
                "executableCount": len(task.sources),
            }
        if task.reason:
            answer["failureReason"] = task.reason
        return answer

    def _task(self, arn: str) -> Task:
        if arn not in self.tasks:
            raise ServiceError(404, "ResourceNotFoundException", f"task {arn} not found")
        self._advance()
        return self.tasks[arn]

    def cancel_quantum_task(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        task = self._task(request["quantumTaskArn"])
        if task.status in ("COMPLETED", "FAILED"):
            raise ServiceError(409, "ConflictException", f"the task is {task.status}")
        task.status, task.ended = "CANCELLED", self.clock()
        return {"quantumTaskArn": task.arn, "cancellationStatus": "CANCELLED"}

    def search_quantum_tasks(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        self._advance()
        wanted = [
            t
            for t in reversed(self.made())
            if t.region == region
            and t.created <= self.clock() - self.listing_lag_seconds
            and all(_passes(t, one) for one in request["filters"])
        ]
        start = int(request.get("nextToken", 0))
        # Small pages, so that clients have to turn them.
        page = wanted[start : start + 3]
        answer: dict[str, Any] = {"quantumTasks": [_shown(t) for t in page]}
        if start + 3 < len(wanted):
            answer["nextToken"] = str(start + 3)
        return answer

    def list_tags_for_resource(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        return {"tags": self._task(request["resourceArn"]).request.get("tags", {})}

    def tag_resource(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        self._task(request["resourceArn"]).request.setdefault("tags", {}).update(request["tags"])
        return {}

    # Running

    def _advance(self) -> None:
        for number, task in enumerate(self.made()):
            if task.status in _END:
                continue
            waited = self.clock() - task.created
            if waited < self.queue_seconds:
                task.status = "QUEUED"
            else:
                self._finish(number, task)

    def _finish(self, number: int, task: Task) -> None:
        task.ended = self.clock()
        if number in self.fail:
            task.status, task.reason = "FAILED", self.fail[number]
            return
        device = document(task.request["deviceArn"])
        shots = task.request["shots"] // len(task.sources)
        try:
            parts = [self._executed(task, source, device, shots) for source in task.sources]
        except Invalid as error:
            task.status, task.reason = "FAILED", str(error)
            return
        task.status = "COMPLETED"
        if len(parts) == 1:
            (part,) = parts
            self._put(task, "results.json", single_result(task, part))
        else:
            self._put_program_set(task, parts, shots)

    def _executed(
        self, task: Task, source: str, device: dict[str, Any], shots: int
    ) -> dict[str, Any]:
        arn = task.request["deviceArn"]
        program = parse(source)
        ran = program
        if arn == RECOMPILING:
            # A compiler that sees the whole cancels half of it.
            ran = Parsed(program.gates[: len(program.gates) // 2], program.measured, program.bits)
        if arn == SV1:
            outcomes = simulated(source, program, shots)
        else:
            outcomes = run(ran, device, shots, self._draw)
        qubits = [q for _, q in program.measured]
        # The service orders its columns by qubit, whatever the order of the program.
        order = np.argsort(qubits)
        outcomes, qubits = outcomes[:, order], sorted(qubits)
        part: dict[str, Any] = {"measuredQubits": qubits, "source": source, "metadata": {}}
        if arn in _PROBABILITIES:
            seen = Counter("".join("01"[int(b)] for b in row) for row in outcomes)
            part["measurementProbabilities"] = {k: v / shots for k, v in seen.items()}
        else:
            part["measurements"] = outcomes.astype(int).tolist()
        if self.reveals:
            part["metadata"] = compiled(arn, ran)
        return part

    def _put_program_set(self, task: Task, parts: list[dict[str, Any]], shots: int) -> None:
        results, states = [], []
        for part in parts:
            failure = self.fail_executables.get(self._executables)
            self._executables += 1
            executable = executable_result(part, failure)
            states.append(executable.get("failureMetadata", {}))
            source: Any = {**header("ir.openqasm.program"), "source": part["source"]}
            if self.splits:
                place = f"programs/{len(results)}"
                self._put(task, f"{place}/program.json", source)
                self._put(task, f"{place}/executables/0.json", executable)
                source, executable = f"{place}/program.json", f"{place}/executables/0.json"
            program = {
                **header("task_result.program_result"),
                "executableResults": [executable],
                "source": source,
                "additionalMetadata": part["metadata"],
            }
            if self.splits:
                self._put(task, f"{place}/results.json", program)
                program = f"{place}/results.json"
            results.append(program)
        results_document = {
            **header("task_result.program_set_task_result"),
            "programResults": results,
            "taskMetadata": {
                **header("task_result.program_set_task_metadata"),
                "id": task.arn,
                "deviceId": task.request["deviceArn"],
                "requestedShots": task.request["shots"],
                "successfulShots": shots * sum(not state for state in states),
                "programMetadata": [{"executables": [state]} for state in states],
                "totalFailedExecutables": sum(bool(state) for state in states),
            },
            "s3Location": [task.request["outputS3Bucket"], task.folder] if self.splits else None,
        }
        self._put(task, "results.json", results_document)

    def _put(self, task: Task, name: str, document: dict[str, Any]) -> None:
        self.s3.put_object(
            Bucket=task.request["outputS3Bucket"],
            Key=f"{task.folder}/{name}",
            Body=json.dumps(document).encode(),
        )


def _shown(task: Task) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "quantumTaskArn": task.arn,
        "status": task.status,
        "deviceArn": task.request["deviceArn"],
        "shots": task.request["shots"],
        "outputS3Bucket": task.request["outputS3Bucket"],
        "outputS3Directory": task.folder,
        "createdAt": datetime.fromtimestamp(task.created, UTC).isoformat(),
        "tags": task.request.get("tags", {}),
    }
    if task.ended is not None:
        shown["endedAt"] = datetime.fromtimestamp(task.ended, UTC).isoformat()
    return shown


def _passes(task: Task, wanted: dict[str, Any]) -> bool:
    value = wanted["values"][0]
    if wanted["name"] == "deviceArn" and wanted["operator"] == "EQUAL":
        return bool(task.request["deviceArn"] == value)
    if wanted["name"] == "createdAt" and wanted["operator"] == "GTE":
        return task.created >= datetime.fromisoformat(value).timestamp()
    raise ServiceError(400, "ValidationException", f"no filter {wanted}")


_QUEUES = {
    "deviceQueueInfo": [
        {"queue": "QUANTUM_TASKS_QUEUE", "queueSize": "13", "queuePriority": "Normal"},
        {"queue": "QUANTUM_TASKS_QUEUE", "queueSize": "0", "queuePriority": "Priority"},
        {"queue": "JOBS_QUEUE", "queueSize": "2"},
    ]
}
