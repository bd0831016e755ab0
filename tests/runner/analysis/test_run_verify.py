"""Verification: a run is recomputed from its counts, and what was changed is found and named."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from qiskit.circuit import Barrier, QuantumCircuit
from runs import run_folders

import runner
from backends.adapter import Adapter, CircuitFailure
from backends.providers.registry import open_adapter
from backends.qpy_bytes import from_qpy, to_qpy
from runner.cli.commands import main
from runner.report.figure import figure_files
from runner.results.rows import ResultRow
from runner.run_folder.checksums import write_checksums

Invoke = Callable[..., Result]

SMALL = """\
name: checked
experiment: {kind: entanglement, n: 2, decrypt: {strategy: frame}, estimator: [bsm, parity]}
compile: {seeds: 1}
shots: 200
repeats: 2
"""
STEM = "n02-clone1-frame"
BELL = f"{STEM}-bsm-bell"
ZZ, XX = f"{STEM}-parity-ZZ", f"{STEM}-parity-XX"


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


DRAWN: dict[Any, dict[str, bytes]] = {}


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal rows are drawn once for all tests: drawing would take most of their time."""

    def drawn(folder: Path, rows: Sequence[ResultRow], title: str) -> dict[str, bytes]:
        key = (tuple(rows), title)
        if key not in DRAWN:
            DRAWN[key] = figure_files(folder, rows, title)
        return DRAWN[key]

    monkeypatch.setattr("runner.report.report.figure_files", drawn)


@dataclass(frozen=True)
class Found:
    exit_code: int
    document: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.document["differences"]
        return rows

    def about(self, file: str) -> list[dict[str, str]]:
        return [row for row in self.rows if row["file"] == file]


@pytest.fixture
def verified(invoke: Invoke, folder: Path) -> Callable[[], Found]:
    def verify() -> Found:
        result = invoke("verify", str(folder), "--json")
        assert isinstance(result.exception, SystemExit | None)
        return Found(result.exit_code, json.loads(result.stdout))

    return verify


Verified = Callable[[], Found]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def change_json(path: Path, change: Callable[[Any], object]) -> None:
    document = read_json(path)
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def hashed_again(folder: Path) -> None:
    """What somebody does who changes a file and knows of the hashes."""
    digest = write_checksums(folder)
    change_json(folder / "provenance.json", lambda p: p.update(checksums_sha256=digest))


def change_shots(path: Path, change: Callable[[Any], Any]) -> None:
    with np.load(path) as stored:
        shots, bits = stored["shots"].copy(), stored["num_bits"]
    np.savez_compressed(path, shots=change(shots), num_bits=bits)


def flip(shots: Any) -> Any:
    shots[0, -1] ^= 1
    return shots


def change_circuit(path: Path, change: Callable[[QuantumCircuit], object]) -> None:
    circuit = from_qpy(path.read_bytes())
    change(circuit)
    path.write_bytes(to_qpy(circuit))


def drop_a_coupling(circuit: QuantumCircuit) -> None:
    del circuit.data[next(k for k, one in enumerate(circuit.data) if one.name == "cz")]


# --- nothing is wrong


def test_a_run_agrees_with_itself_wherever_it_lies(
    invoke: Invoke, folder: Path, verified: Verified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCLONE_STORE", "postgresql+psycopg://nobody@nowhere.invalid/none")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = verified()
    assert (found.exit_code, found.rows, found.document["remarks"]) == (0, [], [])
    assert found.document["agrees"] is True
    assert found.document["checked"] == {
        **{"points": 4, "circuits": 8, "certificates_proved": 4},
        **{"counts": 8, "shots": 1600},
    }
    assert found.document["run"] == read_json(folder / "provenance.json")["run"]
    assert found.document["made_by"]["enclone"] == runner.__version__
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = invoke("verify", "here", "--out", "moved")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "no difference")
    assert re.search(r"^verifying .* 2/2 ", result.stderr, re.MULTILINE)
    assert f"made by enclone {runner.__version__}" in result.stdout


