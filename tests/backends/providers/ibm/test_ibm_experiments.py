"""Every kind of experiment through the real client, beside the local simulator."""

import json
import math
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ibm_quantum_schemas.executor.version_2_0 import ParamsModel
from ibm_scene import KINGSTON, SMALL
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit_ibm_runtime import RuntimeDecoder, SamplerV2
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.quantum_program.converters import quantum_program_from_2_0

from backends.adapter import Job, Refused, Request
from backends.errors import DoesNotFit
from backends.providers.ibm.adapter import open_ibm
from backends.providers.ibm.circuits import for_the_wire, require_same_entanglers
from backends.simulation.stim_sampler import sample
from runner.config.run_config import RunConfig
from runner.planning.compilation import compile_sweep
from runner.planning.points import stored_options
from tests.emulators.ibm.devices import Device
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE

BOSTON = Device.packaged("ibm_boston")
SHOTS = 400
TOO_FAR = 4.5
"""Standard errors; of some hundred settings none should be so far off."""


@pytest.fixture(scope="module")
def service():
    service = Service(None, [SMALL, KINGSTON, BOSTON])
    emulator = Emulator(service)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.environment(API_KEY, INSTANCE).items():
            environment.setenv(name, value)
        service.environment = emulator.environment(API_KEY, INSTANCE)
        yield service
    emulator.close()


@pytest.fixture
def account(service, monkeypatch):
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    # Starting other processes costs more than these few circuits.
    monkeypatch.setattr("runner.planning.compilation._PARALLEL_FROM_POINTS", 1000)
    return service


def configured(experiment, device=KINGSTON, shots=SHOTS, **changes):
    return RunConfig.model_validate(
        {
            "experiment": experiment,
            "backend": {"provider": "ibm", "device": device.name},
            "compile": {"seeds": 1},
            "shots": shots,
            **changes,
        }
    )


@contextmanager
def sent(config, tag, snapshot=None):
    """The adapter, compiled settings, and the id of the one job that carries them."""
    options = stored_options(config, "test", Path("runs"))
    adapter = open_ibm(snapshot or config.backend.device, options)
    planned = compile_sweep(config, adapter.snapshot())
    settings = [s for point in planned for s in point.compiled.settings]
    requests = tuple(Request(s.circuit, config.shots, 0) for s in settings)
    yield adapter, settings, adapter.submit(Job(tag, "", requests))


def assert_equal_within_statistics(settings, results, device, shots):
    """Successes of both samplers, setting by setting, and all together."""
    squares = []
    for seed, (setting, result) in enumerate(zip(settings, results, strict=True)):
        assert result.num_shots == shots
        here = setting.setting.successes(result)
        there = setting.setting.successes(sample(setting.circuit, device.snapshot, shots, seed))
        pooled = (here + there + 1) / (2 * shots + 2)
        z = (here - there) / math.sqrt(2 * shots * pooled * (1 - pooled))
        assert abs(z) < TOO_FAR, (setting.setting.label, here, there)
        squares.append(z * z)
    # A chi-square with as many degrees of freedom.
    number = len(squares)
    assert sum(squares) < number + TOO_FAR * math.sqrt(2 * number), squares


EXPERIMENTS = {
    "n = 2…15, fed forward": {
        "kind": "entanglement", "n": "2..15", "estimator": "bsm",
        "decrypt": {"strategy": "feedforward"},
    },
    "unitary, frame and witness": {
        "kind": "entanglement", "n": 4, "estimator": "parity",
        "decrypt": {"clone": 0, "strategy": ["unitary", "frame", "witness"]},
    },
    "chsh in three orders": {
        "kind": "chsh", "n": 2, "scenario": ["2-1", "2-2", "2-3"],
        "decrypt": {"strategy": ["unitary", "feedforward"]},
    },
    "iterated": {"kind": "iterated", "level": [0, 1], "clones": "physical"},
    "ghz": {"kind": "ghz", "r": [2, 4], "estimator": ["parity", "stabilizers"], "stabilizers": 8},
    "correlators": {"kind": "correlators", "n": 2},
    "storage with delays and resets": {
        "kind": "storage", "n": 3, "lost": 2, "loss": ["reset", "measure"],
        "idle_microseconds": 3.0014,
    },
    "leakage": {"kind": "leakage", "n": 2, "subset": ["S1 S2", "A N1 N2"]},
}  # fmt: skip


