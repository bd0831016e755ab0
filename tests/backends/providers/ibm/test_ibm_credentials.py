"""An account that is wrong, a device that is away: one line that says so, and never the key."""

import json
import re
import socket
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from ibm_scene import FEZ, SMALL

from backends.providers.ibm import diagnosis
from runner.cli.commands import main
from tests.emulators.ibm.faults import Fault
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import INSTANCE, Settings

KEY = "s3cret-apikey-0123456789abcdefABCDEF"
OTHER = "crn:v1:bluemix:public:quantum-computing:us-east:a/fedcba:2222::"
CONFIG = """
name: c
experiment: {kind: entanglement, n: 2, estimator: bsm}
backend: {provider: ibm, device: DEVICE, ibm: {poll_seconds: 0, listing_lag_seconds: 0}}
compile: {seeds: 1}
shots: 32
"""


class Bench:
    """A user in an empty folder with an account at the emulated service."""

    def __init__(self, place, environment, devices, settings):
        self.place = place
        self.environment = environment
        self.service = Service(place / "service.sqlite", devices, settings)
        self.emulator = Emulator(self.service)
        self.said = []

    def __call__(self, *arguments):
        result = CliRunner().invoke(main, arguments)
        self.said += [result.output, *traceback.format_exception(*result.exc_info)]
        return result

    def configure(self, device=SMALL.name):
        (self.place / "c.yaml").write_text(CONFIG.replace("DEVICE", device))

    def account(self, key=KEY, instance=INSTANCE):
        for name, value in self.emulator.environment(key, instance).items():
            self.environment.setenv(name, value)

    def assert_no_secret(self):
        for text in self.said:
            assert KEY not in text
        for file in self.place.rglob("*"):
            if file.is_file() and file.name != "service.sqlite":
                assert KEY.encode() not in file.read_bytes(), file


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("ENCLONE_RUNS", "ENCLONE_STORE"):
        monkeypatch.delenv(name, raising=False)
    made = []

    def make(devices=(SMALL, FEZ), instance=INSTANCE, key=KEY, **settings):
        settings = {"api_keys": {KEY: ""}, **settings}
        made.append(Bench(tmp_path, monkeypatch, devices, Settings(**settings)))
        made[-1].account(key, instance)
        made[-1].configure()
        return made[-1]

    yield make
    for one in made:
        one.assert_no_secret()
        one.emulator.close()


def one_line(result, *words):
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("compiling")]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert re.search(word, lines[0]), (word, lines[0])


