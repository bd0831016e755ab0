"""Amazon Braket on loopback: its calls, its price list, and S3 and STS by moto.

Started by hand it serves until it is interrupted and prints the environment that leads the real
client here:

    python tests/emulators/braket_emulator.py

Requests and answers are checked against botocore's own model of the service.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import botocore.session
import numpy as np
from botocore.validate import ParamValidator
from braket_devices import (
    ARIA,
    DEVICES,
    FORTE,
    RECOMPILING,
    RETIRED,
    capabilities,
    document,
)
from braket_programs import Invalid, Parsed, check, parse
from braket_simulation import run
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
GOOD_KEY, EXPIRED_KEY = "AKIAEXAMPLEGOODKEY00", "ASIAEXAMPLEEXPIRED00"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - of the AWS documentation

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

_WITHOUT_EFFECT = ("refused", "rate_limited", "rate_limited_retry_after", "unavailable_503")
_CALLS = {
    ("GET", "device"): "GetDevice",
    ("POST", "devices"): "SearchDevices",
    ("POST", "quantum-task"): "CreateQuantumTask",
    ("GET", "quantum-task"): "GetQuantumTask",
    ("PUT", "quantum-task"): "CancelQuantumTask",
    ("POST", "quantum-tasks"): "SearchQuantumTasks",
    ("GET", "tags"): "ListTagsForResource",
    ("POST", "tags"): "TagResource",
}
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
        if arn not in DEVICES or arn.split(":")[3] != region:
            raise ServiceError(404, "ResourceNotFoundException", f"device {arn} not found")
        return {**self._summary(arn), "deviceCapabilities": capabilities(arn), **_QUEUES}

    def _summary(self, arn: str) -> dict[str, Any]:
        vendor, name = arn.split("/")[-2:]
        return {
            "deviceArn": arn,
            "deviceName": name,
            "providerName": vendor,
            "deviceType": "QPU",
            "deviceStatus": self.statuses.get(arn, "ONLINE"),
        }

    def search_devices(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        here = [arn for arn in DEVICES if arn.split(":")[3] == region]
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
        if arn not in DEVICES or arn.split(":")[3] != region:
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
            self._put(task, "results.json", _single_result(task, part))
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
            part["metadata"] = _compiled(arn, ran)
        return part

    def _put_program_set(self, task: Task, parts: list[dict[str, Any]], shots: int) -> None:
        results, states = [], []
        for part in parts:
            failure = self.fail_executables.get(self._executables)
            self._executables += 1
            executable = _executable(part, failure)
            states.append(executable.get("failureMetadata", {}))
            source: Any = {**_header("ir.openqasm.program"), "source": part["source"]}
            if self.splits:
                place = f"programs/{len(results)}"
                self._put(task, f"{place}/program.json", source)
                self._put(task, f"{place}/executables/0.json", executable)
                source, executable = f"{place}/program.json", f"{place}/executables/0.json"
            program = {
                **_header("task_result.program_result"),
                "executableResults": [executable],
                "source": source,
                "additionalMetadata": part["metadata"],
            }
            if self.splits:
                self._put(task, f"{place}/results.json", program)
                program = f"{place}/results.json"
            results.append(program)
        results_document = {
            **_header("task_result.program_set_task_result"),
            "programResults": results,
            "taskMetadata": {
                **_header("task_result.program_set_task_metadata"),
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


def _header(name: str) -> dict[str, Any]:
    return {"braketSchemaHeader": {"name": f"braket.{name}", "version": "1"}}


def _single_result(task: Task, part: dict[str, Any]) -> dict[str, Any]:
    outcomes = ("measurements", "measurementProbabilities", "measuredQubits")
    return {
        **_header("task_result.gate_model_task_result"),
        **{key: part[key] for key in outcomes if key in part},
        "taskMetadata": {
            **_header("task_result.task_metadata"),
            "id": task.arn,
            "shots": task.request["shots"],
            "deviceId": task.request["deviceArn"],
        },
        "additionalMetadata": {
            "action": {**_header("ir.openqasm.program"), "source": part["source"], "inputs": {}},
            **part["metadata"],
        },
    }


def _executable(part: dict[str, Any], failure: tuple[str, bool] | None) -> dict[str, Any]:
    if failure is not None:
        reason, retryable = failure
        return {
            **_header("task_result.program_set_executable_failure"),
            "inputsIndex": 0,
            "failureMetadata": {
                "failureReason": reason,
                "retryable": retryable,
                "category": "DEVICE",
            },
        }
    return {
        **_header("task_result.program_set_executable_result"),
        "inputsIndex": 0,
        **{k: part[k] for k in ("measurements", "measurementProbabilities") if k in part},
        "measuredQubits": part["measuredQubits"],
    }


def _compiled(arn: str, program: Parsed) -> dict[str, Any]:
    """The program that ran, in the vendor's own form."""
    vendor = arn.split("/")[-2]
    if vendor == "rigetti":
        lines = ["DECLARE ro BIT[2]"]
        for gate in program.gates:
            params = f"({', '.join(map(str, gate.params))})" if gate.params else ""
            lines.append(f"{gate.name.upper()}{params} {' '.join(map(str, gate.qubits))}")
        text = "\n".join(lines)
        return {
            "rigettiMetadata": {**_header("task_result.rigetti_metadata"), "compiledProgram": text}
        }
    if vendor == "iqm":
        instructions = [
            {"name": g.name, "locus": [f"QB{q}" for q in g.qubits], "args": list(g.params)}
            for g in program.gates
        ]
        text = json.dumps({"name": "circuit", "instructions": instructions})
        return {"iqmMetadata": {**_header("task_result.iqm_metadata"), "compiledProgram": text}}
    if vendor == "aqt":
        lines = ["OPENQASM 3.0;"]
        for gate in program.gates:
            params = f"({', '.join(map(str, gate.params))})" if gate.params else ""
            lines.append(f"{gate.name}{params} {', '.join(f'${q}' for q in gate.qubits)};")
        text = "\n".join(lines)
        return {"aqtMetadata": {**_header("task_result.aqt_metadata"), "compiledProgram": text}}
    return {"ionqMetadata": _header("task_result.ionq_metadata")}


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


