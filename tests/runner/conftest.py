"""Fixtures of the application's tests: commands in an empty folder, and finished runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from harness import fast_folder
from runs import ALL_STRATEGIES, Done, Finished, call_in, run_folders, run_in

from runner.cli.commands import main


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Done]:
    """The installed command, in an empty folder."""
    return lambda *arguments, **changes: call_in(tmp_path, *arguments, **changes)


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The same command inside this process, for the many small cases."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENCLONE_RUNS", raising=False)
    monkeypatch.delenv("ENCLONE_STORE", raising=False)
    # Whoever tests may have an account, which the doctor would look at.
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(main, arguments)


@pytest.fixture(scope="session")
def finish(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Runs a configuration in a new folder."""
    return lambda text, *arguments: run_in(tmp_path_factory.mktemp("run"), text, *arguments)


@pytest.fixture(scope="session")
def small(finish: Callable[..., Finished]) -> Finished:
    """Every strategy and both estimators on a noisy device."""
    return finish(ALL_STRATEGIES)


@pytest.fixture(scope="session")
def small_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same run by absolute paths, on another terminal, with other hash seeds."""
    cwd = tmp_path_factory.mktemp("elsewhere")
    (cwd / "other.yaml").write_bytes(ALL_STRATEGIES.encode())
    command = ("run", str(cwd / "other.yaml"), "--out", str(cwd / "kept"))
    done = call_in(
        cwd, *command, COLUMNS="40", FORCE_COLOR="1", PYTHONHASHSEED="5", TZ="Asia/Tokyo"
    )
    assert done.exit_code == 0, done.stderr
    (folder,) = run_folders(cwd / "kept")
    return Finished(done, folder)


@pytest.fixture(scope="session")
def ideal(finish: Callable[..., Finished]) -> Finished:
    """Every strategy and both estimators without noise."""
    return finish(ALL_STRATEGIES, "-o", "backend.device=ideal")


@pytest.fixture
def place():
    """Where a test keeps its stores."""
    folder = fast_folder("enclone-test-")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiles without worker processes, which would cost more time than small sweeps."""
    monkeypatch.setattr("runner.planning.compilation._PARALLEL_FROM_POINTS", 10**6)
