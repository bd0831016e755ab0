"""Verification: a run is recomputed from its counts, and what was changed is found and named."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_runs import BELL, STEM, XX, ZZ, Invoke, Verified, change_json, hashed_again, read_json
from qiskit.circuit import Barrier, QuantumCircuit

import runner
from backends.qpy_bytes import from_qpy, to_qpy

pytestmark = pytest.mark.usefixtures("drawn_once")


def change_shots(path: Path, change: Callable[[Any], Any]) -> None:
    stored = dict(np.load(path))
    np.savez_compressed(path, **{**stored, "shots": change(stored["shots"])})


def flip(shots: Any) -> Any:
    shots[0, -1] ^= 1
    return shots


def change_circuit(path: Path, change: Callable[[QuantumCircuit], object]) -> None:
    circuit = from_qpy(path.read_bytes())
    change(circuit)
    path.write_bytes(to_qpy(circuit))


def drop_a_coupling(circuit: QuantumCircuit) -> None:
    del circuit.data[next(k for k, one in enumerate(circuit.data) if one.name == "cz")]


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
        **{"counts": 8, "shots": 1600, "counts_drawn_again": 8},
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
    inputs |= {"provenance.json"}
    assert named == inputs | {p.relative_to(folder).as_posix() for p in raw if p.is_file()}


@pytest.mark.parametrize("knowing", [False, True], ids=["", "with new hashes"])
def test_a_changed_count_is_found(folder: Path, verified: Verified, knowing: bool) -> None:
    name = f"counts/{BELL}-r0.npz"
    change_shots(folder / name, flip)
    if knowing:
        hashed_again(folder)
    found = verified()
    assert found.exit_code == 1
    whats = [row["what"] for row in found.about(name)]
    assert whats == [*([] if knowing else ["sha256"]), "shots"]
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
    assert [(row["what"], row["file"]) for row in found.rows] == [
        ("sha256", name),
        ("shots", name),
    ]


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
    row = found.about(f"counts/{BELL}-r0.npz")[0]
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
        "circuits/planned.json",
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
            for name in (
                *("provenance.json", "results.json", "resolved.json"),
                *("circuits/index.json", "circuits/planned.json"),
            )
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
    # Whoever writes all hashes anew leaves a file that is what is written of it.
    assert bool(found.about(path)) is not knowing
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
