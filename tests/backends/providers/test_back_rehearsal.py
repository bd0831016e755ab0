"""The simulated cloud: its contract, every fault at every call, and its memory under fire."""

import json
import multiprocessing
import os
import signal

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

from backends.adapter import (
    CircuitFailure,
    Declined,
    Doubtful,
    Job,
    Limits,
    ProviderError,
    RateLimited,
    Refused,
    Request,
    Unavailable,
    UnknownJob,
    Unreadable,
    Usage,
)
from backends.devices.catalog import load_device
from backends.providers.rehearsal.adapter import RehearsalAdapter, open_rehearsal
from backends.providers.rehearsal.cloud import Cloud
from backends.providers.rehearsal.messages import pack, unpack
from backends.providers.rehearsal.settings import (
    CALLS,
    FAULT_KINDS,
    FAULT_SCRIPT,
    CloudSettings,
    Fault,
    FaultScript,
)
from backends.simulation.stim_sampler import sample
from experiments.stabilizer.clifford import NotClifford

READING = tuple(call for call in CALLS if call != "submit")
NOT_DONE = {k for k in FAULT_KINDS if k.startswith(("ref", "rate", "unav")) or "before" in k}


class Virtual:
    """Time that passes only when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Virtual()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens the cloud of this test, and looks into it."""

    def open_it(device="ideal", **options):
        place = tmp_path / "cloud.sqlite"
        adapter = open_rehearsal(device, {"cloud": place, **options}, clock, clock.sleep)
        return adapter, Cloud(place, clock)

    return open_it


def lopsided(flipped=(0, 7), name=None):
    """Nine bits, in two bytes, that read differently from either end."""
    circuit = QuantumCircuit(9, 9, name=name)
    for qubit in flipped:
        circuit.x(qubit)
    circuit.measure(range(9), range(9))
    return circuit


def job(tag="a", circuits=1, shots=10, token=None):
    requests = tuple(Request(lopsided((k,)), shots, 7) for k in range(circuits))
    return Job(tag, token or f"token-{tag}", requests)


def coin(device):
    """A random bit on a device's first qubit."""
    circuit = QuantumCircuit(device.num_qubits, 1)
    circuit.sx(0)
    circuit.measure(0, 0)
    return circuit


def ask(adapter, call, job_id):
    return adapter.find("a") if call == "find" else getattr(adapter, call)(job_id)


def explained(error):
    assert str(error)
    assert error.remedy


def test_bits_are_in_the_order_of_qiskit(opened):
    adapter, _ = opened()
    job_id = adapter.submit(Job("a", "t", (Request(lopsided(), 5, 1), Request(lopsided(()), 3, 1))))
    first, second = adapter.results(job_id)
    assert first.get_counts() == {"010000001": 5}
    assert second.get_counts() == {"000000000": 3}
    assert first.num_bits == 9


def test_results_are_those_of_the_simulator_with_the_noise_of_the_device(opened):
    adapter, _ = opened("fake_mumbai")
    device = load_device("fake_mumbai")
    job_id = adapter.submit(Job("a", "t", (Request(coin(device), 500, 2**70),)))
    expected = sample(coin(device), device, 500, 2**70)
    for _ in range(2):
        assert np.array_equal(adapter.results(job_id)[0].array, expected.array)
    assert adapter.snapshot() == device
    assert opened()[0].snapshot() is None
    # Another device of the same cloud does not change whose noise the job has.
    assert np.array_equal(opened()[0].results(job_id)[0].array, expected.array)


def test_the_state_follows_from_time_and_only_a_queued_job_can_be_cancelled(opened, clock):
    adapter, cloud = opened(queue_seconds=60, seconds_per_circuit=5, usd_per_job=1)
    kept, dropped = adapter.submit(job("a", circuits=2)), adapter.submit(job("b"))
    assert adapter.state(kept) == "queued"
    with pytest.raises(ProviderError, match="it has no results") as caught:
        adapter.results(kept)
    explained(caught.value)
    clock.sleep(59)
    adapter.cancel(dropped)
    adapter.cancel(dropped)
    assert adapter.usage(kept) == Usage()
    clock.sleep(1)
    assert adapter.state(kept) == "running"
    with pytest.raises(ProviderError, match="too late to cancel") as caught:
        adapter.cancel(kept)
    assert caught.value.code == "409"
    clock.sleep(10)
    assert [adapter.state(j) for j in (kept, dropped)] == ["done", "cancelled"]
    assert len(adapter.results(kept)) == 2
    with pytest.raises(ProviderError, match="is cancelled"):
        adapter.results(dropped)
    assert cloud.bill() == Usage(0, 1)