def test_the_hashes_are_read_by_the_usual_tool(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+", line) for line in lines)
    named = {line.split("  ")[1] for line in lines}
    inputs = {"config.yaml", "resolved.json", "device.json"}
    raw = [p for place in ("circuits", "counts") for p in (folder / place).rglob("*")]
    assert named == inputs | {p.relative_to(folder).as_posix() for p in raw if p.is_file()}


# --- something was changed


@pytest.mark.parametrize("knowing", [False, True], ids=["", "with new hashes"])
def test_a_changed_count_is_found(folder: Path, verified: Verified, knowing: bool) -> None:
    name = f"counts/{BELL}-r0.npz"
    change_shots(folder / name, flip)
    if knowing:
        hashed_again(folder)
    found = verified()
    assert found.exit_code == 1
    assert [row["what"] for row in found.about(name)] == ([] if knowing else ["sha256"])
    row = read_json(folder / "results.json")[0]
    (value,) = (r for r in found.about("results.json") if r["what"] == f"{STEM}-bsm-r0: value")
    assert float(value["stored"]) == row["value"]
    assert abs(float(value["recomputed"]) - row["value"]) == pytest.approx(1 / 200)
    assert f"{STEM}-bsm-r0: value" in {r["what"] for r in found.about("results.csv")}
    assert not any(BELL not in r["what"] and "-bsm-r0" not in r["what"] for r in found.about("x"))
    figures = {r["file"] for r in found.rows if r["file"].startswith("figures/")}
    assert {Path(name).suffix for name in figures} == {".csv", ".png", ".svg"}
    assert found.about("report.html")


def test_shots_in_another_order_are_found_by_their_hash(folder: Path, verified: Verified) -> None:
    name = f"counts/{ZZ}-r1.npz"
    change_shots(folder / name, lambda shots: shots[::-1])
    found = verified()
    assert [(row["what"], row["file"]) for row in found.rows] == [("sha256", name)]


def test_counts_of_another_circuit_are_found(folder: Path, verified: Verified) -> None:
    path = folder / "counts" / f"{BELL}-r0.npz"
    np.savez_compressed(path, shots=np.zeros((200, 2), dtype=np.uint8), num_bits=np.array(9))
    hashed_again(folder)
    whats = {row["what"]: row for row in verified().about(f"counts/{BELL}-r0.npz")}
    bits = from_qpy((folder / f"circuits/compiled/{BELL}.qpy").read_bytes()).num_clbits
    assert (whats["bits of a shot"]["stored"], whats["bits of a shot"]["recomputed"]) == (
        "9",
        str(bits),
    )


def test_missing_shots_are_found(folder: Path, verified: Verified) -> None:
    change_shots(folder / "counts" / f"{BELL}-r0.npz", lambda shots: shots[:-5])
    hashed_again(folder)
    found = verified()
    (row,) = found.about(f"counts/{BELL}-r0.npz")
    assert (row["what"], row["stored"], row["recomputed"]) == ("shots", "195", "200")
    assert f"{BELL}-r0: shots" in {row["what"] for row in found.about("circuits/index.json")}


def test_a_changed_number_in_the_csv_is_found(folder: Path, verified: Verified) -> None:
    path = folder / "results.csv"
    value = read_json(folder / "results.json")[1]["value"]
    text = path.read_text(encoding="utf-8")
    assert text.count(f",{value},") == 1
    path.write_text(text.replace(f",{value},", f",{value}1,"), encoding="utf-8")
    found = verified()
    assert found.exit_code == 1
    (row,) = found.rows
    assert row == {
        "what": f"{STEM}-parity-r0: value",
        "file": "results.csv",
        "stored": f"{value}1",
        "recomputed": str(value),
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("value", 0.99), ("ci_low", 0.5), ("predicted", 0.9), ("witnessed", False)],
        *[("certificate", "unverified"), ("jobs", ["another"]), ("mitigated", 1.0)],
    ],
)
def test_a_changed_result_is_found(
    folder: Path, verified: Verified, field: str, value: object
) -> None:
    change_json(folder / "results.json", lambda rows: rows[0].update({field: value}))
    found = verified()
    assert found.exit_code == 1
    assert [(row["what"], row["file"]) for row in found.rows] == [
        (f"{STEM}-bsm-r0: {field}", "results.json")
    ]


