"""Results of tasks: from the service's documents to shots in Qiskit's bit order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure, Request
from backends.providers.braket.executed_program import ran_two_qubit_gates
from backends.providers.braket.programs import Readout, two_qubit_gates

Read = Callable[[str], str]
"""Fetches a file by its path below the task's folder."""


def read_results(
    document: Mapping[str, Any], shots: int, read: Read
) -> tuple[list[BitArray | CircuitFailure], list[str]]:
    """The outcome of every circuit of a task, in the order in which they were sent.

    Args:
        document: parsed ``results.json`` of a task.
        shots: shots of each circuit that were asked for.
        read: fetches further files, which a program set may be split into.

    Returns:
        The outcomes, and the program of each as it was sent.

    Raises:
        ValueError: if the document is none, or lacks something.
        KeyError: if it lacks something.
    """
    if "programResults" in document:
        pairs = [
            pair
            for program in document["programResults"]
            for pair in _program(_whole(program, read), shots, read)
        ]
        return [outcome for outcome, _ in pairs], [source for _, source in pairs]
    metadata = document["additionalMetadata"]
    source = metadata["action"]["source"]
    return [_executable(document, source, metadata, shots)], [source]


def _program(
    result: Mapping[str, Any], shots: int, read: Read
) -> list[tuple[BitArray | CircuitFailure, str]]:
    source = result["source"]
    if isinstance(source, str):
        source = json.loads(read(source))
    metadata = result.get("additionalMetadata") or {}
    return [
        (_executable(_whole(one, read), source["source"], metadata, shots), source["source"])
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
        outcomes = np.asarray(result["measurements"])
        if outcomes.dtype.kind not in "biu" or not np.isin(outcomes, (0, 1)).all():
            raise ValueError("the measurements are not all 0 or 1")
        measured = outcomes.astype(bool)
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
    total = float(sum(probabilities.values()))
    if not abs(total - 1.0) <= 1e-3 or min(probabilities.values()) < 0:
        raise ValueError(f"the probabilities add up to {total:.6f}, or one is negative")
    if not all(set(outcome) <= {"0", "1"} for outcome in probabilities):
        raise ValueError("an outcome is no string of bits")
    # Rounded frequencies may add up to a little more than one.
    exact = {outcome: p / total * shots for outcome, p in sorted(probabilities.items())}
    counts = {outcome: int(value) for outcome, value in exact.items()}
    by_remainder = sorted(exact, key=lambda outcome: counts[outcome] - exact[outcome])
    for outcome in by_remainder[: shots - sum(counts.values())]:
        counts[outcome] += 1
    rows = np.array([[bit == "1" for bit in outcome] for outcome in counts], dtype=bool)
    return np.repeat(rows, list(counts.values()), axis=0)


# What ran


def is_program_of(source: str, request: Request) -> bool:
    """Whether a program can be that of a circuit: its bits and its two-qubit gates are the same."""
    circuit = request.circuit
    if any(instruction.name == "if_else" for instruction in circuit.data):
        return True  # Its gates are written otherwise.
    entanglers = sum(
        len(instruction.qubits) == 2 and instruction.name != "barrier"
        for instruction in circuit.data
    )
    try:
        return (Readout.of(source).num_bits, two_qubit_gates(source)) == (
            circuit.num_clbits,
            entanglers,
        )
    except ValueError:
        return False


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
