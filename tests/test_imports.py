"""The shape of the source: who imports whom, how many files a folder holds, how long they are.

Layers are in the import contract of pyproject.toml; what it cannot say is here.
"""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [
    path.parent.name for path in sorted(ROOT.glob("*/__init__.py")) if path.parent.name != "tests"
]
SOURCES = [
    path for folder in (*PACKAGES, "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]

FILES_IN_A_FOLDER = 12
LINES_OF_A_FILE = 500


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module → modules that it imports, those for the type checker alone included."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}


def first_circle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, none if there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_module_imports_itself_by_way_of_others(imports):
    assert first_circle(imports) == []


def test_a_circle_is_found():
    assert set(first_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


def test_a_folder_has_few_files():
    count = Counter(path.parent.relative_to(ROOT).as_posix() for path in SOURCES)
    crowded = {name: n for name, n in count.items() if n > FILES_IN_A_FOLDER}
    assert crowded == {}


def test_a_file_is_short():
    lines = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in SOURCES
    }
    assert {name: n for name, n in lines.items() if n > LINES_OF_A_FILE} == {}


def imported_names(path: Path) -> set[str]:
    """Names of the top-level modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in whole | parts}


def test_helpers_of_tests_are_found_in_every_order():
    """A test's own folder is put on the path when it is collected, those of all from the start."""
    for_all = [ROOT / "tests" / name for name in ("shared", "emulators")]
    helpers = {
        path.stem: path.parent
        for path in (ROOT / "tests").rglob("*.py")
        if not path.stem.startswith(("test_", "conftest", "__"))
    }
    astray = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in imported_names(path) & helpers.keys()
        if helpers[name] not in (path.parent, *for_all)
    }
    assert astray == set()
