"""The adapter contract through the real client: bit order, results, tags, tokens, prices."""

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import braket_devices as devices
import pytest
from aws_circuits import asymmetric, job, opened
from aws_harness import BUCKET
from braket_documents import price_list
from braket_service import Service
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure, Job, ProviderError, Refused, Request, UnknownJob
from backends.providers.braket import results
from backends.providers.braket.adapter import open_braket
from backends.providers.braket.executed_program import count_two_qubit_gates
from backends.providers.braket.prices import Prices, fetch_prices, read_prices
from backends.providers.braket.results import outcomes_of

pytestmark = pytest.mark.usefixtures("bucket")

VENDORS = [devices.GARNET, devices.ANKAA, devices.FORTE, devices.ARIA, devices.IBEX]


# Bit order
@pytest.mark.parametrize("arn", VENDORS)
def test_an_asymmetric_circuit_comes_back_in_qiskits_order(quick, arn):
    device = opened(arn)
    (shots,) = device.results(device.submit(job(asymmetric(arn), shots=400)))
    assert isinstance(shots, BitArray)
    assert (shots.num_bits, shots.num_shots) == (6, 400)
    # Bits 4 and 3 are 1, bits 1 and 0 are 0, bits 5 and 2 nobody writes.
    assert max(shots.get_counts().items(), key=lambda one: one[1])[0] == "011000"
    ones = shots.to_bool_array(order="little").mean(axis=0)
    assert ones[[4, 3]].min() > 0.9
    assert ones[[0, 1]].max() < 0.1
    assert ones[[5, 2]].max() == 0


def test_frequencies_become_shots_without_loss():
    shots = 1000
    counts = {"00": 333, "01": 333, "10": 333, "11": 1}
    outcomes = outcomes_of({k: n / shots for k, n in counts.items()}, shots)
    found = {k: int((outcomes == [c == "1" for c in k]).all(axis=1).sum()) for k in counts}
    assert found == counts
    with pytest.raises(ValueError, match="add up to"):
        outcomes_of({"0": 0.5}, 10)
    # What rounding leaves over goes to the largest remainders.
    assert len(outcomes_of({"0": 1 / 3, "1": 2 / 3}, 100)) == 100


# Program sets
def three(arn=devices.GARNET):
    return [asymmetric(arn)] * 3


@pytest.mark.parametrize("splits", [False, True])
def test_a_program_set_pays_one_fee_and_keeps_its_order(quick, splits):
    quick.restart(Service(splits=splits))
    device = opened(devices.GARNET)
    assert device.limits().circuits_per_job == 4
    flipped = QuantumCircuit(40, 1)
    flipped.measure(5, 0)
    arn = device.submit(job(asymmetric(devices.GARNET), flipped, shots=50))
    first, second = device.results(arn)
    assert (first.num_bits, second.num_bits) == (6, 1)
    assert (first.num_shots, second.num_shots) == (50, 50)
    (task,) = quick.service.made()
    assert task.request["shots"] == 100
    assert device.usage(arn).usd == pytest.approx(0.3 + 100 * 0.00145)
    assert device.forecast([Request(flipped, 50, 0)] * 2).usage.usd == device.usage(arn).usd


def test_a_failed_executable_hides_no_other_and_says_whether_it_may_be_sent_again(quick):
    quick.restart(Service(fail_executables={0: ("no calibration", True), 2: ("bad", False)}))
    device = opened(devices.GARNET)
    first, second, third = device.results(device.submit(job(*three())))
    assert first == CircuitFailure("no calibration", "DEVICE", safe_to_retry=True)
    assert isinstance(second, BitArray)
    assert third == CircuitFailure("bad", "DEVICE", safe_to_retry=False)


def test_circuits_with_different_shots_are_no_program_set(quick):
    one = Request(asymmetric(devices.GARNET), 10, 0)
    two = Request(asymmetric(devices.GARNET), 20, 0)
    with pytest.raises(Refused, match="10, 20 shots a circuit"):
        opened(devices.GARNET).submit(Job("t", "t", (one, two)))
    assert quick.service.calls["CreateQuantumTask"] == 0


# What ran
def test_a_program_that_was_compiled_again_gives_no_counts(quick):
    device = opened(devices.RECOMPILING)
    circuit = QuantumCircuit(21, 2)
    for _ in range(4):
        circuit.cz(2, 1)
        circuit.sx(1)
    circuit.measure([1, 2], [0, 1])
    (result,) = device.results(device.submit(job(circuit)))
    assert result.code == "RECOMPILED"
    assert "ran 2 two-qubit gates where 4 were sent" in result.message


