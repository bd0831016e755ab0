"""What Amazon Braket refuses, and what is said of credentials, windows and options."""

import json
from datetime import UTC, datetime

import braket_devices as devices
import numpy as np
import pytest
from aws_circuits import asymmetric, job, opened, refused
from aws_harness import BUCKET
from braket_emulator import EXPIRED_KEY, GOOD_KEY, SECRET
from braket_service import Service
from qiskit.circuit import QuantumCircuit

from backends.adapter import Declined, ProviderError
from backends.errors import UnknownDevice, UnusableDevice
from backends.providers.braket.adapter import open_braket
from backends.providers.braket.calls import without_secrets
from backends.providers.braket.session import Place, device_arn
from backends.providers.braket.windows import is_open, next_opening

pytestmark = pytest.mark.usefixtures("bucket")


def test_shots_out_of_range(quick):
    told = refused(quick, opened(devices.ANKAA), shots=5)
    assert "5 shots a circuit, but device 'rigetti/Ankaa-3' takes 10 to 50000" in told
    assert opened(devices.ANKAA).limits().shots_per_circuit == 50_000


@pytest.mark.parametrize("status", ["OFFLINE", "PAUSED"])
def test_a_device_that_is_away(quick, status):
    quick.restart(Service(statuses={devices.ANKAA: status}))
    told = refused(quick, opened(devices.ANKAA))
    assert f"is {status.lower()}; go on with 'enclone resume' when it is back" in told


def test_a_device_that_goes_away_is_noticed(quick):
    now = [1_800_000_000.0]
    device = open_braket(devices.ANKAA, {"s3": BUCKET}, None, lambda: now[0])
    quick.restart(Service(statuses={devices.ANKAA: "OFFLINE"}))
    now[0] += 61
    assert "is offline" in refused(quick, device)


def test_a_retired_device_is_refused_before_anything_is_planned(quick):
    with pytest.raises(UnusableDevice, match="'rigetti/Ankaa-2' is retired"):
        opened(devices.RETIRED)


def test_a_machine_without_gates_is_told_from_a_simulator(quick, monkeypatch):
    document = devices.document(devices.GARNET)
    del document["paradigm"]["nativeGateSet"]
    monkeypatch.setattr("braket_service.capabilities", lambda arn: json.dumps(document))
    with pytest.raises(UnusableDevice, match="'iqm/Garnet' runs no gates, so no circuits"):
        opened(devices.GARNET)


def test_conditional_gates_where_there_are_none(quick):
    with pytest.raises(ProviderError, match="device 'ionq/Forte-1' has none") as error:
        opened(devices.FORTE, conditional_gates=True)
    assert "strategy 'frame' needs none" in error.value.remedy


def test_outside_the_execution_windows(quick):
    saturday = datetime(2026, 11, 28, 12, 5, tzinfo=UTC).timestamp()
    device = open_braket(devices.IBEX, {"s3": BUCKET}, None, lambda: saturday)
    told = refused(quick, device, asymmetric(devices.IBEX))
    assert "it is 12:05 UTC, outside the execution windows of device 'aqt/Ibex-Q1'" in told
    assert "the next opens at 2026-11-30 08:00 UTC" in told
    assert "outside_window: queue" in told
    queued = open_braket(
        devices.IBEX, {"s3": BUCKET, "outside_window": "queue"}, None, lambda: saturday
    )
    assert queued.submit(job(asymmetric(devices.IBEX)))


def window(day, start, end):
    return {"executionDay": day, "windowStartHour": start, "windowEndHour": end}


@pytest.mark.parametrize(
    ("windows", "open_now", "opening"),
    [
        ([], True, None),
        ([window("Everyday", "00:00:00", "23:59:59")], True, "2026-11-26 00:00"),
        ([window("Wednesday", "13:00:00", "14:00:00")], False, "2026-11-25 13:00"),
        ([window("Weekend", "00:00", "10:00")], False, "2026-11-28 00:00"),
        # From Tuesday 20:00 to Wednesday 13:00.
        ([window("Tuesday", "20:00:00", "13:00:00")], True, "2026-12-01 20:00"),
        (
            [window("Monday", "01:00", "02:00"), window("Friday", "01:00", "02:00")],
            False,
            "2026-11-27 01:00",
        ),
    ],
)
def test_execution_windows(windows, open_now, opening):
    now = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)  # a Wednesday
    assert is_open(windows, now) == open_now
    found = next_opening(windows, now)
    assert (f"{found:%Y-%m-%d %H:%M}" if found else None) == opening