def test_rounding_is_no_difference(folder: Path, verified: Verified) -> None:
    """Another processor may give other last digits, and then everywhere."""
    old = repr(read_json(folder / "results.json")[0]["ci_low"])
    new = repr(float(old) + 2e-16)
    assert new != old
    for name in ("results.json", "results.csv", "figures/entanglement_fidelity.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    assert verified().rows == []


@pytest.mark.parametrize(
    "name",
    [
        *["results.csv", "results.json", "SHA256SUMS", "report.html", "config.yaml"],
        *["resolved.json", "provenance.json", "device.json", "circuits/index.json"],
        *[f"figures/entanglement_fidelity.{s}" for s in ("csv", "png", "svg")],
        *[
            f"circuits/{stage}/{XX}.{s}"
            for stage in ("logical", "compiled")
            for s in ("qpy", "qasm")
        ],
        f"counts/{XX}-r1.npz",
    ],
)
def test_a_missing_file_is_named(folder: Path, verified: Verified, name: str) -> None:
    (folder / name).unlink()
    found = verified()
    assert found.exit_code == 1
    assert len([row for row in found.about(name) if row["what"] == "file"]) == 1
    # Derived files do not hide that the rest agrees.
    if name.startswith(("figures", "report", "results", "SHA")):
        assert len(found.rows) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *[
            (name, b"[{}]")
            for name in ("provenance.json", "results.json", "resolved.json", "circuits/index.json")
        ],
        *[("results.csv", b"\xff"), ("config.yaml", b"[{}]"), ("device.json", b"{}")],
        *[("circuits/index.json", b'[{"failure": 3}]'), ("circuits/index.json", b"[3]")],
        *[
            ("provenance.json", b""),
            ("provenance.json", b"{}"),
            ("SHA256SUMS", b"\xff"),
            (f"counts/{XX}-r1.npz", b""),
        ],
        *[(f"circuits/compiled/{XX}.qpy", b""), (f"circuits/logical/{XX}.qasm", b"\xff")],
    ],
)
def test_a_damaged_file_is_named(
    folder: Path, verified: Verified, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    found = verified()
    assert found.exit_code == 1
    assert found.about(name)


@pytest.mark.parametrize("knowing", [False, True], ids=["", "with new hashes"])
def test_an_edited_compiled_circuit_is_found(
    folder: Path, verified: Verified, knowing: bool
) -> None:
    path = f"circuits/compiled/{BELL}.qpy"
    change_circuit(folder / path, drop_a_coupling)
    if knowing:
        hashed_again(folder)
    found = verified()
    assert found.exit_code == 1
    assert "sha256" not in {row["what"] for row in found.about(path)} or not knowing
    assert found.about(path)
    assert [row["what"] for row in found.about(path.replace("qpy", "qasm"))] == ["OpenQASM 3"]
    rows = {row["what"]: row for row in found.about("circuits/index.json")}
    proof = rows[f"{BELL}-r0: certificate: status"]
    assert (proof["stored"], proof["recomputed"]) == ("proved", "failed")
    value = next(r for r in found.about("results.json") if r["what"] == f"{STEM}-bsm-r1: value")
    assert value["recomputed"] == "nothing"


def test_a_circuit_that_the_device_cannot_run_is_found(folder: Path, verified: Verified) -> None:
    path = f"circuits/compiled/{BELL}.qpy"
    change_circuit(folder / path, lambda circuit: circuit.cz(0, 100))
    hashed_again(folder)
    found = verified()
    assert "prediction" in {row["what"] for row in found.about(path)}


@pytest.mark.parametrize(
    "change", [lambda c: c.x(0), lambda c: _name_stage(c)], ids=["a gate more", "another stage"]
)
def test_an_edited_logical_circuit_is_found(
    folder: Path, verified: Verified, change: Callable[[QuantumCircuit], object]
) -> None:
    path = f"circuits/logical/{ZZ}.qpy"
    change_circuit(folder / path, change)
    hashed_again(folder)
    assert "logical circuit" in {row["what"] for row in verified().about(path)}


def _name_stage(circuit: QuantumCircuit) -> None:
    place = max(k for k, one in enumerate(circuit.data) if one.name == "barrier")
    barrier = Barrier(len(circuit.data[place].qubits), label="another")
    circuit.data[place] = circuit.data[place].replace(operation=barrier)


def test_an_edited_openqasm_file_is_found(folder: Path, verified: Verified) -> None:
    name = f"circuits/compiled/{ZZ}.qasm"
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("cz ", "cx ", 1), encoding="utf-8")
    assert {(row["what"], row["file"]) for row in verified().rows} == {
        ("sha256", name),
        ("OpenQASM 3", name),
    }


