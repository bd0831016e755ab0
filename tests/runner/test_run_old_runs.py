"""Runs that an older version made: they load, go on, verify and report as they always did."""

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from runs import Done, call_in

ARCHIVE = Path(__file__).parent / "old_runs" / "before_rooms.zip"
WRITTEN_INTO = "/runs"
"""Where the old version kept its runs: the store names the files of rehearsal clouds with it."""

FINISHED = ("layouts", "billed", "bell")


class OldRuns:
    """The unpacked folder of runs, and the command in it."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.folder = cwd / "runs"
        with zipfile.ZipFile(ARCHIVE) as archive:
            archive.extractall(self.folder)
        with closing(sqlite3.connect(self.folder / "enclone.sqlite")) as store, store:
            store.execute(
                "UPDATE runs SET document = replace(document, ?, ?)",
                (f"{WRITTEN_INTO}/.rehearsal", str(self.folder / ".rehearsal")),
            )

    def call(self, *arguments: str) -> Done:
        return call_in(self.cwd, *arguments)

    def run(self, name: str) -> Path:
        (folder,) = self.folder.glob(f"*-{name}")
        return folder

    def jobs_at_the_provider(self, name: str) -> int:
        cloud = self.folder / ".rehearsal" / f"{self.run(name).name}.sqlite"
        with closing(sqlite3.connect(cloud)) as service:
            return int(service.execute("SELECT count(*) FROM jobs").fetchone()[0])


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> OldRuns:
    return OldRuns(tmp_path_factory.mktemp("old"))


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[OldRuns]:
    """A copy for tests that change it."""
    return OldRuns(tmp_path)


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_run_verifies(old: OldRuns, name: str) -> None:
    done = old.call("verify", old.run(name).name, "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0, document["differences"]
    assert document["differences"] == []
    assert document["checked"]["certificates_proved"] > 0


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_run_reports_the_rows_that_it_had(changed: OldRuns, name: str) -> None:
    before = json.loads((changed.run(name) / "results.json").read_text())
    done = changed.call("report", str(changed.run(name)), "--json")
    assert done.exit_code == 0, done.stderr
    after = json.loads(done.stdout)
    assert [
        {key: row[key] for key in old} for row, old in zip(after, before, strict=True)
    ] == before


@pytest.mark.parametrize("name", FINISHED)
def test_resuming_a_finished_run_changes_nothing(changed: OldRuns, name: str) -> None:
    before = json.loads((changed.run(name) / "results.json").read_text())
    done = changed.call("resume", changed.run(name).name)
    assert done.exit_code == 0, done.stderr
    after = json.loads((changed.run(name) / "results.json").read_text())
    assert [
        {key: row[key] for key in old} for row, old in zip(after, before, strict=True)
    ] == before
    assert changed.call("verify", changed.run(name).name).exit_code == 0


@pytest.mark.parametrize("command", ["compare", "variability", "export"])
def test_analysis_reads_old_runs(old: OldRuns, command: str, tmp_path: Path) -> None:
    run = str(old.run("layouts"))
    arguments = {
        "compare": [run, run],
        "variability": [run],
        "export": [run, "--format", "csv,json", "--out", str(tmp_path / "exported")],
    }
    done = old.call(command, *arguments[command])
    assert done.exit_code == 0, done.stderr


def test_all_runs_are_listed_with_their_state(old: OldRuns) -> None:
    done = old.call("list", "--json")
    states = {line["run"].rpartition("-")[2]: line["circuits"] for line in json.loads(done.stdout)}
    assert states["layouts"] == {"counted": 6}
    assert states["bell"] == {"counted": 16}
    assert "counted" not in states["pending"]


def test_the_status_says_which_run_waits(old: OldRuns) -> None:
    """Exit code 3: something is left to fetch."""
    codes = {name: old.call("status", old.run(name).name).exit_code for name in FINISHED}
    assert codes == dict.fromkeys(FINISHED, 0)
    assert old.call("status", old.run("pending").name).exit_code == 3


def test_a_run_that_was_sent_is_collected_and_nothing_is_sent_again(changed: OldRuns) -> None:
    run = changed.run("pending")
    sent = changed.jobs_at_the_provider("pending")
    assert sent > 0
    done = changed.call("resume", run.name, "--json")
    assert done.exit_code == 0, done.stderr
    assert changed.jobs_at_the_provider("pending") == sent
    rows = json.loads((run / "results.json").read_text())
    assert all(row["value"] is not None and row["certificate"] == "proved" for row in rows)
    assert changed.call("verify", run.name).exit_code == 0
    files = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    assert changed.call("resume", run.name).exit_code == 0
    assert changed.jobs_at_the_provider("pending") == sent
    assert files == {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def test_a_store_that_is_lost_is_made_again_from_the_folder(changed: OldRuns) -> None:
    (changed.folder / "enclone.sqlite").unlink()
    run = changed.run("pending")
    adopted = changed.call("adopt", str(run), "--json")
    assert adopted.exit_code == 0, adopted.stderr
    sent = changed.jobs_at_the_provider("pending")
    assert len(json.loads(adopted.stdout)["adopted"]) == sent
    done = changed.call("resume", run.name)
    assert done.exit_code == 0, done.stderr
    assert changed.jobs_at_the_provider("pending") == sent
    assert changed.call("verify", run.name).exit_code == 0
