"""Whether a parsed ``device.json`` is a snapshot at all, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from backends.devices.stated import Operation

_MAY_BE_UNKNOWN = ("t1_seconds", "t2_seconds")


def require_archived(document: object, entanglers: Sequence[str]) -> None:
    """Check the form of an archived snapshot, not the values of its calibration.

    Args:
        document: the parsed JSON.
        entanglers: native two-qubit gates that there are.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(document, Mapping):
        raise ValueError("it is no mapping")  # noqa: TRY004
    missing = {"name", "calibrated_at", "entangler", "qubits", "couplers"} - document.keys()
    _require(not missing, f"it lacks {', '.join(map(repr, sorted(missing)))}")
    _require(isinstance(document["name"], str), "the name of a device is text")
    date = document["calibrated_at"]
    _require(date is None or isinstance(date, str), "the date of a calibration is text")
    entangler = document["entangler"]
    _require(
        entangler in tuple(entanglers),
        f"the two-qubit gate '{entangler}' is not one of {', '.join(entanglers)}",
    )
    for key in ("dynamic_circuits", "recompiles"):
        _require(isinstance(document.get(key, True), bool), f"'{key}' is true or false")
    lacks = document.get("lacks", [])
    known = get_args(Operation)
    _require(
        isinstance(lacks, list) and all(name in known for name in lacks),
        f"'lacks' holds some of {', '.join(known)}",
    )
    qubits = document["qubits"]
    _require(isinstance(qubits, list) and bool(qubits), "a device has qubits")
    for qubit in qubits:
        _require_numbers(qubit)
    for key, most in (("couplers", 2), ("layers", len(qubits)), ("interactions", 2)):
        parts = document.get(key, [])
        _require(isinstance(parts, list), f"'{key}' is no list")
        for part in parts:
            _require_numbers(part)
            _require_joined(key, part.get("qubits"), len(qubits), most)


def _require_numbers(part: Any) -> None:
    _require(isinstance(part, Mapping), "a part of it has another form than it should have")
    for key, value in part.items():
        if key == "qubits" or (value is None and key in _MAY_BE_UNKNOWN):
            continue
        sound = isinstance(value, (int, float)) and not isinstance(value, bool)
        _require(sound, f"'{key}' is no number")


def _require_joined(key: str, joined: Any, num_qubits: int, most: int) -> None:
    sound = (
        isinstance(joined, list)
        and all(type(q) is int and 0 <= q < num_qubits for q in joined)
        and 2 <= len(set(joined)) == len(joined) <= most
    )
    _require(sound, f"an entry of '{key}' joins {joined} of {num_qubits} qubits")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