def test_a_listing_lags_and_is_in_the_order_of_making(opened, clock):
    adapter, cloud = opened(listing_lag_seconds=30)
    first = adapter.submit(job())
    clock.sleep(20)
    second, _ = adapter.submit(job()), adapter.submit(job("b"))
    assert adapter.find("a") == []
    assert len(cloud.jobs()) == 3
    clock.sleep(10)
    assert adapter.find("a") == [first]
    clock.sleep(20)
    assert adapter.find("a") == [first, second]


@pytest.mark.parametrize(("honoured", "jobs"), [(False, 2), (True, 1)])
def test_tokens(opened, honoured, jobs):
    adapter, cloud = opened(honours_tokens=honoured)
    assert len({adapter.submit(job()), adapter.submit(job())}) == jobs
    adapter.submit(job("b"))
    assert len(cloud.jobs()) == jobs + 1


def test_limits_come_from_the_settings_and_are_enforced(opened):
    adapter, cloud = opened(
        circuits_per_job=2, shots_per_job=30, listing_lag_seconds=4, poll_seconds=2
    )
    assert adapter.limits() == Limits(2, 30, 30, 4, 2)
    for too_much in (job(circuits=3, shots=1), job(shots=31), Job("a", "t", ()), job(shots=0)):
        with pytest.raises(Refused, match="a job holds 1 to 2 circuits") as caught:
            adapter.submit(too_much)
        assert caught.value.code == "400"
        explained(caught.value)
    adapter.submit(job(circuits=2, shots=15))
    assert len(cloud.jobs()) == 1


def test_a_circuit_fails_as_often_as_the_settings_say_and_the_others_do_not(opened):
    prices = {"usd_per_job": 1, "usd_per_shot": 0.5, "qpu_seconds_per_shot": 0.25}
    failing = {"1": {"message": "laser off", "safe_to_retry": True, "code": "7", "times": 2}}
    adapter, cloud = opened(fail_circuits=failing, **prices)
    # Whatever the program calls it, it is the same circuit.
    again = [Job("b", "t", (Request(lopsided((1,), name), 10, 7),)) for name in ("x", "y")]
    ids = [adapter.submit(one) for one in (job(circuits=3), *again)]
    good, bad, other = adapter.results(ids[0])
    assert bad == CircuitFailure("laser off", "7", safe_to_retry=True)
    assert [good.get_int_counts(), other.get_int_counts()] == [{1: 10}, {4: 10}]
    assert adapter.results(ids[1]) == [bad]
    assert adapter.results(ids[2])[0].get_int_counts() == {2: 10}
    assert [adapter.usage(i) for i in ids] == [Usage(5, 11), Usage(0, 1), Usage(2.5, 6)]
    assert cloud.bill() == Usage(7.5, 18)
    assert adapter.forecast(job(circuits=3).requests).usage == Usage(7.5, 16)


def test_a_failure_that_is_not_safe_to_retry_is_billed(opened):
    adapter, cloud = opened(usd_per_shot=1, fail_circuits={0: {"message": "lost"}})
    adapter.submit(job())
    assert cloud.bill() == Usage(0, 10)


@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("honoured", [False, True])
def test_every_fault_of_a_submission(opened, kind, honoured):
    fault = {"call": "submit", "kind": kind}
    adapter, cloud = opened(honours_tokens=honoured, faults=[fault])
    if kind in ("accepted_502_twice", "clock_skew"):
        assert adapter.submit(job()) == cloud.jobs()[-1].id
    else:
        declined = kind == "refused" or kind.startswith("rate")
        with pytest.raises(Declined if declined else Doubtful) as caught:
            adapter.submit(job())
        explained(caught.value)
        if declined:
            assert caught.value.again == kind.startswith("rate")
            wait = 7 if kind.endswith("retry_after") else None
            assert caught.value.retry_after_seconds == wait
    made = 0 if kind in NOT_DONE else 3 if kind == "accepted_502_twice" and not honoured else 1
    assert adapter.find("a") == [j.id for j in cloud.jobs()]
    assert len(cloud.jobs()) == made
    adapter.submit(job("b"))