@pytest.mark.parametrize("name", ["config.yaml", "resolved.json"])
def test_configurations_that_do_not_agree_are_found(
    folder: Path, verified: Verified, name: str
) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("frame", "unitary"), encoding="utf-8")
    hashed_again(folder)
    found = verified()
    assert found.exit_code == 1
    (row,) = (r for r in found.about("resolved.json") if "resolves" in r["what"])
    assert row["what"] == "what config.yaml resolves to: experiment: decrypt: strategy"
    assert {row["stored"], row["recomputed"]} == {'["frame"]', '["unitary"]'}


def test_another_calibration_is_found(folder: Path, verified: Verified) -> None:
    def worse(device: Any) -> None:
        for qubit in device["qubits"]:
            qubit["readout_error"] = 0.2

    change_json(folder / "device.json", worse)
    hashed_again(folder)
    found = verified()
    assert [r["what"] for r in found.about("device.json")] == ["sha256 by provenance.json"]
    assert f"{STEM}-bsm-r0: predicted" in {r["what"] for r in found.about("results.json")}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda index: index[0].update(identity="0" * 64), f"{BELL}-r0: identity"),
        (lambda index: index[0]["checks"][0].update(parity=1), f"{BELL}-r0: checks"),
        (lambda index: index[0].update(predicted_success=0.5), f"{BELL}-r0: predicted_success"),
        (
            lambda index: index[0]["certificate"]["checks"].update(stages=False),
            f"{BELL}-r0: certificate: checks: stages",
        ),
        (lambda index: index.pop(0), f"{BELL}-r0"),
        (lambda index: index.append({**index[0], "name": "another"}), "another"),
    ],
)
def test_a_changed_index_is_found(
    folder: Path, verified: Verified, change: Callable[[Any], object], what: str
) -> None:
    change_json(folder / "circuits" / "index.json", change)
    hashed_again(folder)
    assert what in {row["what"] for row in verified().about("circuits/index.json")}


def test_a_file_too_many_is_found(folder: Path, verified: Verified) -> None:
    shutil.copy(folder / "counts" / f"{BELL}-r0.npz", folder / "counts" / f"{BELL}-r2.npz")
    hashed_again(folder)
    assert [(r["what"], r["file"]) for r in verified().rows] == [("file", f"counts/{BELL}-r2.npz")]


@pytest.mark.parametrize("name", ["figures/entanglement_fidelity.svg", "report.html"])
def test_a_changed_picture_or_report_is_found(folder: Path, verified: Verified, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("witness", "witnes", 1), encoding="utf-8")
    assert [(row["what"], row["file"]) for row in verified().rows] == [("content", name)]


