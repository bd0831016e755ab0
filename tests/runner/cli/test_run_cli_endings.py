"""How commands end: debug, pipes, full disks, interrupts, runs of which a part fails."""

import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_cases import (
    IDEAL,
    MISSPELT,
    ONE,
    Call,
    Invoke,
    Process,
    Start,
    is_one_line_error,
)
from runs import Done, environment
from started import SCRIPT

import backends.compiling.compile as compiling
from backends.adapter import Adapter, CircuitFailure
from backends.compiling.certificate import Certificate, certify
from backends.providers import registry as providers
from backends.providers.registry import open_adapter


def test_debug_shows_the_traceback_that_is_left_out_otherwise(call: Call, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(MISSPELT, encoding="utf-8")
    plain, debugged = call("run", "c.yaml"), call("--debug", "run", "c.yaml")
    assert len(plain.stderr.splitlines()) == 1
    assert debugged.stderr.startswith("Traceback")
    assert "runner.errors.ConfigError: c.yaml:2:1" in debugged.stderr


@pytest.mark.parametrize(
    "arguments", [["devices"], ["experiments", "--json"], ["--help"]], ids=lambda words: words[0]
)
def test_a_reader_that_went_away_is_no_accident(tmp_path: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


def test_devices_can_be_piped_into_head(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{SCRIPT}' devices | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("provider stim")
    assert done.stderr == ""


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(SCRIPT), "experiments"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_a_terminal_without_unicode_still_shows_the_table(call: Call, kept: Path) -> None:
    done = call("report", "a", PYTHONIOENCODING="latin-1:strict")
    assert (done.exit_code, done.stdout.startswith("n  clone")) == (0, True)


def interrupted(process: Process, *, everyone: bool) -> Done:
    """Ctrl-C: to the process alone, or to its whole group as a terminal does."""
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=40)
    return Done(process.returncode, stdout, stderr)


def wait_until(condition: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(process: Process) -> int:
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    )
    return len(found.stdout.split())


@pytest.mark.parametrize(
    ("delay", "everyone"),
    [(0.0, True), (0.3, True), (2.0, True), (2.0, False)],
    ids=[
        *["Ctrl-C as workers are started", "Ctrl-C while they start"],
        *["Ctrl-C while they work", "kill -INT"],
    ],
)
def test_a_compilation_can_be_interrupted(
    start: Start, tmp_path: Path, delay: float, everyone: bool
) -> None:
    process = start(ONE.replace("n: 2", "n: 2..30"))
    # Two workers and the helper that looks after their semaphores.
    wait_until(lambda: children(process) >= min(3, 1 + (os.cpu_count() or 1)), process)
    time.sleep(delay)
    done = interrupted(process, everyone=everyone)
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.last_line == "interrupted"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_simulation_can_be_interrupted_and_resumed(
    start: Start, tmp_path: Path, invoke: Invoke
) -> None:
    process = start(IDEAL.replace("200", "300000") + "repeats: 40\n")
    wait_until((tmp_path / "runs" / ".enclone.sqlite.locks").exists, process)
    done = interrupted(process, everyone=True)
    assert (done.exit_code, done.stdout, done.last_line) == (130, "", "interrupted")
    assert "Traceback" not in done.stderr
    assert "'enclone resume " in done.stderr
    result = invoke("report")
    assert is_one_line_error(result)
    assert "cut short" in result.stderr
    assert "enclone resume" in result.stderr
    assert invoke("status").exit_code == 3
    rows = json.loads(invoke("resume", "--json").stdout)
    assert [row["value"] for row in rows] == [1.0] * 40
    assert invoke("status").exit_code == 0


@pytest.fixture
def break_circuits(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the circuit at that place fail in every job."""

    def break_circuit(place: int) -> None:
        def failing(*arguments: Any) -> Adapter:
            adapter = open_adapter(*arguments)
            results = adapter.results

            def partial(job: str) -> Sequence[Any]:
                shots = list(results(job))
                return [*shots[:place], FAILURE, *shots[place + 1 :]]

            monkeypatch.setattr(adapter, "results", partial)
            return adapter

        monkeypatch.setattr(providers, "open_adapter", failing)

    return break_circuit


FAILURE = CircuitFailure("<b>lost</b> in the fridge", "1305")
BOTH = "experiment: {kind: entanglement, n: 2, estimator: [bsm, parity]}\nshots: 200\n"


def test_a_failed_circuit_never_hides_the_good_ones(
    invoke: Invoke, break_circuits: Callable[[int], None], tmp_path: Path
) -> None:
    Path("c.yaml").write_text(f"{BOTH}backend: {{device: ideal}}\n", encoding="utf-8")
    break_circuits(3)
    result = invoke("run", "c.yaml", "--json")
    good, failed = json.loads(result.stdout)
    assert result.exit_code == 4
    assert "1 of 2 points have no value" in result.stderr
    assert (good["estimator"], good["value"]) == ("bsm", 1.0)
    assert (failed["estimator"], failed["value"], failed["ci_low"]) == ("parity", None, None)
    assert len(list(tmp_path.glob("runs/*/counts/*.npz"))) == 3
    (index,) = tmp_path.glob("runs/*/circuits/index.json")
    assert [entry.get("failure") for entry in json.loads(index.read_text(encoding="utf-8"))] == [
        *(None, None, None),
        {"message": FAILURE.message, "code": FAILURE.code},
    ]
    assert invoke("report").exit_code == 0


def test_a_run_without_any_value_fails_but_is_kept(
    invoke: Invoke, break_circuits: Callable[[int], None], tmp_path: Path
) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    break_circuits(2)
    result = invoke("run", "c.yaml")
    assert result.exit_code == 1
    assert "1 of 1 points have no value" in result.stderr
    assert result.stdout.splitlines()[1].split()[:6] == ["2", "S1", "unitary", "parity", "-", "-"]
    (report,) = tmp_path.glob("runs/*/report.html")
    assert '<td class="num">-</td>' in report.read_text(encoding="utf-8")


def test_a_circuit_that_fails_its_proof_has_no_fidelity(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuted(*arguments: Any) -> Certificate:
        return dataclasses.replace(certify(*arguments), status="failed", remark="a test")

    monkeypatch.setattr(compiling, "certify", refuted)
    Path("c.yaml").write_text(IDEAL, encoding="utf-8")
    result = invoke("run", "c.yaml", "--json")
    (row,) = json.loads(result.stdout)
    assert (result.exit_code, row["certificate"], row["value"]) == (1, "failed", None)
