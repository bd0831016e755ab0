"""The command line as a user calls it: help, runs from end to end, repeats, budget."""

import json
import socket
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import click
import pytest
from command_cases import IDEAL, ONE, Call, Finish, Invoke, files_of
from runs import USER, Done, Finished, environment
from started import SCRIPT

import runner
from runner.cli.commands import main
from runner.config.run_config import BudgetConfig
from runner.errors import OverBudget
from runner.planning.forecast import Forecast, require_budget

COMMANDS = sorted(main.commands) if isinstance(main, click.Group) else []
REPOSITORY = Path(runner.__file__).parents[1]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(invoke: Invoke, command: str, option: str) -> None:
    result = invoke(command, option)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command}")
    assert "--json" in result.stdout


def test_help_names_every_command(call: Call) -> None:
    done = call("--help")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []
    assert "configs/quickstart.yaml" in done.stdout


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version") == Done(0, f"enclone, version {runner.__version__}\n", "")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner", "run", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Usage: enclone run")


@pytest.mark.parametrize("arguments", [["--version"], ["run", "none.yaml"], ["nonsense"]])
def test_the_tests_start_what_is_installed(
    call: Call, tmp_path: Path, arguments: list[str]
) -> None:
    installed = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert call(*arguments) == Done(installed.returncode, installed.stdout, installed.stderr)


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["run"], ["run", "a", "b"], ["--nosuch"], ["validate"], ["run", "-o"]]
)
def test_wrong_usage_ends_with_2(invoke: Invoke, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_a_run_ends_with_0(small: Finished) -> None:
    assert small.done.exit_code == 0


def test_stdout_holds_the_table_and_nothing_else(small: Finished) -> None:
    header, *lines = small.done.stdout.splitlines()
    assert header.split()[:5] == ["n", "clone", "strategy", "estimator", "Fe"]
    table, notes = lines[:14], lines[14:]
    for line, row in zip(table, small.rows, strict=True):
        start = [str(row["n"]), "S1", row["strategy"], row["estimator"], f"{row['value']:.4f}"]
        assert line.split()[:5] == start
        assert f"{row['ci_low']:.4f} … {row['ci_high']:.4f}" in line
        assert f"{row['predicted']:.4f}" in line
        assert line.split()[-1] == row["certificate"]
    assert notes[0] == ""
    for strategy in ("unitary", "feedforward", "frame", "witness"):
        assert any(note.startswith(f"strategy {strategy}: hands back ") for note in notes)


def test_progress_goes_to_stderr(small: Finished) -> None:
    for word in ("compiling", "running", "writing", f"{small.folder.name}/report.html"):
        assert word in small.done.stderr
        assert word not in small.done.stdout


def test_a_noisy_run_agrees_with_its_prediction(small: Finished) -> None:
    for row in small.rows:
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"]
        assert row["ci_low"] < row["value"] < row["ci_high"]
        assert row["certificate"] == "proved"


def test_an_ideal_clone_is_perfect_and_the_interval_says_how_sure(ideal: Finished) -> None:
    assert len(ideal.rows) == 14
    for row in ideal.rows:
        assert (row["value"], row["ci_high"], row["predicted"]) == (1.0, 1.0, 1.0)
        assert 0.98 < row["ci_low"] < 1
        assert row["witnessed"] is True
        assert (row["device"], row["published"]) == ("ideal", None)


@pytest.mark.parametrize(
    ("device", "strategies"),
    [("ideal", "[unitary, feedforward, frame, witness]"), ("fake_kingston", "feedforward")],
)
def test_aer_runs_too(finish: Finish, device: str, strategies: str) -> None:
    run = finish(
        f"experiment: {{kind: entanglement, n: 2, estimator: [bsm, parity],\n"
        f"  decrypt: {{clone: 2, strategy: {strategies}}}}}\n"
        f"backend: {{provider: aer, device: {device}}}\nshots: 200\nseed: 3\n"
    )
    assert len(run.rows) == (7 if device == "ideal" else 2)
    for row in run.rows:
        assert (row["backend"], row["device"]) == ("aer", device)
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"]
        assert (row["value"] == 1) == (device == "ideal")


def test_the_same_command_gives_the_same_bytes_anywhere(
    small: Finished, small_elsewhere: Finished
) -> None:
    assert small_elsewhere.done.stdout == small.done.stdout
    first, second = files_of(small.folder), files_of(small_elsewhere.folder)
    assert list(first) == list(second)
    # Two files say when the run was made, and Qiskit's QPY writer draws names at random, which
    # shows in the hashes.
    dated = {"provenance.json", "report.html", "SHA256SUMS"}
    different = {name for name in first if first[name] != second[name]}
    assert {name for name in different if not name.endswith(".qpy")} <= dated
    sums = [set(content["SHA256SUMS"].decode().splitlines()) for content in (first, second)]
    assert all(line.endswith((".qpy", "provenance.json")) for line in sums[0] ^ sums[1])


def test_nothing_in_a_run_folder_tells_on_the_machine(
    small: Finished, small_elsewhere: Finished
) -> None:
    for run in (small, small_elsewhere):
        secrets = [str(run.folder.parents[1]), str(REPOSITORY), str(Path.home()), USER, sys.prefix]
        for name, content in files_of(run.folder).items():
            found = [secret for secret in secrets if secret.encode() in content]
            assert (name, found) == (name, [])


def test_no_record_of_a_run_names_the_host(small: Finished) -> None:
    for name in ("provenance.json", "resolved.json", "circuits/index.json", "results.json"):
        words = (small.folder / name).read_text(encoding="utf-8").split('"')
        assert socket.gethostname() not in words


@pytest.mark.parametrize("seed", [2**32 - 1, 2**63 - 1])
def test_every_allowed_seed_can_be_run(invoke: Invoke, seed: int) -> None:
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    result = invoke("run", "c.yaml", "--json", "-o", f"seed={seed}")
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["seed"] == seed


def test_a_plan_over_budget_is_refused_with_5() -> None:
    cost = Forecast(1, 1, 100, 3.0, 9.5, 0.3, 9.2, None, None, assumptions=())
    with pytest.raises(OverBudget, match=r"needs 9\.5 USD, but budget\.usd allows 9 USD") as caught:
        require_budget(cost, BudgetConfig(qpu_seconds=3, usd=9))
    assert caught.value.exit_code == 5


def test_a_budget_of_nothing_allows_a_free_run(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{IDEAL}budget: {{usd: 0, qpu_seconds: 0}}\n", encoding="utf-8")
    assert invoke("plan", "c.yaml").exit_code == 0


def test_every_repeat_has_rows_of_its_own(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{ONE}repeats: 3\n", encoding="utf-8")
    rows = json.loads(invoke("run", "c.yaml", "--json").stdout)
    assert [row["repeat"] for row in rows] == [0, 1, 2]
    assert len(list(groupby(row["predicted"] for row in rows))) == 1
    assert all(row["jobs"] for row in rows)
    assert len({row["value"] for row in rows}) > 1


def test_the_table_tells_repeats_apart(invoke: Invoke) -> None:
    Path("c.yaml").write_text(f"{IDEAL}repeats: 3\n", encoding="utf-8")
    lines = invoke("run", "c.yaml").stdout.splitlines()
    assert "repeat" in lines[0]
    assert len(set(lines[1:4])) == 3
