"""Results that were never measured: run folders with just what offline analyses read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MEASURED: Mapping[str, Any] = {
    "experiment": "entanglement",
    "n": 2,
    "level": None,
    "r": None,
    "scenario": None,
    "clone": 1,
    "strategy": "frame",
    "estimator": "parity",
    "backend": "stim",
    "device": "fake_kingston",
    "seed": 7,
    "repeat": 0,
    "qubits": 6,
    "two_qubit_layers": 11,
    "two_qubit_gates": 13,
    "shots": 2000,
    "value": 0.92,
    "std_err": 0.004,
    "ci_low": 0.91,
    "ci_high": 0.93,
    "noise_floor": 0.25,
    "witness_threshold": 0.5,
    "witnessed": True,
    "predicted": 0.93,
    "published": None,
    "published_err": None,
    "certificate": "proved",
    "jobs": [],
}
"""A row of ``results.json``."""


def row(**changes: Any) -> dict[str, Any]:
    return {**MEASURED, **changes}


def run_folder(runs: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A run folder that holds these results."""
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "resolved.json").write_text("{}", encoding="utf-8")
    device = {"name": "ibm_kingston", "calibrated_at": None, "sha256": "0"}
    provenance = {"run": name, "device": device}
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    return folder
