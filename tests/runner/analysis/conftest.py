"""Fixtures that several test files of this folder use."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from changed_runs import (
    DRAWN,
    SMALL,
    Found,
    Invoke,
)
from click.testing import CliRunner
from runs import run_folders

from runner.cli.commands import main
from runner.report.figure import figure_files
from runner.results.rows import ResultRow


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("checked")
    (place / "c.yaml").write_text(SMALL, encoding="utf-8")
    result = CliRunner().invoke(main, ["run", str(place / "c.yaml"), "--out", str(place / "runs")])
    assert result.exit_code == 0, result.stderr
    (folder,) = run_folders(place / "runs")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of the folder alone, under another name; there is no store."""
    copy = tmp_path / "moved" / "here"
    shutil.copytree(original, copy)
    return copy


@pytest.fixture
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal rows are drawn once for all tests: drawing would take most of their time."""

    def drawn(folder: Path, rows: Sequence[ResultRow], title: str) -> dict[str, bytes]:
        key = (tuple(rows), title)
        if key not in DRAWN:
            DRAWN[key] = figure_files(folder, rows, title)
        return DRAWN[key]

    monkeypatch.setattr("runner.report.report.figure_files", drawn)


@pytest.fixture
def verified(invoke: Invoke, folder: Path) -> Callable[[], Found]:
    def verify() -> Found:
        result = invoke("verify", str(folder), "--json")
        assert isinstance(result.exception, SystemExit | None)
        return Found(result.exit_code, json.loads(result.stdout))

    return verify
