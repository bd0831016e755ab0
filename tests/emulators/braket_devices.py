"""Capabilities of four devices, built from the SDK's own device schema.

Their shapes are those of devices that Amazon Braket offers; every number is invented.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
from braket.device_schema.aqt import AqtDeviceCapabilities
from braket.device_schema.ionq import IonqDeviceCapabilities
from braket.device_schema.iqm import IqmDeviceCapabilities
from braket.device_schema.rigetti.rigetti_device_capabilities_v2 import RigettiDeviceCapabilities
from braket.device_schema.simulators import GateModelSimulatorDeviceCapabilities

GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
ANKAA = "arn:aws:braket:us-west-1::device/qpu/rigetti/Ankaa-3"
RETIRED = "arn:aws:braket:us-west-1::device/qpu/rigetti/Ankaa-2"
FORTE = "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1"
ARIA = "arn:aws:braket:us-east-1::device/qpu/ionq/Aria-1"
IBEX = "arn:aws:braket:eu-north-1::device/qpu/aqt/Ibex-Q1"
SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
RECOMPILING = "arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald"

_EVERY_DAY = [
    {"executionDay": "Everyday", "windowStartHour": "00:00:00", "windowEndHour": "23:59:59"}
]
_HEADER = "braket.device_schema."
_RESULT_TYPES = [
    {"name": "Probability", "observables": None, "minShots": 10, "maxShots": 50000},
]


def _service(
    shots: tuple[int, int], location: str, windows: Any = None, poll_millis: int = 100
) -> dict[str, Any]:
    return {
        "braketSchemaHeader": {"name": _HEADER + "device_service_properties", "version": "1"},
        "executionWindows": _EVERY_DAY if windows is None else windows,
        "shotsRange": shots,
        "deviceCost": {"price": 0.00145, "unit": "shot"},
        "deviceLocation": location,
        "updatedAt": "2026-11-20T06:00:00",
        "getTaskPollIntervalMillis": poll_millis,
    }


def _action(operations: list[str], *, verbatim: bool = True, together: bool = False) -> Any:
    program = {
        "actionType": "braket.ir.openqasm.program",
        "version": ["1"],
        "supportedOperations": operations,
        "supportedResultTypes": _RESULT_TYPES,
        "supportedPragmas": ["verbatim"] if verbatim else [],
        "supportPhysicalQubits": True,
        "requiresAllQubitsMeasurement": False,
        "supportsPartialVerbatimBox": False,
    }
    found = {"braket.ir.openqasm.program": program}
    if together:
        found["braket.ir.openqasm.program_set"] = {
            "actionType": "braket.ir.openqasm.program_set",
            "version": ["1"],
            "maximumExecutables": 4,
            "maximumTotalShots": 200_000,
        }
    return found


def _paradigm(native: list[str], count: int, graph: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "braketSchemaHeader": {
            "name": _HEADER + "gate_model_qpu_paradigm_properties",
            "version": "1",
        },
        "qubitCount": count,
        "nativeGateSet": native,
        "connectivity": {"fullyConnected": not graph, "connectivityGraph": graph},
    }


def _lattice(width: int, height: int, first: int, holes: set[int]) -> dict[str, list[str]]:
    """Every coupler once, from the smaller label, as IQM writes them."""
    graph: dict[str, list[str]] = {}
    for row in range(height):
        for column in range(width):
            here = first + row * width + column
            right = [here + 1] if column + 1 < width else []
            below = [here + width] if row + 1 < height else []
            others = [str(q) for q in right + below if q not in holes]
            if here not in holes and others:
                graph[str(here)] = others
    return graph


def _labels(graph: dict[str, list[str]]) -> list[int]:
    return sorted({int(q) for a, others in graph.items() for q in (a, *others)})


def _standardized(graph: dict[str, list[str]], gate: str, pulses: str, seed: int) -> Any:
    draw = np.random.default_rng(seed)

    def value(low: float, high: float) -> float:
        return round(float(draw.uniform(low, high)), 6)

    return {
        "braketSchemaHeader": {
            "name": _HEADER + "standardized_gate_model_qpu_device_properties",
            "version": "1",
        },
        "oneQubitProperties": {
            str(q): {
                "T1": {"value": value(30, 60), "standardError": None, "unit": "us"},
                "T2": {"value": value(15, 30), "standardError": None, "unit": "us"},
                "oneQubitFidelity": [
                    {
                        "fidelityType": {"name": pulses, "description": None},
                        "fidelity": value(0.9985, 0.9995),
                    },
                    {
                        "fidelityType": {"name": "READOUT", "description": None},
                        "fidelity": value(0.965, 0.985),
                    },
                ],
            }
            for q in _labels(graph)
        },
        "twoQubitProperties": {
            f"{a}-{b}": {
                "twoQubitGateFidelity": [
                    {
                        "gateName": gate,
                        "fidelity": value(0.984, 0.996),
                        "fidelityType": {"name": "INTERLEAVED_RANDOMIZED_BENCHMARKING"},
                    }
                ]
            }
            for a, others in graph.items()
            for b in others
        },
    }


def garnet(*, verbatim: bool = True) -> str:
    """IQM: 20 qubits from 1 on a square lattice, CZ and PRX, program sets."""
    graph = _lattice(5, 4, 1, set())
    return _checked(
        IqmDeviceCapabilities,
        {
            "service": _service((1, 20_000), "Finland"),
            "action": _action(["cz", "prx", "h", "cnot"], verbatim=verbatim, together=verbatim),
            "paradigm": _paradigm(["cz", "prx"], 20, graph),
            "standardized": _standardized(graph, "CZ", "RANDOMIZED_BENCHMARKING", 1),
            "deviceParameters": {},
        },
    )


def ankaa() -> str:
    """Rigetti: 6 by 5 qubits with two holes, iSWAP, no program sets."""
    graph = _lattice(6, 5, 0, {8, 21})
    return _checked(
        RigettiDeviceCapabilities,
        {
            "service": _service((10, 50_000), "USA", poll_millis=10_000),
            "action": _action(["rx", "rz", "iswap", "cz"]),
            "paradigm": _paradigm(["rx", "rz", "iswap"], len(_labels(graph)), graph),
            "standardized": _standardized(
                graph, "ISWAP", "SIMULTANEOUS_RANDOMIZED_BENCHMARKING", 2
            ),
            "deviceParameters": {},
        },
    )


def _ions(native: list[str], count: int, pair_fidelity: float) -> str:
    return _checked(
        IonqDeviceCapabilities,
        {
            "service": _service((1, 5_000), "USA"),
            "action": _action(["x", "h", "cnot", *native]),
            "paradigm": _paradigm(native, count, {}),
            "provider": {
                "braketSchemaHeader": {
                    "name": _HEADER + "ionq.ionq_provider_properties",
                    "version": "1",
                },
                "fidelity": {
                    "1Q": {"mean": 0.9998},
                    "2Q": {"mean": pair_fidelity},
                    "spam": {"mean": 0.9936},
                },
                "timing": {
                    "T1": 100.0,
                    "T2": 1.0,
                    "1Q": 0.00013,
                    "2Q": 0.00097,
                    "readout": 0.00015,
                    "reset": 0.00005,
                },
            },
            "deviceParameters": {},
        },
    )


def forte() -> str:
    """IonQ: 36 ions, all to all, ZZ; results as probabilities."""
    return _ions(["gpi", "gpi2", "zz"], 36, 0.9932)


def aria() -> str:
    """IonQ: 25 ions, all to all, MS; results as probabilities."""
    return _ions(["gpi", "gpi2", "ms"], 25, 0.9855)


def ibex() -> str:
    """AQT: 12 ions, all to all, XX and PRX; open on weekdays only."""
    windows = [
        {"executionDay": "Weekdays", "windowStartHour": "08:00:00", "windowEndHour": "16:00:00"}
    ]

    def fidelity(value: float) -> dict[str, Any]:
        kind = {"name": "RANDOMIZED_BENCHMARKING", "description": None}
        return {"fidelityType": kind, "fidelity": value, "unit": "fraction"}

    def seconds(value: float) -> dict[str, Any]:
        return {"value": value, "standardError": None, "unit": "s"}

    def micros(value: float) -> dict[str, Any]:
        return {"value": value, "standardError": None, "unit": "us"}

    percent = {"value": 99.97, "uncertainty": 0.01}
    return _checked(
        AqtDeviceCapabilities,
        {
            "service": _service((1, 2_000), "Austria", windows),
            "action": _action(["prx", "xx", "rz", "h", "cnot"]),
            "paradigm": _paradigm(["prx", "xx", "rz"], 12, {}),
            "provider": {
                "braketSchemaHeader": {
                    "name": _HEADER + "aqt.aqt_provider_properties",
                    "version": "1",
                },
                "properties": {
                    "single_qubit_gate_fidelity": {str(q): percent for q in range(12)},
                    "mean_two_qubit_gate_fidelity": {"value": 98.7, "uncertainty": 0.3},
                    "spam_fidelity_lower_bound": 99.74,
                    "t2_coherence_time_s": {"value": 0.35, "uncertainty": 0.1},
                    "t1_s": {"value": 1.14, "uncertainty": 0.06},
                    "readout_time_micros": 2500.0,
                    "single_qubit_gate_duration_micros": 15.0,
                    "two_qubit_gate_duration_micros": 200.0,
                    "updated_at": "2026-11-20T06:00:00",
                },
            },
            "standardized": {
                "braketSchemaHeader": {
                    "name": _HEADER + "standardized_gate_model_qpu_device_properties",
                    "version": "3",
                },
                "oneQubitProperties": {
                    str(q): {"oneQubitFidelity": [fidelity(0.9994 + q * 1e-5)]} for q in range(12)
                },
                "T1": seconds(1.14),
                "T2": seconds(0.35),
                "readoutFidelity": [fidelity(0.9974)],
                "readoutDuration": micros(2500.0),
                "singleQubitGateDuration": micros(15.0),
                "twoQubitGateFidelity": [fidelity(0.987)],
                "twoQubitGateDuration": micros(200.0),
                "activeResetDuration": micros(50.0),
                "updatedAt": "2026-11-20T06:00:00",
            },
            "deviceParameters": {},
        },
    )


def sv1() -> str:
    """Braket's own state vector simulator: any gate, no noise, billed by the minute."""
    service = _service((0, 100_000), "us-east-1")
    return _checked(
        GateModelSimulatorDeviceCapabilities,
        {
            "service": {**service, "deviceCost": {"price": 0.075, "unit": "minute"}},
            "action": _action(["h", "cnot", "cz", "s", "si", "x", "rz", "v"], verbatim=False),
            "paradigm": {
                "braketSchemaHeader": {
                    "name": _HEADER + "simulators.gate_model_simulator_paradigm_properties",
                    "version": "1",
                },
                "qubitCount": 34,
            },
            "deviceParameters": {},
        },
    )


def _checked(model: Any, document: dict[str, Any]) -> str:
    """The document as the model writes it, so that no field is misspelt."""
    return str(model.parse_obj(document).json())


_MAKERS = {
    GARNET: garnet,
    ANKAA: ankaa,
    RETIRED: ankaa,
    FORTE: forte,
    ARIA: aria,
    IBEX: ibex,
    RECOMPILING: lambda: garnet(verbatim=False),
    SV1: sv1,
}
DEVICES = tuple(_MAKERS)


PROCESSORS = tuple(arn for arn in DEVICES if arn != SV1)


@cache
def capabilities(arn: str) -> str:
    """Capabilities of a device as JSON."""
    return _MAKERS[arn]()


def document(arn: str) -> dict[str, Any]:
    """Parsed capabilities of a device."""
    found: dict[str, Any] = json.loads(capabilities(arn))
    return found
