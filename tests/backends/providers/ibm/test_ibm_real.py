"""The real IBM Quantum service, if whoever tests has an account and says so.

    ENCLONE_IBM_SMOKE=look make test-ibm    asks only: account, instance, devices, forecast
    ENCLONE_IBM_SMOKE=pay make test-ibm     also sends one job of two circuits, about three seconds

Everything else in this folder runs against an emulator.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SMOKE = os.environ.get("ENCLONE_IBM_SMOKE", "")
SCRIPT = Path(sys.executable).with_name("enclone")
CONFIG = """
name: smoke
experiment:
  kind: entanglement
  n: 2
  decrypt: {strategy: [unitary, frame]}
  estimator: bsm
backend: {provider: ibm, device: least_busy, ibm: {max_execution_seconds: 30}}
compile: {seeds: 4}
shots: 500
budget: {qpu_seconds: 10}
"""

pytestmark = pytest.mark.skipif(
    SMOKE not in ("look", "pay"), reason="set ENCLONE_IBM_SMOKE to look or pay; see docs/ibm.md"
)


@pytest.fixture(autouse=True)
def nobodys_account():
    """Here it is the tester's own."""


@pytest.fixture
def enclone(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)

    def call(*arguments):
        done = subprocess.run(
            [SCRIPT, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=280
        )
        assert done.returncode in (0, 3), done.stderr
        return done

    return call


def test_the_doctor_is_content(enclone):
    found = json.loads(enclone("doctor", "--json").stdout)
    subjects = {f["subject"] for f in found if f["good"]}
    assert {"IBM Quantum account", "IBM Quantum instance", "IBM Quantum devices"} <= subjects


def test_a_plan_for_the_least_busy_device(enclone):
    plan = json.loads(enclone("plan", "c.yaml", "--json").stdout)
    assert plan["forecast"]["jobs"] == 1
    assert 0 < plan["forecast"]["qpu_seconds"] < 10
    assert all(row["certificate"] == "proved" for row in plan["rows"])


@pytest.mark.skipif(SMOKE != "pay", reason="set ENCLONE_IBM_SMOKE=pay to send a job")
def test_one_small_job(enclone):
    run = enclone("run", "c.yaml", "--json", "--timeout", "240")
    if run.returncode == 3:
        pytest.skip(f"the job still waits: {run.stderr}")
    rows = json.loads(run.stdout)
    assert all(0.25 < row["value"] <= 1.0 for row in rows)
    assert enclone("resume", "--json").stdout == run.stdout, "a second resume changes nothing"
