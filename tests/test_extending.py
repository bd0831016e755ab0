"""The page on extending: every file on it is written, every command run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from runs import Done, environment, run_folders

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
OURS = ("experiments", "backends", "runner", "enclone")


def section(title: str) -> list[tuple[str, str]]:
    """Language and text of the blocks of a section; '' is what stands before all sections."""
    before, *others = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)
    texts = {"": before, **dict(zip(others[::2], others[1::2], strict=True))}
    return BLOCK.findall(texts[title])


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page in a folder.

    Attributes:
        folder: where files are written and commands are called.
        path: folders that Python finds modules in.
    """

    folder: Path
    path: tuple[Path, ...]

    def write(self, blocks: list[tuple[str, str]]) -> None:
        """Write every block that begins with a file name."""
        for _, text in blocks:
            if named := re.match(r"# (\S+\.\w+)\n", text):
                file = self.folder / named[1]
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def call(self, line: str) -> Done:
        """Call one command of the page."""
        program, *arguments = shlex.split(line)
        module = {"enclone": ("-m", "runner"), "python": ()}[program]
        done = subprocess.run(
            (sys.executable, *module, *arguments),
            cwd=self.folder,
            env=environment(PYTHONPATH=":".join(map(str, self.path)), HOME=str(self.folder)),
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def follow(self, blocks: list[tuple[str, str]]) -> dict[str, str]:
        """Write the files and call the commands; gives what each command printed."""
        self.write(blocks)
        printed = {}
        for line in re.findall(r"^\$ (.*)$", "".join(text for _, text in blocks), re.MULTILINE):
            done = self.call(line)
            assert done.exit_code == 0, (line, done.stderr)
            printed[line] = done.stdout
        return printed

    def rows(self) -> list[dict[str, object]]:
        """The rows of the only run."""
        (run,) = run_folders(self.folder / "runs")
        rows: list[dict[str, object]] = json.loads((run / "results.json").read_text("utf-8"))
        return rows


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the page, installed."""
    folder = tmp_path_factory.mktemp("mylab")
    source = Reader(folder / "source", ())
    source.folder.mkdir()
    for title in ("", "A provider", "An experiment"):
        source.write(section(title))
    pip = ("pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    command = (sys.executable, "-m", *pip, "--no-build-isolation", "--target")
    subprocess.run((*command, folder / "installed", source.folder), check=True)
    return folder / "installed"


@pytest.fixture
def reader(installed: Path, tmp_path: Path) -> Reader:
    return Reader(tmp_path, (ROOT, installed))


def test_the_doctor_names_the_package(reader: Reader) -> None:
    findings = {f["subject"]: f for f in json.loads(reader.call("enclone doctor --json").stdout)}
    for subject in ("provider drifting-readout", "experiment key-error"):
        assert findings[subject]["good"]
        assert "mylab 0.1.0" in findings[subject]["detail"]


def test_the_provider_is_checked_planned_run_and_verified(reader: Reader) -> None:
    printed = reader.follow(section("A provider"))
    assert printed["enclone validate drifting.yaml"].startswith("drifting.yaml: ok")
    assert len(printed) == 5
    (row,) = reader.rows()
    assert row["backend"] == "drifting-readout"
    # A twentieth of all outcomes flips on average.
    assert row["predicted"] - 0.4 < row["value"] < row["predicted"] - 0.05


def test_the_experiment_is_run_verified_and_exported(reader: Reader) -> None:
    printed = reader.follow(section("An experiment"))
    assert "key-error" in printed["enclone experiments"]
    assert "error" in printed["enclone run key_error.yaml"].splitlines()[0].split()
    found = {(row["n"], row["key_error"]): row["value"] for row in reader.rows()}
    assert found == {
        **{(2, "none"): 1.0, (2, "X"): 0.0, (2, "Y"): 0.0},
        **{(3, "none"): 1.0, (3, "X"): 0.0, (3, "Y"): 1.0},
    }
    exported = [f.read_text(encoding="utf-8") for f in reader.folder.glob("exported/**/*.csv")]
    assert any("key_error" in text for text in exported)


def changed(text: str, diff: str) -> str:
    """A text after a diff whose hunks bear no line numbers, since they fit in one place only."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


@pytest.fixture
def with_column(tmp_path: Path) -> Reader:
    """A copy of the project with the column of the page."""
    copy = tmp_path / "copy"
    for package in OURS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    for diff in [text for language, text in section("A column") if language == "diff"]:
        (name,) = re.findall(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE)
        file = copy / name
        file.write_text(changed(file.read_text(encoding="utf-8"), diff), encoding="utf-8")
    return Reader(tmp_path, (copy,))


def test_a_column_is_in_tables_files_comparisons_and_old_runs(with_column: Reader) -> None:
    """One declaration, and the line that computes it; nothing else knows of it."""
    before = Reader(with_column.folder, (ROOT,))
    experiment = "experiment: {kind: entanglement, n: 2, decrypt: {strategy: frame}}\n"
    (with_column.folder / "c.yaml").write_text(experiment + "shots: 500\ncompile: {seeds: 1}\n")
    assert before.call("enclone run c.yaml --out old").exit_code == 0
    done = with_column.call("enclone run c.yaml")
    assert done.exit_code == 0, done.stderr
    assert "off by" in done.stdout.splitlines()[0]
    (row,) = with_column.rows()
    expected = (row["value"] - row["predicted"]) / row["std_err"]
    assert row["off_by"] == pytest.approx(expected, abs=1e-9)
    (run,) = run_folders(with_column.folder / "runs")
    assert "off_by" in (run / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "off by" in (run / "report.html").read_text(encoding="utf-8")
    for command in ("verify", "report --out old", "export --format csv --to exported"):
        done = with_column.call(f"enclone {command}")
        assert done.exit_code == 0, (command, done.stdout, done.stderr)
    exported = [f.read_text("utf-8") for f in with_column.folder.glob("exported/**/*.csv")]
    assert any("off_by" in text for text in exported)
