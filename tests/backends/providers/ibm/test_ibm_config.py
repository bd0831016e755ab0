"""Configurations for IBM Quantum: what is accepted, and what is refused with the remedy."""

import json
from pathlib import Path

import pytest

from backends.providers.ibm.options import forms
from backends.providers.suppression import TwirlingConfig
from runner.config.loading import load_config
from runner.config.run_config import run_config
from runner.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[4] / "configs" / "ibm").glob("*.yaml"))
OPEN_PLAN_SECONDS = 600
BASE = {
    "experiment": {"kind": "entanglement", "n": 2},
    "backend": {"provider": "ibm", "device": "ibm_kingston"},
}
FED = {"kind": "entanglement", "n": 2, "decrypt": {"strategy": "feedforward"}}


@pytest.fixture
def load(tmp_path):
    def from_document(**changes):
        file = tmp_path / "c.yaml"
        file.write_text(json.dumps({**BASE, **changes}))
        return load_config(str(file))[0]

    return from_document


def ibm(**options):
    return {**BASE["backend"], "ibm": options}


def least_busy(**options):
    return {"provider": "ibm", "device": "least_busy", "ibm": {"least_busy": options}}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_published_configurations_fit_the_open_plan(file):
    config, _ = load_config(str(file))
    assert config.backend.provider == "ibm"
    assert config.budget.qpu_seconds is not None
    assert config.budget.qpu_seconds <= OPEN_PLAN_SECONDS / 2
    assert "QPU seconds" in file.read_text()


def test_what_is_accepted_survives_the_store(load):
    config = load(
        backend=ibm(mode="batch", tags=["a"], most_session_seconds=60),
        suppression={"dynamical_decoupling": "XY4", "twirling": {"num_randomizations": 8}},
        shots=8000,
    )
    assert run_config(json.loads(json.dumps(config.model_dump(mode="json")))) == config


REFUSED = {
    "a simulator's device": ({"backend": {"provider": "ibm", "device": "fake_kingston"}},
                             "'fake_kingston' can only be simulated"),
    "the default device": ({"backend": {"provider": "ibm"}}, "can only be simulated"),
    "ibm options elsewhere": ({"backend": {"provider": "stim", "ibm": {}}}, "set provider: ibm"),
    "choice without choice": ({"backend": ibm(least_busy={})}, "set device: least_busy"),
    "session time of a job": ({"backend": ibm(most_session_seconds=9)}, "set mode: batch"),
    "misspelt option": ({"backend": ibm(mood="job")}, "did you mean 'mode'?"),
    "misspelt constraint": ({"backend": least_busy(min_qubit=5)}, "did you mean 'min_qubits'?"),
    "misspelt twirling": ({"suppression": {"twirling": {"gate": True}}}, "did you mean 'gates'?"),
    "no such mode": ({"backend": ibm(mode="jobs")}, "'backend.ibm.mode' is 'jobs'"),
    "a private job": ({"backend": ibm(private=True)}, "unknown key 'backend.ibm.private'"),
    "a key in the file": ({"backend": ibm(**{"token": "x"})}, "unknown key 'backend.ibm.token'"),
    "no such sequence": ({"suppression": {"dynamical_decoupling": "XY8"}}, "XY4"),
    "a spaced tag": ({"backend": ibm(tags=["a b"])}, "backend.ibm.tags"),
    "decoupling fed forward": (
        {"experiment": FED, "suppression": {"dynamical_decoupling": "XX"}}, "use strategy 'frame'"
    ),
    "twirling fed forward": (
        {"experiment": FED, "suppression": {"twirling": True}, "shots": 6400}, "exclude each other"
    ),
    "twirling in words": (
        {"suppression": {"twirling": "yes"}}, "'suppression.twirling' is 'yes', but must be"
    ),
    "nothing twirled": (
        {"suppression": {"twirling": {"gates": False, "measure": False}}}, "write twirling: false"
    ),
    "uneven twirling": (
        {"suppression": {"twirling": {"num_randomizations": 32}}, "shots": 10000},
        "take 10016 or 9984",
    ),
    "decoupling simulated": (
        {"backend": {"provider": "stim"}, "suppression": {"dynamical_decoupling": "XY4"}},
        "provider 'stim' models no error suppression",
    ),
    "twirling simulated": (
        {"backend": {"provider": "rehearsal"}, "suppression": {"twirling": True}},
        "provider 'rehearsal' models no error suppression",
    ),
    "mitigation simulated": (
        {"backend": {"provider": "aer"}, "suppression": {"readout_mitigation": "mthree"}},
        "provider 'aer' models no error suppression",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_nothing_or_cannot_be_is_refused(load, what):
    changes, words = REFUSED[what]
    with pytest.raises(ConfigError) as refused:
        load(**changes)
    assert words in str(refused.value)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("shots", [100, 2048, 10_000])
@pytest.mark.parametrize(
    "twirling",
    [
        TwirlingConfig(),
        TwirlingConfig(num_randomizations=20),
        TwirlingConfig(shots_per_randomization=50),
        TwirlingConfig(num_randomizations=10, shots_per_randomization=30),
    ],
)
def test_forms_are_counted_as_the_client_does(twirling, shots):
    from qiskit_ibm_runtime.executor.calculate_twirling_shots import calculate_twirling_shots

    number, each = twirling.num_randomizations, twirling.shots_per_randomization
    assert forms(shots, twirling) == calculate_twirling_shots(shots, number, each)
