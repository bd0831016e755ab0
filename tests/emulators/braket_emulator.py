"""Amazon Braket on loopback: its calls, its price list, and S3 and STS by moto.

Started by hand it serves until it is interrupted and prints the environment that leads the real
client here:

    python tests/emulators/braket_emulator.py

Requests and answers are checked against botocore's own model of the service.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import botocore.session
from botocore.validate import ParamValidator
from braket_documents import price_list
from braket_service import Service, ServiceError
from moto.server import ThreadedMotoServer

GOOD_KEY, EXPIRED_KEY = "AKIAEXAMPLEGOODKEY00", "ASIAEXAMPLEEXPIRED00"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - of the AWS documentation

_WITHOUT_EFFECT = ("refused", "rate_limited", "rate_limited_retry_after", "unavailable_503")
_DECLINED = {
    "400": "ValidationException",
    "401": "UnauthorizedException",
    "403": "AccessDeniedException",
    "409": "ConflictException",
    "429": "ThrottlingException",
}
JSON_OF = {
    "json_list": "[]",
    "json_null": "null",
    "json_text": '"yes"',
    "json_number": "7",
    "json_empty": "{}",
}
"""Fault → an answer of the wrong type."""

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
        elif fault == "drips":
            self._drip(status, text)
        elif fault and fault.startswith("declined_"):
            self._send_error(ServiceError(int(fault[-3:]), _DECLINED[fault[-3:]], "not like this"))
        elif fault and fault.startswith("json_"):
            self._send(status, JSON_OF[fault].encode())
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

    def _drip(self, status: int, content: bytes) -> None:
        """Answer a byte at a time, for longer than anybody should wait."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content) + 4000))
        self.end_headers()
        with suppress(OSError):
            for byte in content.ljust(len(content) + 4000):
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        self.close_connection = True

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
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with Emulator() as emulator:
        for key, value in emulator.environment.items():
            print(f"export {key}={value}", flush=True)  # noqa: T201
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
