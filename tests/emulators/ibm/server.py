"""The wire: HTTP on loopback, with every way in which an answer can go missing."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt

from tests.emulators.ibm.faults import Call, Fault
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import Refusal

_SIGNING_KEY = "signs the emulator's access tokens, which open nothing"
_TOKEN_SECONDS = 3600
_HANGING_SECONDS = 20.0
_DRIPPED, _DRIP_SECONDS = 4000, 0.05
_API = "/api/v1"

_ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("POST", r"/identity/token", "token"),
    ("POST", r"/v3/resources/search", "search"),
    ("GET", r"/catalog/([^/]+)", "search"),
    ("GET", _API + r"/backends", "backends"),
    ("GET", _API + r"/backends/([^/]+)/configuration", "configuration"),
    ("GET", _API + r"/backends/([^/]+)/properties", "properties"),
    ("GET", _API + r"/backends/([^/]+)/status", "status"),
    ("GET", _API + r"/instances/usage", "usage"),
    ("POST", _API + r"/jobs", "submit"),
    ("GET", _API + r"/jobs", "list"),
    ("GET", _API + r"/jobs/([^/]+)", "job"),
    ("GET", _API + r"/jobs/([^/]+)/results", "results"),
    ("GET", _API + r"/jobs/([^/]+)/metrics", "metrics"),
    ("POST", _API + r"/jobs/([^/]+)/cancel", "cancel"),
    ("PUT", _API + r"/jobs/([^/]+)/tags", "job"),
    ("POST", _API + r"/sessions", "session"),
    ("GET", _API + r"/sessions/([^/]+)", "session"),
    ("PATCH", _API + r"/sessions/([^/]+)", "session"),
    ("DELETE", _API + r"/sessions/([^/]+)/close", "session"),
)


class Emulator:
    """A running server.

    Args:
        service: what it serves.
        port: where; 0 takes any free port.

    Attributes:
        url: its address, such as ``http://127.0.0.1:8765``.
    """

    def __init__(self, service: Service, port: int = 0) -> None:
        self.service = service
        handler = type("_BoundHandler", (_Handler,), {"service": service})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def environment(self, api_key: str | None, instance: str | None) -> dict[str, str]:
        """What leads the real client here instead of to the real service.

        A URL that holds the word "experimental" is what the client takes as it is.
        """
        experimental = self.url.replace("http://", "http://experimental@")
        environment = {
            "QISKIT_IBM_URL": f"{experimental}{_API}",
            "IAM_URL": self.url,
            "GLOBAL_SEARCH_URL": self.url,
            "GLOBAL_CATALOG_URL": f"{self.url}/catalog",
        }
        if api_key is not None:
            environment["QISKIT_IBM_TOKEN"] = api_key
        if instance is not None:
            environment["QISKIT_IBM_INSTANCE"] = instance
        return environment

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"
    # Headers and body leave as two packets, which a delayed acknowledgement would hold back.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        found = next(
            (
                (call, match)
                for verb, pattern, call in _ROUTES
                if verb == method and (match := re.fullmatch(pattern, parts.path))
            ),
            None,
        )
        if found is None:
            self._answer(404, _error(404, f"no such endpoint: {method} {parts.path}", 404))
            return
        call, match = found
        fault = self.service.fault(call)
        if fault is not None and not fault.kind.startswith(("accepted", "answered")):
            self._fail(fault)
            return
        try:
            if call not in ("token", "search"):
                self._require_authorized()
            place = unquote(match.group(1)) if match.groups() else ""
            query = parse_qs(parts.query)
            status, answer = self._perform(method, parts.path, call, place, query, body)
        except Refusal as refusal:
            body_of_error = _error(refusal.status, str(refusal), refusal.code)
            if call == "token":
                body_of_error = {"errorCode": "BXNIM0415E", "errorMessage": str(refusal)}
            self._answer(refusal.status, body_of_error)
            return
        except Exception:
            # An error of the emulator itself: the client shall not take it for a lost connection.
            self._answer(418, _error(418, traceback.format_exc(), 418))
            return
        if fault is None:
            self._answer(status, answer)
        else:
            self._lose(fault, status, answer)

    # Faults

    def _fail(self, fault: Fault) -> None:
        """Fail before anything was done."""
        if fault.kind == "dropped":
            self._drop()
        elif fault.kind == "unavailable_503":
            self._answer(503, _error(503, "Service Unavailable", 503))
        elif fault.kind == "rate_limited":
            wait = fault.retry_after_seconds
            headers = {} if wait is None else {"Retry-After": str(wait)}
            self._answer(429, _error(429, "Too many requests", 1429), headers)
        elif fault.kind == "unauthorized":
            self._answer(401, _error(401, "Login with some authorized required.", 1200))
        else:
            self._answer(fault.status, _error(fault.status, "not like this", 1000 + fault.status))

    def _lose(self, fault: Fault, status: int, answer: Any) -> None:
        """Spoil the answer of something that was done."""
        if fault.kind == "accepted_500":
            self._answer(500, _error(500, "Internal Server Error", 500))
        elif fault.kind == "accepted_502":
            self._answer(502, "<html>Bad Gateway</html>")
        elif fault.kind == "accepted_dropped":
            self._drop()
        elif fault.kind == "accepted_hangs":
            time.sleep(_HANGING_SECONDS)
            self._drop()
        elif fault.kind == "accepted_drips":
            self._drip(answer if isinstance(answer, str) else json.dumps(answer))
        elif fault.kind == "accepted_refused":
            self._answer(fault.status, _error(fault.status, "not like this", 1000 + fault.status))
        elif fault.kind == "answered":
            self._answer(200, fault.body)
        elif fault.kind == "accepted_malformed":
            self._answer(200, "<html>oops")
        elif fault.kind == "accepted_truncated":
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self._answer(200, text[: len(text) // 2])
        else:
            answer.pop("backend")
            self._answer(status, answer)

    def _drip(self, text: str) -> None:
        """Answer a byte at a time, for longer than anybody should wait."""
        content = text.encode().ljust(_DRIPPED)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            for k in range(len(content)):
                self.wfile.write(content[k : k + 1])
                time.sleep(_DRIP_SECONDS)
        self.close_connection = True

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    # Authority

    def _require_authorized(self) -> None:
        scheme, _, credential = (self.headers.get("Authorization") or "").partition(" ")
        try:
            if scheme != "Bearer":
                raise Refusal(401, "Login with some authorized required.", 1200)
            key = jwt.decode(credential, _SIGNING_KEY, algorithms=["HS256"])["key"]
        except jwt.InvalidTokenError:
            raise Refusal(401, "The access token is not valid.", 1200) from None
        if self.service.settings.api_keys.get(key, "gone"):
            raise Refusal(401, "The access token was revoked.", 1200)
        if self.headers.get("Service-CRN") not in self.service.settings.instances:
            raise Refusal(403, "No access to this service instance.", 1201)

    # What is asked

    def _perform(
        self,
        method: str,
        path: str,
        call: Call,
        place: str,
        query: dict[str, list[str]],
        body: bytes,
    ) -> tuple[int, Any]:
        service = self.service
        match call:
            case "token":
                return 200, self._token(parse_qs(body.decode()).get("apikey", [""])[0])
            case "search":
                return 200, self._plan() if method == "GET" else self._instances()
            case "backends":
                return 200, {"devices": [d.listed() for d in service.devices.values()]}
            case "configuration":
                return 200, service.device(place).configuration
            case "properties":
                device = service.device(place)
                if moments := query.get("updated_before"):
                    return 200, device.properties_before(moments[0])
                return 200, device.properties
            case "status":
                return 200, service.device(place).state()
            case "usage":
                return 200, service.usage()
            case "submit":
                return 200, service.submit(json.loads(body), self.headers["Service-CRN"])
            case "list":
                return 200, service.listed(
                    query.get("tags", []),
                    int(query.get("limit", ["200"])[0]),
                    int(query.get("offset", ["0"])[0]),
                    oldest=query.get("sort") == ["ASC"],
                )
            case "job":
                if method == "PUT":
                    service.tag(place, json.loads(body)["tags"])
                    return 204, ""
                params = query.get("exclude_params") != ["true"]
                return 200, service.described(service.job(place), params=params)
            case "results":
                return 200, service.results(place)
            case "metrics":
                return 200, service.metrics(place)
            case "cancel":
                service.cancel(place)
                return 204, ""
            case _:
                return self._session(method, path, place, body)

    def _session(self, method: str, path: str, place: str, body: bytes) -> tuple[int, Any]:
        if method == "POST":
            return 200, self.service.open_session(json.loads(body))
        if method == "PATCH":
            self.service.close_session(place, cancel=False)
        elif method == "DELETE":
            self.service.close_session(place, cancel=True)
            return 204, ""
        return 200, self.service.session(place)

    def _token(self, api_key: str) -> dict[str, Any]:
        trouble = self.service.settings.api_keys.get(
            api_key, "Provided API key could not be found."
        )
        if trouble:
            raise Refusal(400, trouble, 0)
        now = int(time.time())
        claims = {"key": api_key, "iat": now, "exp": now + _TOKEN_SECONDS}
        return {
            "access_token": jwt.encode(claims, _SIGNING_KEY, algorithm="HS256"),
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": _TOKEN_SECONDS,
            "expiration": now + _TOKEN_SECONDS,
        }

    def _instances(self) -> dict[str, Any]:
        items = [
            {
                "crn": crn,
                "name": name,
                "service_plan_unique_id": "plan-open",
                "doc": {"extensions": {"backends": list(self.service.devices)}},
                "tags": [],
            }
            for crn, name in self.service.settings.instances.items()
        ]
        return {"items": items, "limit": 100}

    def _plan(self) -> dict[str, Any]:
        return {
            "id": "plan-open",
            "overview_ui": {"en": {"display_name": self.service.settings.plan}},
            "metadata": {"pricing": {"type": "free"}},
        }

    def _answer(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        content = b"" if status == 204 else text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _error(status: int, message: str, code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status_code": status}}
