"""Exports: results, counts and circuits as other programs read them, from the run folder alone."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from qiskit import qasm3, qpy
from runs import environment, run_folders

from runner.analysis.export_formats import FORMATS
from runner.cli.commands import main
from runner.results.rows import FIELDS

Invoke = Callable[..., Result]

SEVERAL = """\
name: several
experiment: {kind: storage, n: 2, idle_microseconds: [0, 12.5], estimator: [bsm, parity]}
compile: {seeds: 1}
shots: 200
repeats: 2
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with delays, several settings and repeats."""
    place = tmp_path_factory.mktemp("several")
    (place / "c.yaml").write_text(SEVERAL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        # Worker processes would cost more time than these few points.
        patch.setattr("runner.planning.compilation._PARALLEL_FROM_POINTS", 10**6)
        command = ["run", str(place / "c.yaml"), "--out", str(place / "runs")]
        result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stderr
    (folder,) = run_folders(place / "runs")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of its folder alone, ``runs/abc`` in the command's folder; there is no store."""
    copy = tmp_path / "runs" / "abc"
    shutil.copytree(original, copy)
    return copy


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return rows


def index_of(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "circuits" / "index.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)
    return entries


def test_csv_is_the_table_of_the_run_with_a_description(invoke: Invoke, folder: Path) -> None:
    assert invoke("export", "abc", "--format", "csv", "--to", "x").exit_code == 0
    content = Path("x/results.csv").read_bytes()
    assert content == (folder / "results.csv").read_bytes()
    described = json.loads(Path("x/results.csv-metadata.json").read_text(encoding="utf-8"))
    columns = described["tableSchema"]["columns"]
    assert described["url"] == "results.csv"
    assert [c["name"] for c in columns] == content.decode().splitlines()[0].split(",")
    assert all(column["dc:description"] for column in columns)
    by_name = {column["name"]: column for column in columns}
    assert by_name["idle_microseconds"]["schema:unitText"] == "µs"
    assert by_name["jobs"]["separator"] == " "
    assert (by_name["n"]["datatype"], by_name["n"]["required"]) == ("integer", True)
    assert (by_name["value"]["datatype"], by_name["value"]["required"]) == ("double", False)


def test_parquet_has_types_nulls_units_and_meanings(invoke: Invoke, folder: Path) -> None:
    assert invoke("export", "abc", "--format", "parquet", "--to", "r.parquet").exit_code == 0
    table = pq.read_table("r.parquet")
    assert table.to_pylist() == rows_of(folder)
    types = {field.name: field.type for field in table.schema}
    assert types["n"] == pa.int64()
    assert types["value"] == pa.float64()
    assert types["witnessed"] == pa.bool_()
    assert types["jobs"] == pa.list_(pa.string())
    assert types["scenario"] == pa.string()
    assert table.column("scenario").null_count == table.num_rows
    assert not table.schema.field("n").nullable
    assert all(field.metadata[b"description"] for field in table.schema)
    assert table.schema.field("idle_microseconds").metadata[b"unit"].decode() == "µs"
    assert table.schema.metadata[b"device"] == b"ibm_kingston"
    assert table.schema.metadata[b"run"].endswith(b"-several")


def test_json_has_the_rows_and_says_what_they_are(invoke: Invoke, folder: Path) -> None:
    assert invoke("export", "abc", "--format", "json", "--to", "r.json").exit_code == 0
    document = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert document["rows"] == rows_of(folder)
    assert [c["name"] for c in document["columns"]] == list(document["rows"][0])
    assert all(column["meaning"] for column in document["columns"])


def test_every_field_of_a_row_has_a_meaning_of_its_own() -> None:
    assert len({field.meaning for field in FIELDS}) == len(FIELDS)
    assert all(field.meaning and "``" not in field.meaning for field in FIELDS)


def test_counts_are_those_of_the_raw_shots_in_every_format(invoke: Invoke, folder: Path) -> None:
    formats = "csv,parquet,json"
    assert invoke("export", "abc", "--counts", "--format", formats, "--to", "x").exit_code == 0
    lines = pq.read_table("x/counts.parquet").to_pylist()
    assert json.loads(Path("x/counts.json").read_text(encoding="utf-8"))["rows"] == lines
    with Path("x/counts.csv").open(encoding="utf-8", newline="") as file:
        assert [{**row, "count": int(row["count"])} for row in csv.DictReader(file)] == lines
    for entry in index_of(folder):
        with np.load(folder / "counts" / f"{entry['name']}.npz") as stored:
            bits = int(stored["num_bits"])
            shots = [int.from_bytes(shot.tobytes(), "big") for shot in stored["shots"]]
        mine = [line for line in lines if line["circuit"] == entry["name"]]
        assert {line["outcome"]: line["count"] for line in mine} == {
            f"{shot:0{bits}b}": shots.count(shot) for shot in shots
        }
        assert {(line["identity"], line["job"]) for line in mine} == {
            (entry["identity"], entry["job"])
        }


def test_openqasm_comes_with_what_is_needed_to_run_it_again(invoke: Invoke, folder: Path) -> None:
    assert invoke("export", "abc", "--format", "qasm3", "--to", "x").exit_code == 0
    document = json.loads(Path("x/qasm3/circuits.json").read_text(encoding="utf-8"))
    entries = index_of(folder)
    runs = [run for one in document["circuits"] for run in one["runs"]]
    assert {(r["name"], r["identity"], r["shots"]) for r in runs} == {
        (e["name"], e["identity"], e["shots"]) for e in entries
    }
    assert len(document["circuits"]) == len(entries) / 2
    for one in document["circuits"]:
        assert one["checks"]
        assert one["certificate"] == "proved"
        for stage in ("logical", "compiled"):
            text = Path("x/qasm3", one[stage]).read_text(encoding="utf-8")
            assert qasm3.loads(text).num_clbits >= 2
            kept = folder / "circuits" / stage / f"{one['circuit']}.qasm"
            assert text == kept.read_text(encoding="utf-8")
    delays = [path for path in Path("x/qasm3/compiled").iterdir() if "12.5us" in path.name]
    assert all("delay[1.25e-05s]" in path.read_text(encoding="utf-8") for path in delays)


def test_qpy_holds_all_circuits_in_one_file(invoke: Invoke, folder: Path) -> None:
    assert invoke("export", "abc", "--format", "qpy", "--to", "all.qpy").exit_code == 0
    circuits = qpy.load(io.BytesIO(Path("all.qpy").read_bytes()))
    stems = list(dict.fromkeys(entry["circuit"] for entry in index_of(folder)))
    assert [c.name for c in circuits] == [
        f"{s}-{t}" for s in stems for t in ("logical", "compiled")
    ]
    for circuit in circuits:
        about = circuit.metadata
        with (folder / "circuits" / about["stage"] / f"{about['circuit']}.qpy").open("rb") as file:
            (kept,) = qpy.load(file)
        assert circuit.decompose(["encrypt", "decrypt"]) == kept.decompose(["encrypt", "decrypt"])
        assert len(about["runs"]) == 2
        waits = {
            (one.operation.duration.value.value(), one.operation.duration.value.unit())
            for one in circuit
            if one.name == "delay"
        }
        assert waits == ({(12.5, "us")} if "12.5us" in about["circuit"] else set())


def test_the_same_bytes_twice_and_nothing_is_overwritten_unasked(
    invoke: Invoke, folder: Path
) -> None:
    everything = ("export", "abc", "--format", ",".join(FORMATS), "--json")
    first = json.loads(invoke(*everything).stdout)
    default = Path(f"{first['run']}-export")
    assert {Path(one["path"]).parts[0] for one in first["files"]} == {default.name}
    for one in first["files"]:
        content = Path(one["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
    refused = invoke(*everything)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "--force" in refused.stderr
    (default / "results.csv").write_text("mine", encoding="utf-8")
    assert json.loads(invoke(*everything, "--force").stdout) == first
    assert (default / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()


def test_one_file_in_the_way_keeps_all_from_being_written(invoke: Invoke, folder: Path) -> None:
    Path("x").mkdir()
    Path("x/results.json").write_text("mine", encoding="utf-8")
    result = invoke("export", "abc", "--format", "csv,json", "--to", "x")
    assert result.exit_code == 1
    assert "'x/results.json' is there already" in result.stderr
    assert [path.name for path in Path("x").iterdir()] == ["results.json"]


@pytest.mark.parametrize("name", ["latest", "ab", "runs/abc", "./runs/abc/"])
def test_a_run_is_found_by_name_and_path(invoke: Invoke, folder: Path, name: str) -> None:
    result = invoke("export", name, "--format", "csv", "--to", "x")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("x/results.csv: 8 rows, ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "paquet"], "did you mean 'parquet'?"),
        (["--format", "xlsx"], "there are csv, parquet, json, qasm3, qpy"),
        (["--format", ","], "names none"),
        (["--format", "qpy", "--counts"], "--counts makes tables"),
        (["--format", "csv,json", "--to", "r.csv"], "name a folder"),
        (["--format", "csv", "--to", "r.json"], "name a folder"),
        ([], "Missing option '--format'"),
    ],
)
def test_wrong_usage_exits_with_2(
    invoke: Invoke, folder: Path, arguments: list[str], words: str
) -> None:
    result = invoke("export", "abc", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert [path.name for path in Path().iterdir()] == ["runs"]


def test_a_missing_library_is_named_with_the_way_to_install_it(
    invoke: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = invoke("export", "abc", "--format", "csv,parquet", "--to", "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'enclone[parquet]'" in result.stderr
    assert not Path("x").exists()


@pytest.mark.parametrize("wanted", ["csv", "csv --counts", "qasm3", "qpy"])
@pytest.mark.parametrize("lost", ["results.json", "circuits", "counts"])
def test_a_folder_that_lacks_something_is_one_line(
    invoke: Invoke, folder: Path, wanted: str, lost: str
) -> None:
    path = folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    needed = {"csv": "results.json", "qasm3": "circuits", "qpy": "circuits"}.get(wanted)
    fails = lost == needed or (needed is None and lost in ("circuits", "counts"))
    result = invoke("export", "abc", "--to", "x", "--format", *wanted.split())
    assert result.exit_code == int(fails), result.stderr
    assert len(result.stderr.splitlines()) == int(fails)


ASK = """\
import sys
from runner.cli.commands import main
for command in (["export", "abc", "--format", "csv,qpy"], ["verify", "abc"]):
    try:
        main(command)
    except SystemExit as end:
        assert end.code == 0, (command, end.code)
clients = ("boto3", "botocore", "braket", "qiskit_ibm_runtime", "qiskit_aer", "requests")
sys.exit(f"imported: {found}" if (found := [c for c in clients if c in sys.modules]) else 0)
"""


def test_no_client_of_a_provider_is_loaded_and_no_store_opened(
    folder: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=tmp_path,
        env=environment(ENCLONE_STORE="postgresql+psycopg://nobody@nowhere.invalid/none"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "no difference"