WRONG = {
    "unknown key": (
        {"api_keys": {}},
        ("does not accept the API key", "could not be found", "save_account"),
    ),
    "expired key": (
        {"api_keys": {KEY: "The API key has expired."}},
        ("does not accept the API key", "has expired", "make a new key"),
    ),
    "no instance": (
        {"instances": {}, "instance": None},
        ("has no service instance", "create one .* on https://quantum.cloud.ibm.com/instances"),
    ),
    "another account's instance": (
        {"instance": OTHER},
        ("cannot use the service instance", "QISKIT_IBM_INSTANCE"),
    ),
    "device offline": (
        {"devices": (replace(SMALL, online=False, status="calibrating"), FEZ)},
        ("'ibm_lagos' is offline", "calibrating", "choose another device"),
    ),
    "device in maintenance": (
        {"devices": (replace(SMALL, status="maintenance"), FEZ)},
        ("takes jobs but runs none", "'maintenance'", "choose another device"),
    ),
    "plan exhausted": (
        {"consumed_seconds": 600.0},
        ("time is used up: 600 of 600 s used, 0 s left", "wait until the period ends"),
    ),
    "service away": (
        {"faults": [Fault("usage", "unavailable_503", times=99)]},
        ("asking what the instance has used got no usable answer", "ask again"),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_one_line_says_what_is_wrong_and_what_to_do(bench, what):
    settings, words = WRONG[what]
    user = bench(**settings)
    one_line(user("run", "c.yaml"), *words)
    assert user.service.jobs() == []
    debugged = user("--debug", "run", "c.yaml")
    assert debugged.exit_code == 1
    assert not (user.place / "runs").exists(), "nothing was begun"


def test_an_unknown_device_is_told_with_the_known_ones(bench):
    user = bench()
    user.configure("ibm_lagoz")
    one_line(
        user("run", "c.yaml"),
        "no device 'ibm_lagoz'",
        "ibm_fez, ibm_lagos",
        "did you mean 'ibm_lagos'",
    )


def test_no_account_at_all(bench, monkeypatch):
    user = bench()
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    one_line(
        user("run", "c.yaml"),
        "no IBM Quantum account is set up",
        "save_account",
        "QISKIT_IBM_TOKEN",
    )


def test_no_network(bench):
    user = bench()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    user.environment.setenv("IAM_URL", f"http://127.0.0.1:{port}")
    one_line(user("run", "c.yaml"), "IBM Quantum cannot be reached", "check the network")


def test_access_that_ends_while_a_job_waits_leaves_a_run_that_goes_on(bench):
    user = bench(queue_seconds=3600.0)
    submitted = user("submit", "c.yaml")
    assert submitted.exit_code == 0, submitted.output
    user.service.settings.api_keys[KEY] = "revoked"
    stopped = user("resume")
    assert stopped.exit_code == 1
    assert "does not accept the API key" in stopped.stderr
    user.service.settings.api_keys[KEY] = ""
    user.service.settings.queue_seconds = 0.0
    resumed = user("resume")
    assert resumed.exit_code == 0, resumed.output
    assert len(user.service.jobs()) == 1


def test_a_key_that_ends_between_two_questions_stops_with_one_line(bench):
    user = bench(queue_seconds=3600.0)
    user("submit", "c.yaml")
    user.service.settings.faults = [Fault("job", "unauthorized", times=99)]
    user.service.forget_calls()
    stopped = user("resume")
    assert stopped.exit_code == 1
    assert "does not accept the API key (HTTP 401" in stopped.stderr


def test_a_finished_run_holds_no_key(bench):
    user = bench()
    done = user("run", "c.yaml")
    assert done.exit_code == 0, done.output
    assert list((user.place / "runs").glob("*/report.html"))


def test_a_saved_account_is_found_and_its_key_never_shown(bench, monkeypatch, tmp_path):
    user = bench()
    for name in ("TOKEN", "INSTANCE", "URL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    url = user.emulator.environment(KEY, None)["QISKIT_IBM_URL"]
    saved = {
        "mine": {
            "channel": "ibm_quantum_platform",
            "token": KEY,
            "url": url,
            "instance": INSTANCE,
            "is_default_account": True,
        }
    }
    home = tmp_path.parent / f"{tmp_path.name}-home"
    home.mkdir()
    file = home / "qiskit-ibm.json"
    file.write_text(json.dumps(saved))
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(file)
    )
    assert user("run", "c.yaml").exit_code == 0
    named = user("run", "c.yaml", "-o", "backend.ibm.account=mine")
    assert named.exit_code == 0, named.output
    one_line(user("run", "c.yaml", "-o", "backend.ibm.account=yours"), "named 'yours'")
    file.write_text("{" + KEY)
    one_line(user("run", "c.yaml"), "save the account again")


def test_the_doctor_says_what_is_there(bench):
    user = bench(consumed_seconds=60.0)
    found = {f["subject"]: f for f in json.loads(user("doctor", "--json").stdout)}
    assert found["IBM Quantum account"]["detail"] == "API key from QISKIT_IBM_TOKEN"
    assert found["IBM Quantum instance"]["detail"].startswith("instance 'emulated' (plan open)")
    assert found["IBM Quantum time"]["detail"] == "60 of 600 s used, 540 s left"
    assert found["IBM Quantum devices"]["detail"] == (
        "ibm_fez (156 qubits, 9 jobs wait), ibm_lagos (7 qubits, 3 jobs wait)"
    )


@pytest.mark.parametrize("what", ["unknown key", "expired key", "no instance", "plan exhausted"])
def test_the_doctor_says_what_is_missing(bench, what):
    settings, words = WRONG[what]
    user = bench(**settings)
    found = user("doctor")
    assert found.exit_code == 1
    (bad,) = [line for line in found.stdout.splitlines() if line.startswith("BAD")]
    assert "to mend: " in bad
    assert what == "plan exhausted" or re.search(words[0], bad)


def test_the_doctor_asks_nobody_without_an_account(bench, monkeypatch):
    user = bench()
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    found = user("doctor")
    assert found.exit_code == 0
    assert "IBM Quantum: no account, which only provider ibm needs" in found.stdout
    assert not diagnosis.has_credentials()
    file = Path.home() / ".qiskit" / "qiskit-ibm.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert not diagnosis.has_credentials(), "an empty file is what the client makes"
    file.write_text('{"mine": {}}')
    assert diagnosis.has_credentials()
    assert user.service.calls("token") == 0


def test_devices_of_the_instance(bench):
    user = bench(devices=(replace(SMALL, status="maintenance"), FEZ))
    shown = user("devices", "--ibm").stdout.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["ibm_fez", "156", "9", "runs"],
        ["ibm_lagos", "7", "3", "maintenance"],
    ]


# --- remedies that work


@pytest.fixture
def accounts(monkeypatch, tmp_path):
    """The file of saved accounts, and no account in the environment."""
    file = tmp_path / "qiskit-ibm.json"

    def write(text):
        file.write_text(text)
        for name in ("TOKEN", "INSTANCE", "CHANNEL"):
            monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
        return file

    return write


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_broken_account_file_is_named_and_the_remedy_helps(bench, accounts, text):
    """RT#551 (akin): an empty file; saving an account again failed on it."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    user = bench()
    file = accounts(text)
    one_line(user("run", "c.yaml"), re.escape(str(file)), "move it away", "save_account")
    file.rename(f"{file}.broken")
    QiskitRuntimeService.save_account(
        token=KEY, instance=INSTANCE, set_as_default=True, overwrite=True, filename=str(file)
    )
    assert KEY in file.read_text()
    file.unlink()


def test_an_account_of_the_closed_channel_is_told(bench, accounts):
    """RT#2205, RT#2421: saved for channel ibm_quantum."""
    user = bench()
    old = {"default-ibm-quantum": {"channel": "ibm_quantum", "token": "x" * 20, "url": "u"}}
    accounts(json.dumps(old))
    one_line(user("run", "c.yaml"), "'ibm_quantum', which IBM has closed", "save_account")


@pytest.mark.parametrize("key", [f" {KEY}", f"{KEY} ", f"{KEY[:9]} {KEY[9:]}"])
def test_a_key_with_blanks_is_told(bench, key):
    """PR#660, RT#1737, RT#2409."""
    one_line(bench(key=key)("run", "c.yaml"), "holds blanks or line breaks")


@pytest.mark.parametrize(
    ("instance", "word"), [("a/b/c", "hub/group/project"), (f"'{INSTANCE}'", "quotes around it")]
)
def test_an_instance_of_the_wrong_form_is_shown(bench, instance, word):
    """RT#2382, PR#564."""
    one_line(bench(instance=instance)("run", "c.yaml"), word)


def test_the_services_own_words_for_403_are_kept(bench):
    """PR#564: a 403 with a reason."""
    user = bench(faults=[Fault("usage", "refused", times=9, status=403)])
    one_line(user("run", "c.yaml"), "HTTP 403", "not like this")