@pytest.mark.parametrize("arn", [devices.GARNET, devices.ANKAA, devices.IBEX])
def test_a_revealed_program_is_counted_in_every_vendors_form(quick, arn):
    seen = []
    device = opened(arn)
    a, b = {devices.GARNET: (1, 2), devices.ANKAA: (0, 1), devices.IBEX: (3, 8)}[arn]
    circuit = QuantumCircuit(30, 2)
    extra = [math.pi / 2] if device.snapshot().entangler == "rxx" else []
    for _ in range(3):
        getattr(circuit, device.snapshot().entangler)(*extra, a, b)
    circuit.measure([a, b], [0, 1])
    with pytest.MonkeyPatch.context() as patch:
        count = results.ran_two_qubit_gates
        patch.setattr(results, "ran_two_qubit_gates", lambda m: seen.append(count(m)) or seen[-1])
        (result,) = device.results(device.submit(job(circuit)))
    assert isinstance(result, BitArray)
    assert seen == [3]


QUIL = """DECLARE ro BIT[2]
PRAGMA PRESERVE_BLOCK
RX(pi/2) 3
ISWAP 3 4
XY(pi) 3 4
MEASURE 3 ro[0]
"""
OPENQASM = """OPENQASM 3.0;
bit[2] b;
#pragma braket verbatim
box{
prx(1.0, 0.5) $3;
cz $3, $4;
}
b[0] = measure $3;
"""


def iqm(*instructions):
    return json.dumps({"name": "x", "instructions": instructions})


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        (QUIL, 2),
        # A calibration, or anything else that is not known, is not counted at all.
        (QUIL + "DEFCAL CZ 3 4:\n    NOP\n", None),
        (OPENQASM, 1),
        (OPENQASM + "mystery $1, $2, $3;\n", None),
        (iqm({"name": "cz", "locus": ["QB1", "QB2"]}, {"name": "prx", "locus": ["QB1"]}), 1),
        (f"[{iqm({'name': 'cz', 'qubits': ['QB1', 'QB2']})}]", 1),
        (iqm({"name": "measure", "qubits": ["QB1", "QB2"]}), 0),
        (iqm({"name": "cz"}), None),
        ('{"something": "else"}', None),
        ("a program in no language that is known", None),
        ("  ", None),
    ],
)
def test_a_revealed_program_is_read_to_the_last_line_or_not_at_all(text, gates):
    assert count_two_qubit_gates(text) == gates


# Tasks
def test_tags_find_tasks_over_several_pages_oldest_first(quick):
    device = opened(devices.ANKAA)
    sent = [device.submit(job(asymmetric(devices.ANKAA), tag=f"{k}-0")) for k in range(7)]
    quick.service.tasks[sent[1]].request["tags"]["enclone"] = "5-0"
    assert device.find("5-0") == [sent[1], sent[5]]
    pages = quick.service.calls["SearchQuantumTasks"]
    assert pages == 3
    # One listing serves every tag for a moment, but not after something was sent.
    assert device.find("8-0") == []
    assert quick.service.calls["SearchQuantumTasks"] == pages
    new = device.submit(job(asymmetric(devices.ANKAA), tag="8-0"))
    assert device.find("8-0") == [new]


def test_one_token_makes_one_task(quick):
    device = opened(devices.ANKAA)
    once = job(asymmetric(devices.ANKAA))
    assert device.submit(once) == device.submit(once)
    assert len(quick.service.made()) == 1


def test_states_are_told_in_the_contracts_words(quick):
    quick.restart(Service(queue_seconds=1000))
    device = opened(devices.ANKAA)
    arn = device.submit(job(asymmetric(devices.ANKAA)))
    assert device.state(arn) == "queued"
    device.cancel(arn)
    assert device.state(arn) == "cancelled"
    quick.service.tasks[arn].status = "COMPLETED"
    with pytest.raises(ProviderError, match=r"cancelling task .*ConflictException"):
        device.cancel(arn)
    for ask in (device.state, device.results, device.usage, device.cancel):
        with pytest.raises(UnknownJob, match="ResourceNotFoundException"):
            ask("arn:aws:braket:us-west-1:123456789012:quantum-task/gone")


def test_a_result_that_is_not_there_yet_is_asked_for_again(quick):
    device = opened(devices.ANKAA)
    arn = device.submit(job(asymmetric(devices.ANKAA)))
    assert device.state(arn) == "done"
    task = quick.service.tasks[arn]
    key = f"{task.folder}/results.json"
    whole = quick.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    for damaged in (whole[:100], b"{}", b'{"additionalMetadata": {}}', b"[]"):
        quick.s3.put_object(Bucket=BUCKET, Key=key, Body=damaged)
        with pytest.raises(ProviderError, match=r"fetching the results .* got no usable answer"):
            device.results(arn)
    quick.s3.put_object(Bucket=BUCKET, Key=key, Body=whole)
    assert isinstance(device.results(arn)[0], BitArray)