@pytest.mark.parametrize("what", EXPERIMENTS)
def test_a_kind_of_experiment_in_one_job(account, what):
    before = len(account.jobs())
    config = configured(EXPERIMENTS[what])
    with sent(config, what.replace(" ", "-")) as (adapter, settings, job):
        assert adapter.state(job) == "done"
        results = adapter.results(job)
    assert_equal_within_statistics(settings, results, KINGSTON, SHOTS)
    assert len(account.jobs()) == before + 1


def test_pulses_of_the_compiler_arrive_where_they_were_put(account):
    config = configured(
        {"kind": "entanglement", "n": 3, "estimator": "parity"},
        compile={"seeds": 1, "decoupling": "XX"},
    )
    with sent(config, "decoupled") as (adapter, settings, job):
        results = adapter.results(job)
    assert_equal_within_statistics(settings, results, KINGSTON, SHOTS)
    target = adapter._backend.target
    for setting in settings:
        delays = [i.operation for i in setting.circuit.data if i.name == "delay"]
        wire = for_the_wire(setting.circuit, target)
        ticks = [i.operation.duration for i in wire.data if i.name == "delay"]
        assert len(ticks) == len(delays) > 0
        assert [t * target.dt * 1e9 for t in ticks] == pytest.approx([d.duration for d in delays])


def test_77_clones_on_154_qubits(account):
    experiment = {"kind": "iterated", "generations": [[1, 3, 9, 25]], "level": 3}
    config = configured(experiment, BOSTON, shots=100)
    with sent(config, "boston") as (adapter, settings, job):
        assert adapter.state(job) == "done"
        results = adapter.results(job)
    used = {q._index for i in settings[0].circuit.data for q in i.qubits if i.name == "cz"}
    assert len(used) == 154
    assert_equal_within_statistics(settings, results, BOSTON, 100)


def test_bit_order_by_an_asymmetric_circuit(account):
    # Registers in an order that is not that of their names, one bit never written.
    circuit = QuantumCircuit(
        QuantumRegister(7, "q"),
        ClassicalRegister(2, "z"),
        ClassicalRegister(1, "a"),
        ClassicalRegister(2, "m"),
    )
    circuit.x([0, 4])
    circuit.measure([0, 1, 4, 6], [0, 2, 3, 4])
    adapter = open_ibm(SMALL.name, {})
    job = adapter.submit(Job("order", "", (Request(circuit, 3000, 0),)))
    assert adapter.state(job) == "done"
    (shots,) = adapter.results(job)
    assert shots.num_bits == 5
    assert max(shots.get_counts(), key=shots.get_counts().get) == "01001"


def test_delays_arrive_as_the_ticks_nearest_to_them(account):
    config = configured(EXPERIMENTS["storage with delays and resets"])
    with sent(config, "ticks") as (_, settings, _job):
        ((wanted,),) = [
            {i.operation.duration for i in s.circuit.data if i.name == "delay"}
            for s in settings[:1]
        ]
    assert wanted == pytest.approx(3.0014e-6)
    arrived = delivered(account, "ticks")[0]
    found = {i.operation.duration for i in arrived.data if i.name == "delay"}
    assert found == {round(3.0014e-6 / KINGSTON.dt_seconds)} == {750}


def delivered(service, tag):
    """The circuits of a job as they came over the wire."""
    (job,) = [j for j in service.jobs() if tag in j.tags]
    params = json.loads(service._row(job.id)["params"], cls=RuntimeDecoder)
    program, _ = quantum_program_from_2_0(ParamsModel.model_validate(params))
    return [item.circuit for item in program.items]


