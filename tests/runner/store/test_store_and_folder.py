"""A folder that the store does not know, as after a kill between the two."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runner.cli.commands import main

RUN = "experiment: {kind: entanglement, n: 2}\nbackend: {device: ideal}\nshots: 10\n"


def enclone(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    return done.output


def test_a_folder_that_the_store_does_not_know_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between folder and store left a run of which 'resume' said that there is none."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(RUN, encoding="utf-8")
    enclone("run", "c.yaml")
    (folder,) = (p for p in Path("runs").iterdir() if p.is_dir() and p.name[0] != ".")
    for store in Path("runs").glob("enclone.sqlite*"):
        store.unlink()
    for wanted in (folder.name, str(folder)):
        said = enclone("resume", wanted, code=1)
        assert f"'enclone adopt runs/{folder.name}' stores it anew" in said
    enclone(*said.partition("'enclone ")[2].partition("'")[0].split())
    enclone("resume", folder.name)
    enclone("verify", folder.name)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("provenance.json", "started_at", "yesterday"),
        ("provenance.json", "started_at", None),
        ("device.json", "couplers", [{"qubits": [0, 1]}]),
        ("device.json", "qubits", 3),
        ("device.json", "lacks", ["everything"]),
    ],
)
def test_a_damaged_folder_is_not_taken_over(
    file: str, key: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'adopt' of a folder with a damaged device.json or provenance ended in a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(RUN.replace("ideal", "fake_lagos"), encoding="utf-8")
    enclone("run", "c.yaml", "-o", "compile.seeds=1")
    (folder,) = (p for p in Path("runs").iterdir() if p.is_dir() and p.name[0] != ".")
    for store in Path("runs").glob("enclone.sqlite*"):
        store.unlink()
    document = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps({**document, key: value}), encoding="utf-8")
    assert f"'{file}' of run" in enclone("adopt", str(folder), code=1)