def test_a_changed_provenance_is_found(folder: Path, verified: Verified) -> None:
    def change(provenance: Any) -> None:
        provenance["started_at"] = "2020-01-01T00:00:00+00:00"
        provenance["device"]["calibrated_at"] = "2020-01-01T00:00:00+00:00"
        provenance["circuits"]["counted"] = 9

    change_json(folder / "provenance.json", change)
    found = verified()
    assert {row["what"] for row in found.about("provenance.json")} == {
        *("device: calibrated_at", "circuits that have counts")
    }
    assert found.about("report.html")


def test_differences_are_lines_of_text(invoke: Invoke, folder: Path) -> None:
    change_json(folder / "results.json", lambda rows: rows[0].update(value=0.25))
    result = invoke("verify", str(folder))
    assert result.exit_code == 1
    first, *_, last = result.stdout.splitlines()
    assert first.startswith(f"results.json: {STEM}-bsm-r0: value: stored 0.25, recomputed 0.")
    assert last == "1 difference"


# --- runs of other versions, and of which a part is missing


def test_a_run_of_an_older_version_is_compared_as_far_as_can_be(
    folder: Path, verified: Verified
) -> None:
    def older(provenance: Any) -> None:
        del provenance["run"], provenance["checksums_sha256"], provenance["packages"]["matplotlib"]
        provenance.update(enclone="0.0.9", git_commit=None)

    change_json(folder / "provenance.json", older)
    (folder / "SHA256SUMS").unlink()
    change_json(folder / "results.json", lambda rows: [row.pop("mitigated_err") for row in rows])
    lines = (folder / "results.csv").read_text(encoding="utf-8").splitlines()
    shorter = "".join(line.rpartition(",")[0] + "\n" for line in lines)
    (folder / "results.csv").write_text(shorter, encoding="utf-8")
    change_json(folder / "resolved.json", lambda resolved: resolved["compile"].pop("moves"))
    (folder / "report.html").write_text("as it was then", encoding="utf-8")
    found = verified()
    assert (found.exit_code, found.rows) == (0, [])
    assert found.document["made_by"]["enclone"] == "0.0.9"
    hashes, pictures = found.document["remarks"]
    assert "before there were hashes" in hashes
    assert "made by enclone 0.0.9, verified by enclone" in pictures
    change_json(folder / "results.json", lambda rows: rows[0].update(value=0.25))
    assert verified().exit_code == 1


def test_a_run_of_a_newer_version_is_one_line_that_names_it(invoke: Invoke, folder: Path) -> None:
    change_json(folder / "resolved.json", lambda resolved: resolved.update(warp=9))
    change_json(folder / "provenance.json", lambda p: p.update(enclone="9.9.9"))
    result = invoke("verify", str(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "warp" in result.stderr.splitlines()[-1]
    assert "made by enclone 9.9.9" in result.stderr.splitlines()[-1]


def test_an_unfinished_run_is_named(invoke: Invoke, folder: Path) -> None:
    (folder / "results.json").unlink()
    (folder / "circuits" / "index.json").unlink()
    result = invoke("verify", str(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cut short" in result.stderr


def test_a_run_of_which_a_part_failed_agrees_with_itself(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> Adapter:
        adapter = open_adapter(*arguments)
        results = adapter.results

        def partial(job: str) -> list[Any]:
            return [CircuitFailure("lost", "1305"), *list(results(job))[1:]]

        monkeypatch.setattr(adapter, "results", partial)
        return adapter

    monkeypatch.setattr("backends.providers.registry.open_adapter", failing)
    Path("c.yaml").write_text(SMALL.replace("repeats: 2", "repeats: 1"), encoding="utf-8")
    assert invoke("run", "c.yaml").exit_code == 4
    found = json.loads(invoke("verify", "--json").stdout)
    assert (found["differences"], found["checked"]["counts"]) == ([], 3)
    assert found["checked"]["circuits_without_counts"] == 1
    (folder,) = run_folders(Path("runs"))
    shutil.copy(folder / "counts" / f"{ZZ}-r0.npz", folder / "counts" / f"{BELL}-r0.npz")
    result = invoke("verify")
    assert result.exit_code == 1
    assert f"counts/{BELL}-r0.npz: file: stored is there" in result.stdout
