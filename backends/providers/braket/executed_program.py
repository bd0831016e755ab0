"""Reading the program that ran, where a service reveals it.

IQM reveals JSON, Rigetti Quil, AQT and others OpenQASM; nobody promises which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_METADATA = ("iqmMetadata", "rigettiMetadata", "aqtMetadata", "oqcMetadata")
_QUIL = re.compile(
    r"(?:DECLARE|PRAGMA|MEASURE|RESET|HALT|FENCE|DELAY)\b.*|#.*"
    r"|[A-Z][A-Z0-9_]*(?:\([^()]*\))?\s+\d+"
    r"|(?P<pair>[A-Z][A-Z0-9_]*(?:\([^()]*\))?\s+\d+\s+\d+)"
)
"""A line of Rigetti's Quil: no gate, one on a qubit, or one on a pair."""

_OPENQASM = re.compile(
    r"(?:OPENQASM|qubit|bit|barrier)\b.*|(?:#pragma|//|box).*|\}|(?:\S+\s*=\s*)?measure\b.*;"
    r"|[a-z][a-z0-9_]*(?:\([^()]*\))?\s+[^\s,]+\s*;"
    r"|(?P<pair>[a-z][a-z0-9_]*(?:\([^()]*\))?\s+[^\s,]+\s*,\s*[^\s,]+\s*;)"
)
"""The same of OpenQASM."""


def ran_two_qubit_gates(metadata: Mapping[str, Any]) -> int | None:
    """Two-qubit gates of the program that ran; None where it is not revealed, or not readable."""
    for name in _METADATA:
        text = (metadata.get(name) or {}).get("compiledProgram")
        if text:
            return count_two_qubit_gates(text)
    return None


def count_two_qubit_gates(text: str) -> int | None:
    """Two-qubit gates of a revealed program; None if there is anything in it that is not known.

    A wrong count would throw good outcomes away, so a program is read to the last line or not at
    all.
    """
    if text.lstrip().startswith(("{", "[")):
        return _count_instructions(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    known = _OPENQASM if "OPENQASM" in text else _QUIL
    read = [known.fullmatch(line) for line in lines]
    if not read or not all(read):
        return None
    return sum(found is not None and found["pair"] is not None for found in read)


def _count_instructions(text: str) -> int | None:
    """The same for IQM's programs, which are lists of instructions in JSON."""
    try:
        circuits = json.loads(text)
        if isinstance(circuits, dict):
            circuits = [circuits]
        instructions = [one for circuit in circuits for one in circuit["instructions"]]
        on = [one.get("locus") or one["qubits"] for one in instructions]
        names = [one["name"] for one in instructions]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return sum(
        len(qubits) == 2
        for name, qubits in zip(names, on, strict=True)
        if name not in ("barrier", "measure", "measurement")
    )
