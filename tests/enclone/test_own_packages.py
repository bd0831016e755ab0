"""A folder of the user's own that is called like a package of enclone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """\
import enclone
config = {"experiment": {"kind": "entanglement", "n": 2}, "backend": {"device": "ideal"}}
print(enclone.run(config, overrides=["shots=9"]).rows[0].value)
"""


def _python(cwd: Path, *arguments: str, on_path: str = "") -> subprocess.CompletedProcess[str]:
    found = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(one for one in (on_path, found) if one)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


@pytest.fixture(params=["experiments", "backends", "runner"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a package of the user's own, which has the name of one of enclone's."""
    folder: Path = tmp_path / request.param
    folder.mkdir()
    (folder / "__init__.py").write_text("MINE = True\n")
    return folder


def test_the_face_says_whose_folder_is_in_the_way(own: Path) -> None:
    done = _python(own.parent, "-c", RUN)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("enclone.own_packages.ShadowedPackage: ")
    assert f"'{own}' is in the way" in last
    assert "rename" in last
    assert "python -P" in last
    caught = (
        RUN.replace("print(", "try:\n    print(") + "except ImportError as e:\n    print(e.name)"
    )
    assert _python(own.parent, "-c", caught).stdout == f"{own.name}\n"


@pytest.mark.parametrize("module", ["enclone", "runner"])
@pytest.mark.parametrize("name", ["experiments", "backends"])
def test_the_command_ends_in_one_line(name: str, module: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    done = _python(tmp_path, "-m", module, "doctor")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"'{tmp_path / name}' is in the way" in line


def test_a_folder_on_the_path_is_in_the_way_of_the_command_too(own: Path) -> None:
    code = "import sys; sys.argv = ['enclone', 'validate', 'c.yaml']\n"
    code += "from enclone.__main__ import main; main()"
    done = _python(own.parent, "-P", "-c", code, on_path=".")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "is in the way" in line
    assert "PYTHONPATH" in line


def test_the_remedy_works(own: Path) -> None:
    done = _python(own.parent, "-P", "-c", RUN)
    assert done.stdout == "1.0\n", done.stderr


def test_a_folder_that_is_no_package_is_not_in_the_way(tmp_path: Path) -> None:
    for name in ("experiments", "backends", "runner"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    done = _python(tmp_path, "-c", RUN)
    assert done.stdout == "1.0\n", done.stderr