ONE = {"kind": "entanglement", "n": 3, "estimator": "bsm", "decrypt": {"strategy": "unitary"}}
SUPPRESSED = {
    "XX": {"dynamical_decoupling": "XX"},
    "XpXm": {"dynamical_decoupling": "XpXm"},
    "XY4": {"dynamical_decoupling": "XY4"},
    "twirled": {"twirling": {"num_randomizations": 8}},
    "as in Fig. 4b": {"dynamical_decoupling": "XY4", "twirling": {"num_randomizations": 32}},
}


@pytest.mark.parametrize("what", SUPPRESSED)
def test_suppression_arrives_and_no_gate_between_qubits_is_lost_or_added(account, what):
    config = configured(ONE, shots=256, suppression=SUPPRESSED[what])
    tag = f"sup-{what}".replace(" ", "")
    with sent(config, tag) as (adapter, settings, job):
        (arrived,) = delivered(account, tag)
        (compiled,) = [s.circuit for s in settings]
        require_same_entanglers([compiled], [arrived])
        dropped = arrived.copy()
        del dropped.data[next(k for k, i in enumerate(dropped.data) if i.name == "cz")]
        with pytest.raises(DoesNotFit, match="two-qubit gates"):
            require_same_entanglers([compiled], [dropped])
        assert adapter.state(job) == "done"
        (shots,) = adapter.results(job)
    assert shots.num_shots == 256
    pulses = arrived.count_ops().get("x", 0) - compiled.count_ops().get("x", 0)
    assert (pulses > 10) == ("dynamical_decoupling" in SUPPRESSED[what])
    assert bool(arrived.parameters) == ("twirling" in SUPPRESSED[what])
    # It still decrypts: noise apart, suppression changes nothing.
    successes = settings[0].setting.successes(shots)
    assert successes / 256 > 0.6


def test_twirled_readouts_by_any_angle(account):
    """Twirling merges quarter turns into the turns: a GHZ state may then have a phase of ±i."""
    experiment = {"kind": "ghz", "r": 3, "estimator": "parity"}
    config = configured(experiment, suppression={"twirling": {"num_randomizations": 8}})
    with sent(config, "ghz-twirled") as (adapter, settings, job):
        assert adapter.state(job) == "done"
        for setting, shots in zip(settings, adapter.results(job), strict=True):
            assert setting.setting.successes(shots) / SHOTS > 0.6


def test_a_circuit_that_is_not_native_is_refused_before_it_is_sent(account):
    circuit = QuantumCircuit(156, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    adapter = open_ibm(KINGSTON.name, {})
    before = account.calls("submit")
    with pytest.raises(Refused, match="instruction h on qubits"):
        adapter.submit(Job("h", "", (Request(circuit, 10, 0),)))
    assert account.calls("submit") == before


def test_the_service_itself_refuses_what_is_not_native(account):
    adapter = open_ibm(KINGSTON.name, {})
    circuit = QuantumCircuit(156, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    job = Sampler(adapter._backend).run([circuit], shots=10)
    assert adapter.state(job.job_id()) == "failed"
    assert "1517" in adapter.reason(job.job_id())


def test_the_older_program_runs_too(account):
    """Whoever uses SamplerV2 against the emulator gets a PrimitiveResult by the real encoder."""
    circuit = QuantumCircuit(7, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job = SamplerV2(open_ibm(SMALL.name, {})._backend).run([circuit], shots=500)
    counts = job.result()[0].data.c.get_counts()
    assert max(counts, key=counts.get) == "01"


def test_the_published_experiment_1_is_one_job_whose_bill_was_foreseen(account):
    experiment = {"kind": "entanglement", "n": "2..4", "estimator": ["bsm", "parity"]}
    config = configured(experiment, shots=1000)
    with sent(config, "experiment-1") as (adapter, settings, job):
        foreseen = adapter.forecast([Request(s.circuit, 1000, 0) for s in settings])
        assert len(settings) == 3 * (1 + 3)
        assert adapter.state(job) == "done"
        billed = adapter.usage(job).qpu_seconds
    assert billed == pytest.approx(foreseen.qpu_seconds, rel=0.05)
    lengths = billed - 2.0
    assert 12_000 * 250e-6 < lengths < 12_000 * 300e-6
    assert np.isclose(foreseen.usage.usd, 0.0)