def test_the_default_bucket_is_made_when_it_is_needed(quick):
    device = open_braket(devices.ANKAA, {"outside_window": "queue"})
    device.submit(job(asymmetric(devices.ANKAA)))
    (task,) = quick.service.made()
    assert task.request["outputS3Bucket"] == "amazon-braket-us-west-1-123456789012"


def test_brakets_own_simulator_takes_logical_circuits_and_is_billed_by_the_minute(quick):
    device = opened(devices.SV1, region="us-east-1")
    assert device.snapshot() is None
    circuit = QuantumCircuit(4, 3)
    circuit.h(2)
    circuit.cx(2, 0)
    circuit.rz(math.pi / 2, 0)
    circuit.x(3)
    circuit.measure([3, 2, 0], [1, 0, 2])
    (shots,) = device.results(device.submit(job(circuit, shots=200)))
    assert set(shots.get_counts()) == {"010", "111"}
    assert device.forecast([Request(circuit, 200, 0)]).usage.usd == pytest.approx(0.075 * 3 / 60)
    assert "billed by the minute" in " ".join(device.terms().assumptions)


# Money
def test_prices_are_read_from_the_list_with_their_date():
    assert read_prices(price_list(), devices.GARNET) == Prices(0.3, 0.00145, "2026-11-02T18:00:00Z")
    # The list writes IBEX-Q1 where the ARN says Ibex-Q1.
    assert read_prices(price_list(), devices.IBEX).shot_usd == 0.02
    doubled = price_list() + price_list().splitlines()[6] + "\n"
    with pytest.raises(ProviderError, match="holds 2 prices for 'Quantum Task' in USD"):
        read_prices(doubled, devices.GARNET)
    with pytest.raises(ProviderError, match="holds 0 prices"):
        read_prices("", devices.GARNET)


def test_nothing_is_sent_at_an_unknown_price_unless_that_is_wanted(quick, monkeypatch):
    monkeypatch.setenv("BRAKET_PRICE_OFFERS_URL", f"{quick.url}/prices.csv?no")
    monkeypatch.setattr("backends.providers.braket.prices.read_prices", _no_prices)
    device = opened(devices.ANKAA)
    with pytest.raises(Refused, match="nobody knows what") as refused:
        device.submit(job(asymmetric(devices.ANKAA)))
    assert "without_prices: true" in refused.value.remedy
    assert quick.service.made() == []
    assert any("money: unknown" in line for line in device.terms().assumptions)
    assert opened(devices.ANKAA, without_prices=True).submit(job(asymmetric(devices.ANKAA)))


def _no_prices(text, arn):
    raise ProviderError("nobody knows what it costs", remedy="set without_prices: true")


def test_terms_say_prices_queue_and_what_predictions_assume(quick):
    told = " ".join(opened(devices.GARNET).terms().assumptions)
    assert "0.3 USD a task and 0.00145 USD a shot, by the price list of 2026-11-02" in told
    assert "13 in queue Normal" in told
    assert "two-qubit gates as 80 ns" in told
    assert "80 ns" not in " ".join(opened(devices.FORTE).terms().assumptions)


# Answers are checked when they are taken in
@pytest.mark.parametrize(
    "frequencies",
    [{"0": 0.5003, "1": 0.5002}, {"0": 0.4998, "1": 0.4999}, {"0": 1.0004}],
    ids=["too much", "too little", "one"],
)
def test_rounded_frequencies_give_exactly_the_shots(frequencies):
    """qiskit-ionq#19: .5003 and .5002 of 10,000 gave 10,005 rows."""
    assert len(outcomes_of(frequencies, 10_000)) == 10_000


@pytest.mark.parametrize(
    "frequencies", [{"0": math.nan, "1": 0.5}, {"0": 1.5, "1": -0.5}, {"2": 1.0}, {"0": "1"}, {}]
)
def test_frequencies_that_are_none_are_no_outcomes(frequencies):
    with pytest.raises((TypeError, ValueError)):
        outcomes_of(frequencies, 10)


@pytest.mark.parametrize("wait", ["Fri, 01 Jan 2100 00:00:00 GMT", "99999999"])
def test_a_price_list_that_names_a_day_far_away_is_not_waited_for(monkeypatch, wait):
    """A Retry-After on the price list held the command for good."""

    class Later(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.send_header("Retry-After", wait)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Later) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/prices.csv"
        monkeypatch.setenv("BRAKET_PRICE_OFFERS_URL", url)
        started = time.monotonic()
        with pytest.raises(ProviderError, match="nobody knows what device"):
            fetch_prices(devices.ANKAA)
        assert time.monotonic() - started < 20
        server.shutdown()
