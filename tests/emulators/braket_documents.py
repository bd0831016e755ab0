"""Results of tasks and the price list, in the form in which the service writes them."""

from __future__ import annotations

import json
from typing import Any

from braket_devices import PROCESSORS
from braket_programs import Parsed


def header(name: str) -> dict[str, Any]:
    return {"braketSchemaHeader": {"name": f"braket.{name}", "version": "1"}}


def single_result(task: Any, part: dict[str, Any]) -> dict[str, Any]:
    outcomes = ("measurements", "measurementProbabilities", "measuredQubits")
    return {
        **header("task_result.gate_model_task_result"),
        **{key: part[key] for key in outcomes if key in part},
        "taskMetadata": {
            **header("task_result.task_metadata"),
            "id": task.arn,
            "shots": task.request["shots"],
            "deviceId": task.request["deviceArn"],
        },
        "additionalMetadata": {
            "action": {**header("ir.openqasm.program"), "source": part["source"], "inputs": {}},
            **part["metadata"],
        },
    }


def executable_result(part: dict[str, Any], failure: tuple[str, bool] | None) -> dict[str, Any]:
    if failure is not None:
        reason, retryable = failure
        return {
            **header("task_result.program_set_executable_failure"),
            "inputsIndex": 0,
            "failureMetadata": {
                "failureReason": reason,
                "retryable": retryable,
                "category": "DEVICE",
            },
        }
    return {
        **header("task_result.program_set_executable_result"),
        "inputsIndex": 0,
        **{k: part[k] for k in ("measurements", "measurementProbabilities") if k in part},
        "measuredQubits": part["measuredQubits"],
    }


def compiled(arn: str, program: Parsed) -> dict[str, Any]:
    """The program that ran, in the vendor's own form."""
    vendor = arn.split("/")[-2]
    if vendor == "rigetti":
        lines = ["DECLARE ro BIT[2]"]
        for gate in program.gates:
            params = f"({', '.join(map(str, gate.params))})" if gate.params else ""
            lines.append(f"{gate.name.upper()}{params} {' '.join(map(str, gate.qubits))}")
        text = "\n".join(lines)
        return {
            "rigettiMetadata": {**header("task_result.rigetti_metadata"), "compiledProgram": text}
        }
    if vendor == "iqm":
        instructions = [
            {"name": g.name, "locus": [f"QB{q}" for q in g.qubits], "args": list(g.params)}
            for g in program.gates
        ]
        text = json.dumps({"name": "circuit", "instructions": instructions})
        return {"iqmMetadata": {**header("task_result.iqm_metadata"), "compiledProgram": text}}
    if vendor == "aqt":
        lines = ["OPENQASM 3.0;"]
        for gate in program.gates:
            params = f"({', '.join(map(str, gate.params))})" if gate.params else ""
            lines.append(f"{gate.name}{params} {', '.join(f'${q}' for q in gate.qubits)};")
        text = "\n".join(lines)
        return {"aqtMetadata": {**header("task_result.aqt_metadata"), "compiledProgram": text}}
    return {"ionqMetadata": header("task_result.ionq_metadata")}


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
    for arn in PROCESSORS:
        region, name = arn.split(":")[3], arn.split("/")[-1]
        listed = name.replace("Ibex", "IBEX")
        for family, price in (
            ("Quantum Task", 0.3),
            ("Quantum Task-Shot", per_shot.get(name, 0.02)),
        ):
            rows.append(f'"x","USD","{price}","each","{family}","{region}","{listed}"')
    return "\n".join(rows) + "\n"
