"""Results of tasks: from the service's documents to shots in Qiskit's bit order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.providers.braket.executed_program import ran_two_qubit_gates
from backends.providers.braket.programs import Readout, two_qubit_gates

Read = Callable[[str], str]
"""Fetches a file by its path below the task's folder."""


def read_results(
    document: Mapping[str, Any], shots: int, read: Read
) -> list[BitArray | CircuitFailure]:
    """The outcome of every circuit of a task, in the order in which they were sent.

    Args:
        document: parsed ``results.json`` of a task.
        shots: shots of each circuit that were asked for.
        read: fetches further files, which a program set may be split into.

    Raises:
        ValueError: if the document is none, or lacks something.
        KeyError: if it lacks something.
    """
    if "programResults" in document:
        return [
            outcome
            for program in document["programResults"]
            for outcome in _program(_whole(program, read), shots, read)
        ]
    metadata = document["additionalMetadata"]
    return [_executable(document, metadata["action"]["source"], metadata, shots)]


def _program(result: Mapping[str, Any], shots: int, read: Read) -> list[BitArray | CircuitFailure]:
    source = result["source"]
    if isinstance(source, str):
        source = json.loads(read(source))
    metadata = result.get("additionalMetadata") or {}
    return [
        _executable(_whole(one, read), source["source"], metadata, shots)
        for one in result["executableResults"]
    ]


def _whole(part: Any, read: Read) -> Mapping[str, Any]:
    found = json.loads(read(part)) if isinstance(part, str) else part
    if not isinstance(found, dict):
        raise ValueError("a part of the results is no object")  # noqa: TRY004 - as for any other
    return found


def _executable(
    result: Mapping[str, Any], source: str, metadata: Mapping[str, Any], shots: int
) -> BitArray | CircuitFailure:
    if "failureMetadata" in result:
        failure = result["failureMetadata"]
        return CircuitFailure(
            str(failure["failureReason"]),
            str(failure.get("category", "")),
            safe_to_retry=bool(failure.get("retryable", False)),
        )
    changed = _recompiled(source, metadata)
    if changed is not None:
        return changed
    if result.get("measurements"):
        measured = np.asarray(result["measurements"], dtype=bool)
    elif result.get("measurementProbabilities"):
        measured = outcomes_of(result["measurementProbabilities"], shots)
    else:
        raise ValueError("the results hold neither measurements nor probabilities")
    return in_qiskit_order(measured, result["measuredQubits"], Readout.of(source))


def in_qiskit_order(
    measured: NDArray[np.bool_], qubits: Sequence[int], readout: Readout
) -> BitArray:
    """Shots by classical bit; Braket's columns are in the order of ``qubits``."""
    if measured.ndim != 2 or measured.shape[1] != len(qubits):
        raise ValueError(f"{measured.shape} outcomes for {len(qubits)} measured qubits")
    if not readout.bit_of.keys() <= set(qubits):
        raise ValueError(f"qubits {sorted(readout.bit_of.keys() - set(qubits))} were not measured")
    bits = np.zeros((len(measured), readout.num_bits), dtype=bool)
    for column, qubit in enumerate(qubits):
        if qubit in readout.bit_of:
            bits[:, readout.bit_of[qubit]] = measured[:, column]
    return BitArray.from_bool_array(bits, order="little")


def outcomes_of(probabilities: Mapping[str, float], shots: int) -> NDArray[np.bool_]:
    """Outcomes whose frequencies are the stated ones, shape (shots, qubits).

    Some services state frequencies only. Times the shots they are whole numbers up to rounding;
    what rounding leaves over goes to the largest remainders. The order of the shots is lost.

    Args:
        probabilities: outcome, most significant (first measured) bit first → frequency.
        shots: number of shots.

    Raises:
        ValueError: if the frequencies do not add up to one.
    """
    if abs(sum(probabilities.values()) - 1.0) > 1e-3:
        raise ValueError(f"the probabilities add up to {sum(probabilities.values()):.6f}")
    exact = {outcome: p * shots for outcome, p in sorted(probabilities.items())}
    counts = {outcome: int(value) for outcome, value in exact.items()}
    by_remainder = sorted(exact, key=lambda outcome: counts[outcome] - exact[outcome])
    for outcome in by_remainder[: shots - sum(counts.values())]:
        counts[outcome] += 1
    rows = np.array([[bit == "1" for bit in outcome] for outcome in counts], dtype=bool)
    return np.repeat(rows, list(counts.values()), axis=0)


# What ran


def _recompiled(source: str, metadata: Mapping[str, Any]) -> CircuitFailure | None:
    """A failure where the service reveals that it ran another program than it was sent."""
    ran = ran_two_qubit_gates(metadata)
    sent = two_qubit_gates(source)
    if ran is None or ran == sent:
        return None
    return CircuitFailure(
        f"the service ran {ran} two-qubit gates where {sent} were sent: it compiled the circuit "
        "again, so its outcomes say nothing about the protocol",
        "RECOMPILED",
    )
