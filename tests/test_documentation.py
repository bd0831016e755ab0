"""The documentation names only what is there: modules, files, sections, commands and targets."""

import doctest
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runner.cli.commands import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = "experiments|backends|runner|enclone"

# Groups of entry points bear the names of packages, but are none.
NAME = re.compile(rf"(?<![\w./\"-])(?:{PACKAGES})(?:\.[A-Za-z_]\w*)+(?!\w)")
FILE_SUFFIXES = ("md", "svg", "sqlite", "yaml", "json", "csv")
PATH = re.compile(rf"(?<![\w./-])(?:{PACKAGES}|tests|configs|docs)/[\w./-]*\w")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
TARGET = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
COMMAND = re.compile(r"(?:`|^|\$ )enclone ([a-z]+)", re.MULTILINE)


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in a module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        try:
            found = import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(f"{error.name}"):
                raise
            continue
        for part in parts[count:]:
            # A field of a dataclass without a default is declared, and no attribute.
            if part in getattr(found, "__annotations__", {}):
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def anchors(page: Path) -> set[str]:
    """The anchors of a page, as the hosting platform makes them of its headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}


def names_in(text: str) -> set[str]:
    return {n for n in NAME.findall(text) if n.rpartition(".")[2] not in FILE_SUFFIXES}


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_every_module_and_name_is_there(page: Path) -> None:
    names = names_in(page.read_text(encoding="utf-8"))
    assert sorted(name for name in names if not is_there(name)) == []


@every_page
def test_every_file_is_there(page: Path) -> None:
    paths = PATH.findall(page.read_text(encoding="utf-8"))
    assert sorted({path for path in paths if not (ROOT / path).exists()}) == []


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = page.parent / file if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append((file, anchor))
    assert lost == []


@every_page
def test_every_command_and_target_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {first or second for first, second in TARGET.findall(text)} - targets == set()
    assert set(COMMAND.findall(text)) - main.commands.keys() == set()


def test_the_examples_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    known: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), known)  # noqa: S102
    assert len(examples) == 2
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert known["again"].rows == known["run"].rows
    assert abs(known["estimate"].value - known["compiled"].predicted) < 0.05


def test_what_is_not_there_is_found() -> None:
    text = "`runner.results.rows.ResultRow.value` of docs/experiments.md, `runner.nothing.at_all`"
    assert names_in(text) == {"runner.results.rows.ResultRow.value", "runner.nothing.at_all"}
    assert is_there("runner.results.columns.Columns.value")
    assert not is_there("runner.nothing.at_all")
    assert not is_there("runner.results.rows.ResultRow.nothing")
    assert PATH.findall("in backends/nothing/at_all.py, see") == ["backends/nothing/at_all.py"]


def test_the_examples_of_the_page_on_calibration_print_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\n\n(?:```text\n(.*?)```)?", text, re.DOTALL)
    assert len(examples) == 2
    for example, printed in examples:
        exec(compile(example, "calibration.md", "exec"), {})  # noqa: S102
        assert capsys.readouterr().out == printed


def test_the_examples_of_checked_decryption_run() -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs" / "checks.md"), module_relative=False)
    assert (failed, tried > 0) == (0, True)