def test_devices_are_found_by_any_name(emulator):
    for name in ("garnet", "IQM/Garnet", "iqm/garnet", devices.GARNET):
        assert device_arn(name) == devices.GARNET
    with pytest.raises(
        UnknownDevice, match=r"no device .* matches 'granite'; choose one of: .*iqm/Garnet"
    ):
        device_arn("granite")


def test_a_region_that_is_not_the_devices(emulator):
    with pytest.raises(ProviderError, match=r"in region eu-north-1, but .* is us-east-1"):
        open_braket("garnet", {"region": "us-east-1"})
    assert not emulator.service.calls


@pytest.mark.parametrize("s3", ["results", "s3://my-bucket/x"])
def test_a_bucket_where_braket_would_not_write(emulator, s3):
    with pytest.raises(ProviderError, match="begins with 'amazon-braket-'"):
        open_braket("garnet", {"s3": s3})
    assert not emulator.service.calls
    assert Place.of("s3://amazon-braket-x/a/b/") == Place("amazon-braket-x", "a/b")


def told_by(name, **options):
    with pytest.raises(ProviderError) as error:
        open_braket(name, options)
    line = f"{error.value}; {error.value.remedy}"
    assert "\n" not in line
    assert SECRET not in line
    return line


def test_no_credentials(emulator, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    line = told_by("garnet")
    assert "Unable to locate credentials; set up credentials where AWS looks for them" in line
    assert not emulator.service.calls


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (EXPIRED_KEY, "the AWS session has expired; set up credentials"),
        ("AKIAEXAMPLEUNKNOWN00", "AWS does not know these credentials; set up credentials"),
    ],
)
def test_credentials_that_are_no_good(emulator, monkeypatch, key, words):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    line = told_by("garnet")
    assert words in line
    assert key not in line


def test_no_network(emulator, monkeypatch):
    monkeypatch.setattr("backends.providers.braket.session._ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BRAKET", "http://127.0.0.1:9")
    line = told_by("garnet")
    assert "Could not connect to the endpoint URL" in line
    assert line.endswith("ask again: asking twice does no harm")


def test_a_profile_that_is_not_there(emulator):
    line = told_by("garnet", profile="nobody")
    assert "The config profile (nobody) could not be found; name a profile" in line


def test_an_option_that_is_wrong(emulator):
    line = told_by("garnet", outside_window="wait")
    assert "'backend.braket.outside_window' is wrong" in line


def test_keys_and_tokens_are_taken_out_of_messages():
    token = "FwoGZXIvYXdzEBYaDH" + "x" * 40
    text = without_secrets(f"key {GOOD_KEY} secret {SECRET} token {token}\nwas refused")
    assert text == "key … secret … token … was refused"
    arn = "arn:aws:braket:us-east-1:123456789012:quantum-task/0a1b2c3d-0a1b-4c3d-8e9f-001122334455"
    assert without_secrets(arn) == arn


# Conditional gates
def teleported():
    """A qubit flipped by hand where another was measured as 1."""
    circuit = QuantumCircuit(4, 2)
    circuit.x(1)
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(2)
    circuit.measure(2, 1)
    return circuit


def test_conditional_gates_run_as_an_experiment(quick):
    device = opened(devices.GARNET, conditional_gates=True)
    assert device.snapshot().dynamic_circuits
    (shots,) = device.results(device.submit(job(teleported(), shots=500)))
    (task,) = quick.service.made()
    assert task.request["experimentalCapabilities"] == {"enabled": "ALL"}
    assert shots.get_counts()["11"] > 400


def test_the_services_own_rules_are_told_and_cost_nothing(quick):
    quick.restart(Service(one_source=True))
    circuit = QuantumCircuit(5, 3)
    circuit.x([1, 3])
    circuit.measure([1, 3], [0, 1])
    for bit in circuit.clbits[:2]:
        with circuit.if_test((bit, 1)):
            circuit.x(2)
    circuit.measure(2, 2)
    device = opened(devices.GARNET, conditional_gates=True)
    with pytest.raises(Declined, match="may listen to one feedback key only") as error:
        device.submit(job(circuit))
    assert "strategy 'frame'" in error.value.remedy
    assert quick.service.made() == []


def test_capabilities_are_json_all_the_way(quick):
    assert json.loads(opened(devices.GARNET).snapshot().to_json())["name"] == "iqm/Garnet"
    assert np.isfinite(opened(devices.FORTE).snapshot().qubits[0].t1_seconds)