def price_list() -> str:
    """A price list in the form of the real one; the prices are invented but plausible."""
    rows = [
        '"FormatVersion","v1.0"',
        '"Disclaimer","none"',
        '"Publication Date","2026-11-02T18:00:00Z"',
        '"Version","20261102180000"',
        '"OfferCode","AmazonBraket"',
        '"SKU","Currency","PricePerUnit","Unit","Product Family","Region Code","DeviceName"',
    ]
    per_shot = {"Garnet": 0.00145, "Ankaa-3": 0.0009, "Forte-1": 0.08, "Aria-1": 0.03}
    for arn in DEVICES:
        region, name = arn.split(":")[3], arn.split("/")[-1]
        listed = name.replace("Ibex", "IBEX")
        for family, price in (
            ("Quantum Task", 0.3),
            ("Quantum Task-Shot", per_shot.get(name, 0.02)),
        ):
            rows.append(f'"x","USD","{price}","each","{family}","{region}","{listed}"')
    return "\n".join(rows) + "\n"


# HTTP


class Emulator:
    """The service, its price list, and S3 and STS, each on a port of its own."""

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or Service()
        self.violations: list[str] = []
        model = botocore.session.get_session().get_service_model("braket")
        self._models = {name: model.operation_model(name) for name in _CALLS.values()}
        self._storage = ThreadedMotoServer(port=0, verbose=False)

    def __enter__(self) -> Emulator:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._storage.start()
        host, port = self._storage.get_host_and_port()
        self.storage_url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.storage_url,
            region_name="us-east-1",
            aws_access_key_id=GOOD_KEY,
            aws_secret_access_key=SECRET,
        )
        self.restart(self.service)
        emulator = self

        class Handler(_Handler):
            server_emulator = emulator

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def restart(self, service: Service) -> Service:
        """Go on with another memory."""
        service.s3 = self.s3
        self.service = service
        return service

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._storage.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead the real client here."""
        return {
            "AWS_ACCESS_KEY_ID": GOOD_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.storage_url,
            "AWS_ENDPOINT_URL_BRAKET": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "BRAKET_PRICE_OFFERS_URL": f"{self.url}/prices.csv",
        }

    def answer(self, name: str, request: dict[str, Any], region: str) -> dict[str, Any]:
        """Carry out a call; both sides are held against the model of the service."""
        model = self._models[name]
        self._validate(request, model.input_shape, f"request of {name}")
        operation = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        with self.service.lock:
            answer: dict[str, Any] = getattr(self.service, operation)(request, region)
        self._validate(answer, model.output_shape, f"answer of {name}")
        return answer

    def _validate(self, document: dict[str, Any], shape: Any, what: str) -> None:
        report = ParamValidator().validate(document, shape)
        if report.has_errors():
            self.violations.append(f"{what}: {report.generate_report()}")
            raise ServiceError(400, "ValidationException", report.generate_report())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_emulator: Emulator

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        emulator = self.server_emulator
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path == "/prices.csv":
            self._send(200, price_list().encode(), "text/csv")
            return
        pieces = parts.path.strip("/").split("/", 1)
        name = _CALLS[method, pieces[0]]
        request = json.loads(body) if body else {}
        if len(pieces) > 1:
            key = {"device": "deviceArn", "tags": "resourceArn"}.get(pieces[0], "quantumTaskArn")
            request[key] = unquote(pieces[1].removesuffix("/cancel"))
        for key, values in parse_qs(parts.query).items():
            request[key] = values
        service = emulator.service
        with service.lock:
            service.calls[name] += 1
            fault = _fault(service, name)
        self._with_fault(name, request, fault)

    def _with_fault(self, name: str, request: dict[str, Any], fault: str | None) -> None:
        if fault in _WITHOUT_EFFECT:
            self._send_fault(str(fault))
            return
        if fault == "dropped_before":
            self._drop()
            return
        if fault == "timeout_before":
            self._hang()
            return
        try:
            region = self._region()
            status = 201 if name == "CreateQuantumTask" else 200
            answer = self.server_emulator.answer(name, request, region)
        except ServiceError as error:
            self._send_error(error)
            return
        text = json.dumps(answer).encode()
        if fault == "dropped":
            self._drop()
        elif fault == "timeout_after":
            self._hang()
        elif fault in ("accepted_500", "accepted_502"):
            self._send_fault(fault)
        elif fault == "truncated":
            self._send(status, text[: len(text) // 2])
        elif fault == "malformed":
            self._send(status, b"<html>It works!</html>")
        elif fault == "wrong_schema":
            self._send(status, b'{"hello": "world"}')
        else:
            self._send(status, text)

    def _region(self) -> str:
        """The region that the request was signed for; refuse credentials that are no good."""
        signed = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", self.headers["Authorization"] or "")
        if signed is None:
            raise ServiceError(403, "MissingAuthenticationToken", "the request is not signed")
        if signed[1] == EXPIRED_KEY:
            raise ServiceError(403, "ExpiredTokenException", "The security token has expired")
        if signed[1] != GOOD_KEY:
            raise ServiceError(403, "UnrecognizedClientException", f"unknown key {signed[1]}")
        return signed[2]

    def _send_fault(self, kind: str) -> None:
        if kind == "refused":
            self._send_error(ServiceError(403, "AccessDeniedException", "not allowed"))
        elif kind == "rate_limited":
            self._send_error(ServiceError(429, "ThrottlingException", "slow down"))
        elif kind == "rate_limited_retry_after":
            self._send_error(
                ServiceError(429, "ThrottlingException", "slow down"), {"Retry-After": "7"}
            )
        elif kind == "unavailable_503":
            self._send_error(ServiceError(503, "ServiceUnavailable", "service unavailable"))
        elif kind == "accepted_502":
            self._send(502, b"<html>bad gateway</html>", "text/html")
        else:
            self._send_error(ServiceError(500, "InternalServiceException", "internal error"))

    def _send_error(self, error: ServiceError, headers: dict[str, str] | None = None) -> None:
        text = json.dumps({"message": str(error)}).encode()
        self._send(error.status, text, headers={"x-amzn-ErrorType": error.code, **(headers or {})})

    def _send(
        self,
        status: int,
        content: bytes,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _hang(self) -> None:
        """Say nothing for longer than the client waits in tests."""
        time.sleep(1.1)
        self._drop()


def _fault(service: Service, name: str) -> str | None:
    number = service.calls[name]
    for fault in service.faults:
        if fault.call == name and fault.first <= number < fault.first + fault.times:
            return fault.kind
    return None


def main() -> None:
    """Serve until interrupted."""
    with Emulator() as emulator:
        for key, value in emulator.environment.items():
            print(f"export {key}={value}", flush=True)  # noqa: T201
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
