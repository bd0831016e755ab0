"""Configuration texts, and ways to change them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from runner.config.run_config import RunConfig
from runner.errors import Problem

TEXT = """\
name: small
experiment:
  kind: entanglement
  n: [2, 3]
  decrypt: {clone: 1, strategy: unitary}
  estimator: parity
backend: {provider: stim, device: fake_kingston}
shots: 500
"""
Load = Callable[..., RunConfig]
Problems = Callable[..., Sequence[Problem]]


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def added(text: str) -> str:
    return TEXT + text + "\n"


QUBIT = {
    "t1_seconds": 1e-4,
    "t2_seconds": 1e-4,
    "gate_error": 1e-4,
    "gate_seconds": 3e-8,
    "readout_error": 1e-2,
    "readout_seconds": 2e-6,
}


def device(**changes: Any) -> str:
    snapshot = {
        "name": "toy",
        "calibrated_at": None,
        "entangler": "cz",
        "qubits": [QUBIT, QUBIT],
        "couplers": [{"qubits": [0, 1], "error": 1e-3, "gate_seconds": 7e-8}],
        "dynamic_circuits": True,
    }
    return json.dumps({**snapshot, **changes})