@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("call", READING)
def test_every_fault_of_a_question(opened, clock, kind, call):
    queue_seconds = 60 if call == "cancel" else 0
    fault = {"call": call, "kind": kind, "first": 2, "times": 2, "after_seconds": 3}
    adapter, cloud = opened(queue_seconds=queue_seconds, faults=[fault])
    job_id, other = adapter.submit(job()), adapter.submit(job("b"))
    ask(adapter, call, other)
    for _ in range(2):
        if kind == "clock_skew":
            ask(adapter, call, job_id)
            continue
        with pytest.raises(ProviderError) as caught:
            ask(adapter, call, job_id)
        rated = RateLimited if kind.startswith("rate") else Unavailable
        if call == "results" and kind in ("truncated", "malformed", "wrong_schema"):
            rated = Unreadable
        assert type(caught.value) is (ProviderError if kind == "refused" else rated)
        explained(caught.value)
    assert clock.now == 1006
    assert len(cloud.jobs()) == 2
    if call == "cancel":
        assert (cloud.job(job_id).state == "cancelled") == (kind not in NOT_DONE)
    ask(adapter, call, job_id)


def test_server_times_are_off_under_clock_skew_and_the_order_is_not(opened):
    adapter, _ = opened(faults=[{"call": "submit", "kind": "clock_skew"}])
    ids = [adapter.submit(job()) for _ in range(3)]
    assert adapter.find("a") == ids


@pytest.mark.parametrize("call", ["state", "results", "usage", "cancel"])
def test_a_job_that_is_not_there(opened, call):
    adapter, _ = opened()
    for unknown in ("rh-000001", "rh-1", "", "x"):
        with pytest.raises(UnknownJob, match=f"no job '{unknown}'") as caught:
            ask(adapter, call, unknown)
        explained(caught.value)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("state", {"id": "rh-2", "tag": "a", "status": "done"}),
        ("state", {"id": "rh-1", "tag": "a", "status": "flying"}),
        ("state", {"id": 1, "tag": "a", "status": "done"}),
        ("usage", {"id": "rh-1", "qpu_seconds": -1.0, "usd": 0.0}),
        ("usage", {"id": "rh-1", "qpu_seconds": None, "usd": 0.0}),
        ("find", {"jobs": [{"id": "rh-1", "tag": "b", "status": "done"}]}),
        ("find", {"jobs": [{"id": "", "tag": "a", "status": "done"}]}),
        ("results", {"id": "rh-1", "circuits": [{"bits": 9, "shots": 2, "data": "AAAA"}]}),
        ("results", {"id": "rh-1", "circuits": [{"bits": 9, "shots": 2, "data": "%"}]}),
        ("results", {"id": "rh-1", "circuits": [{}]}),
        ("submit", {"id": "rh-1", "tag": "b", "status": "queued"}),
        ("submit", {"id": "", "tag": "a", "status": "queued"}),
    ],
)
def test_an_answer_that_cannot_be_right_is_not_believed(tmp_path, clock, call, answer):
    class Liar:
        def call(self, name, payload):
            return json.dumps(answer).encode()

    adapter = RehearsalAdapter(None, Cloud(tmp_path / "cloud.sqlite", clock), Liar())
    kinds = {"submit": Doubtful, "results": (Unavailable, Unreadable)}
    with pytest.raises(kinds.get(call, Unavailable)) as caught:
        adapter.submit(job()) if call == "submit" else ask(adapter, call, "rh-1")
    explained(caught.value)


def test_what_cannot_be_simulated_is_not_sent(opened):
    adapter, cloud = opened()
    magic, blind, silent, late = (lopsided() for _ in range(4))
    magic.t(0)
    blind.add_bits(QuantumCircuit(0, 1).clbits)
    late.delay(10, 0, unit="dt")
    silent = QuantumCircuit(1)
    for circuit in (magic, blind, silent, late):
        with pytest.raises(Refused, match="was not sent") as caught:
            adapter.submit(Job("a", "t", (Request(circuit, 1, 1),)))
        explained(caught.value)
    assert cloud.jobs() == []


def test_delays_survive_the_wire():
    circuit = QuantumCircuit(1, 1)
    for length, unit in ((1.5e-7, "s"), (70, "ns"), (2.5, "us")):
        circuit.delay(length, 0, unit=unit)
    circuit.measure(0, 0)
    delays = [i.operation for i in unpack(pack(circuit)) if i.operation.name == "delay"]
    assert [d.unit for d in delays] == ["s"] * 3
    assert [d.duration for d in delays] == pytest.approx([1.5e-7, 7e-8, 2.5e-6], rel=1e-9)
    circuit.delay(10, 0, unit="dt")
    with pytest.raises(NotClifford, match="no fixed length"):
        pack(circuit)


def test_a_cloud_keeps_its_settings(opened, tmp_path, clock):
    adapter, cloud = opened(usd_per_job=2, fail_circuits={3: {"message": "x"}})
    assert not (tmp_path / "cloud.sqlite").exists(), "to look at its terms makes no cloud"
    assert adapter.find("a") == []
    _, cloud = opened()
    assert opened()[1].settings == cloud.settings
    assert cloud.settings.usd_per_job == 2
    with pytest.raises(ProviderError, match=r"made with: usd_per_job 2\.0, not 3\.0") as caught:
        opened(usd_per_job=3, fail_circuits={3: {"message": "x"}})
    explained(caught.value)
    assert Cloud(tmp_path / "new.sqlite", clock).settings == CloudSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": 1},
        {"usd_per_shot": -1},
        {"fail_circuits": {0: {"massage": "x"}}},
        {"faults": [{"call": "submit", "kind": "flood"}]},
        {"faults": [{"call": "submit", "kind": "dropped", "often": 2}]},
    ],
)
def test_wrong_options_are_named_and_make_no_cloud(opened, tmp_path, wrong):
    with pytest.raises(ProviderError, match="an option of the rehearsal cloud is wrong") as caught:
        opened(**wrong)
    explained(caught.value)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_cloud(tmp_path, clock):
    (tmp_path / "text").write_text("not a database at all, but a long enough text\n" * 100)
    for path in (tmp_path / "text", tmp_path / "text" / "cloud.sqlite"):
        with pytest.raises(ProviderError, match="cannot be used") as caught:
            Cloud(path, clock)
        explained(caught.value)


def test_a_script_survives_json():
    script = FaultScript((Fault("find", "dropped", 2, 3), Fault("submit", "refused", status=400)))
    assert FAULT_SCRIPT.validate_json(FAULT_SCRIPT.dump_json(script)) == script
    assert [script.fault("find", n) is None for n in range(1, 6)] == [True, *[False] * 3, True]


def in_a_process(task, *arguments):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=task, args=(theirs, *arguments))
    process.start()
    theirs.close()
    return process, ours


def fetch(pipe, place, job_id):
    adapter = open_rehearsal("ideal", {"cloud": place})
    pipe.send((adapter.state(job_id), adapter.find("a"), adapter.results(job_id)[0].array))


def submit_many(pipe, place, faults, times):
    adapter = open_rehearsal("ideal", {"cloud": place, "faults": faults})
    refused = 0
    for _ in range(times):
        try:
            pipe.send(adapter.submit(job()))
        except Declined:
            refused += 1
    pipe.send(refused)


def test_another_process_finds_the_same_job_and_the_same_shots(tmp_path):
    adapter = open_rehearsal("ideal", {"cloud": tmp_path / "c"})
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    job_id = adapter.submit(Job("a", "t", (Request(circuit, 200, 3),)))
    process, pipe = in_a_process(fetch, tmp_path / "c", job_id)
    state, found, array = pipe.recv()
    process.join()
    assert (state, found) == ("done", [job_id])
    assert np.array_equal(array, adapter.results(job_id)[0].array)


def test_processes_share_a_cloud_that_none_has_made_and_one_script(tmp_path):
    place, faults = tmp_path / "c", [{"call": "submit", "kind": "refused", "first": 5, "times": 3}]
    started = [in_a_process(submit_many, place, faults, 10) for _ in range(3)]
    ids, refused = [], 0
    for process, pipe in started:
        while isinstance(answer := pipe.recv(), str):
            ids.append(answer)
        refused += answer
        process.join()
    assert refused == 3
    assert sorted(ids) == [f"rh-{n:06d}" for n in range(1, 28)]
    assert [j.id for j in Cloud(place, lambda: 0.0).jobs()] == sorted(ids)


def test_a_killed_process_leaves_a_cloud_that_knows_every_job_it_answered_for(tmp_path):
    killed, known = 3, []
    for _ in range(killed):
        process, pipe = in_a_process(submit_many, tmp_path / "c", [], 10_000)
        known += [pipe.recv() for _ in range(5)]
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while pipe.poll():
            try:
                known.append(pipe.recv())
            except EOFError:
                break
    adapter = open_rehearsal("ideal", {"cloud": tmp_path / "c"})
    kept = adapter.find("a")
    assert set(known) <= set(kept)
    assert len(kept) <= len(known) + killed
    assert adapter.submit(job()) == f"rh-{len(kept) + 1:06d}"
    assert all(adapter.state(job_id) == "done" for job_id in kept)
