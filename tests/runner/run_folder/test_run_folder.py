"""The run folder: everything in it can be read back and recomputed without the application."""

import csv
import hashlib
import json
import math
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openqasm3
import pytest
from qiskit import qasm3, qpy
from qiskit.circuit import QuantumCircuit
from runs import Finished
from scipy.stats import beta

import runner
from experiments.protocol import Cloning
from experiments.readout import build_settings

Row = dict[str, Any]
Finish = Callable[..., Finished]
ONE = "experiment: {kind: entanglement, n: 2}\nshots: 300\n"

WEIGHTS = {"bsm": (0.0, [1.0]), "parity": (-0.5, [0.5, 0.5, 0.5])}
LABELS = {
    "bsm": ["bell"],
    "parity": ["ZZ", "YY", "XX"],
    "witness": ["stabilizer-Z", "stabilizer-Y", "stabilizer-X"],
}


def label(row: Row) -> str:
    return f"n{row['n']:02d}-clone{row['clone']}-{row['strategy']}-{row['estimator']}"


def index_of(run: Finished) -> dict[str, Row]:
    return {entry["name"]: entry for entry in run.read_json("circuits/index.json")}


def entries_of(run: Finished, row: Row) -> list[Row]:
    """The circuits behind a row, in the order of the estimator's weights."""
    kind = "witness" if row["strategy"] == "witness" else row["estimator"]
    index = index_of(run)
    return [index[f"{label(row)}-{one}-r{row['repeat']}"] for one in LABELS[kind]]


def outcomes(run: Finished, entry: Row) -> list[int]:
    """One integer a shot, bit c of the circuit being bit c."""
    with np.load(run.folder / "counts" / f"{entry['name']}.npz") as stored:
        return [int.from_bytes(shot.tobytes(), "big") for shot in stored["shots"]]


def circuit_file(run: Finished, stage: str, entry: Row, suffix: str) -> Path:
    return run.folder / "circuits" / stage / f"{entry['circuit']}.{suffix}"


def load_qpy(path: Path) -> QuantumCircuit:
    with path.open("rb") as file:
        (circuit,) = qpy.load(file)
    assert isinstance(circuit, QuantumCircuit)
    return circuit


def elementary(circuit: QuantumCircuit) -> QuantumCircuit:
    # Read back, a gate of our own is a gate of that name and definition, not of that class.
    return circuit.decompose(["encrypt", "decrypt"])


def instructions(circuit: QuantumCircuit) -> list[tuple[Any, ...]]:
    """What a circuit does, without the names of its registers and barriers."""
    plain = elementary(circuit)
    return [
        (
            one.operation.name,
            [float(parameter) for parameter in one.operation.params],
            [plain.find_bit(bit).index for bit in one.qubits],
            [plain.find_bit(bit).index for bit in one.clbits],
        )
        for one in plain.data
    ]


def test_the_folder_holds_what_is_promised(small: Finished) -> None:
    assert sorted(path.name for path in small.folder.iterdir()) == [
        "SHA256SUMS",
        "circuits",
        "config.yaml",
        "counts",
        "device.json",
        "figures",
        "provenance.json",
        "report.html",
        "resolved.json",
        "results.csv",
        "results.json",
    ]


def test_an_ideal_run_has_no_device(ideal: Finished) -> None:
    assert not (ideal.folder / "device.json").exists()
    assert ideal.read_json("provenance.json")["device"] is None
    assert "ideal: no noise" in (ideal.folder / "report.html").read_text(encoding="utf-8")


def test_the_configuration_is_kept_as_given(finish: Finish) -> None:
    given = "\ufeff# naïve – comment\r\n" + ONE.replace("\n", "\r\n") + "# no end of line"
    run = finish(given, "-o", "backend.device=ideal")
    kept = (run.folder / "config.yaml").read_bytes()
    assert kept == given.encode()
    assert run.read_json("provenance.json")["config_sha256"] == hashlib.sha256(kept).hexdigest()
    assert run.read_json("provenance.json")["overrides"] == ["backend.device=ideal"]


def test_every_default_is_resolved(small: Finished) -> None:
    resolved = small.read_json("resolved.json")
    assert resolved["experiment"]["n"] == [2, 3]
    assert resolved["compile"] == {
        **{"strategy": "stock", "seeds": 4, "layouts": "best"},
        **{"seconds": 20.0, "moves": None, "decoupling": "none"},
    }
    assert (resolved["seed"], resolved["repeats"], resolved["shots"]) == (7, 1, 500)


def test_what_was_resolved_runs_to_the_same_counts(finish: Finish, small: Finished) -> None:
    text = (small.folder / "resolved.json").read_text(encoding="utf-8")
    again = finish(text, "-o", "experiment.n=2", "-o", "experiment.decrypt.strategy=frame")
    expected = [row for row in small.rows if row["n"] == 2 and row["strategy"] == "frame"]
    # Jobs hold as many circuits as fit, so a smaller sweep has others.
    assert [{**row, "jobs": None} for row in again.rows] == [
        {**row, "jobs": None} for row in expected
    ]


def test_provenance_names_versions(small: Finished) -> None:
    provenance = small.read_json("provenance.json")
    assert provenance["enclone"] == runner.__version__
    assert {"qiskit", "stim", "numpy"} <= set(provenance["packages"])
    assert provenance["packages"] == {name: version(name) for name in provenance["packages"]}
    assert re.fullmatch(r"3\.\d+\.\d+\S*", provenance["python"])
    commit = provenance["git_commit"]
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}", commit)


def test_provenance_names_the_packages_of_the_provider(finish: Finish) -> None:
    text = """
experiment: {kind: entanglement, n: 2, estimator: bsm}
backend: {provider: braket-local, device: ideal}
compile: {seeds: 1}
shots: 10
"""
    packages = finish(text).read_json("provenance.json")["packages"]
    assert packages["amazon-braket-sdk"] == version("amazon-braket-sdk")


def test_provenance_names_the_calibration(small: Finished) -> None:
    device = small.read_json("provenance.json")["device"]
    archived = (small.folder / "device.json").read_bytes()
    assert device["name"] == "ibm_kingston"
    assert datetime.fromisoformat(device["calibrated_at"]).year >= 2025
    assert device["sha256"] == hashlib.sha256(archived).hexdigest()
    assert json.loads(archived)["calibrated_at"] == device["calibrated_at"]


def test_every_circuit_is_listed_once_and_proved(small: Finished) -> None:
    entries = small.read_json("circuits/index.json")
    assert len({entry["name"] for entry in entries}) == len(entries) == 2 * (3 * 4 + 3)
    assert len({entry["identity"] for entry in entries}) == len(entries)
    assert {entry["certificate"]["status"] for entry in entries} == {"proved"}
    for stage in ("logical", "compiled"):
        names = {path.name for path in (small.folder / "circuits" / stage).iterdir()}
        assert names == {f"{e['circuit']}.{s}" for e in entries for s in ("qasm", "qpy")}
    counted = {path.stem for path in (small.folder / "counts").iterdir()}
    assert counted == {entry["name"] for entry in entries}


def test_logical_circuits_are_the_protocol_with_named_registers(small: Finished) -> None:
    for row in small.rows:
        cloning = Cloning(row["n"], row["clone"], row["strategy"])
        for entry, setting in zip(
            entries_of(small, row), build_settings(cloning, row["estimator"]), strict=True
        ):
            circuit = load_qpy(circuit_file(small, "logical", entry, "qpy"))
            assert elementary(circuit) == elementary(setting.circuit)
            assert circuit.count_ops() == setting.circuit.count_ops()
            assert [register.name for register in circuit.qregs] == ["R", "A", "S", "N"]


@pytest.mark.parametrize("stage", ["logical", "compiled"])
def test_openqasm_says_what_qpy_says(small: Finished, stage: str) -> None:
    for entry in small.read_json("circuits/index.json"):
        text = circuit_file(small, stage, entry, "qasm").read_text(encoding="utf-8")
        assert text == qasm3.dumps(load_qpy(circuit_file(small, stage, entry, "qpy")))


@pytest.mark.parametrize("stage", ["logical", "compiled"])
def test_openqasm_loads_back_as_the_same_circuit(small: Finished, stage: str) -> None:
    # Qiskit's importer does not know the exclusive or in the conditions of feedforward.
    entries = [e for e in small.read_json("circuits/index.json") if "feedforward" not in e["name"]]
    assert len(entries) == 22
    for entry in entries:
        text = circuit_file(small, stage, entry, "qasm").read_text(encoding="utf-8")
        original = load_qpy(circuit_file(small, stage, entry, "qpy"))
        assert instructions(qasm3.loads(text)) == instructions(original)


@pytest.mark.parametrize("stage", ["logical", "compiled"])
def test_openqasm_of_feedforward_is_read_by_the_reference_parser(
    small: Finished, stage: str
) -> None:
    for entry in small.read_json("circuits/index.json"):
        if "feedforward" in entry["name"]:
            text = circuit_file(small, stage, entry, "qasm").read_text(encoding="utf-8")
            statements = openqasm3.parse(text).statements
            conditions = [s for s in statements if isinstance(s, openqasm3.ast.BranchingStatement)]
            assert len(conditions) == 2


def test_compiled_circuits_use_what_the_device_offers(small: Finished) -> None:
    device = small.read_json("device.json")
    pairs = {tuple(coupler["qubits"]) for coupler in device["couplers"]}
    native = {"rz", "sx", "x", "cz", "measure", "barrier", "if_else", "delay", "reset"}
    for entry in small.read_json("circuits/index.json"):
        circuit = load_qpy(circuit_file(small, "compiled", entry, "qpy"))
        assert set(circuit.count_ops()) <= native
        used = {
            tuple(circuit.find_bit(q).index for q in one.qubits)
            for one in circuit.get_instructions("cz")
        }
        assert used <= pairs


def test_certificates_count_the_two_qubit_gates(small: Finished) -> None:
    for row in small.rows:
        entries = entries_of(small, row)
        gates, layers = [], []
        for entry in entries:
            circuit = load_qpy(circuit_file(small, "compiled", entry, "qpy"))
            gates.append(circuit.count_ops()["cz"])
            layers.append(circuit.depth(lambda one: one.operation.name == "cz"))
            certificate = entry["certificate"]
            assert certificate["two_qubit_gates"] == gates[-1]
            assert certificate["two_qubit_layers"] == layers[-1]
        assert (row["two_qubit_gates"], row["two_qubit_layers"]) == (max(gates), max(layers))


def successes(run: Finished, entry: Row) -> tuple[int, int]:
    shots = outcomes(run, entry)
    good = [
        shot
        for shot in shots
        if all(
            sum(shot >> bit & 1 for bit in check["bits"]) % 2 == check["parity"]
            for check in entry["checks"]
        )
    ]
    return len(good), len(shots)


def recomputed(run: Finished, row: Row) -> dict[str, float]:
    """Value, error and exact interval of all shots together, from nothing but the files."""
    offset, weights = WEIGHTS[row["estimator"]]
    counts = [successes(run, entry) for entry in entries_of(run, row)]
    value, variance = offset, 0.0
    for weight, (good, shots) in zip(weights, counts, strict=True):
        value += weight * good / shots
        smooth = (good + 0.5) / (shots + 1)
        variance += weight**2 * smooth * (1 - smooth) / shots
    good, shots = (sum(numbers) for numbers in zip(*counts, strict=True))
    # Of several settings, 2 % of the error is for the chance that they differ visibly.
    tail = 0.025 * (0.98 if len(counts) > 1 else 1.0)
    low = beta.ppf(tail, good, shots - good + 1) if good else 0.0
    high = beta.ppf(1 - tail, good + 1, shots - good) if good < shots else 1.0
    return {
        "value": value,
        "std_err": math.sqrt(variance),
        "ci_low": max(0.0, offset + sum(weights) * low),
        "ci_high": min(1.0, offset + sum(weights) * high),
    }


@pytest.mark.parametrize("run", ["small", "ideal"])
def test_results_follow_from_the_counts(run: str, request: pytest.FixtureRequest) -> None:
    finished: Finished = request.getfixturevalue(run)
    for row in finished.rows:
        numbers = recomputed(finished, row)
        assert {key: row[key] for key in numbers} == pytest.approx(numbers, abs=1e-9)
        assert row["witnessed"] == (numbers["ci_low"] > 0.5)


def test_counts_hold_every_shot_of_every_bit(small: Finished) -> None:
    for entry in small.read_json("circuits/index.json"):
        with np.load(small.folder / "counts" / f"{entry['name']}.npz") as stored:
            bits = int(stored["num_bits"])
            assert stored["shots"].dtype == np.uint8
            assert stored["shots"].shape == (500, math.ceil(bits / 8))
        assert entry["shots"] == 500
        assert max(outcomes(small, entry)).bit_length() <= bits
        circuit = load_qpy(circuit_file(small, "compiled", entry, "qpy"))
        assert circuit.num_clbits == bits


def test_counts_are_an_archive_without_a_date(small: Finished) -> None:
    for path in (small.folder / "counts").iterdir():
        with zipfile.ZipFile(path) as archive:
            assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_predictions_follow_from_those_of_the_circuits(small: Finished) -> None:
    for row in small.rows:
        offset, weights = WEIGHTS[row["estimator"]]
        chances = [entry["predicted_success"] for entry in entries_of(small, row)]
        value = offset + sum(w * p for w, p in zip(weights, chances, strict=True))
        assert row["predicted"] == pytest.approx(value, abs=1e-12)


def test_a_row_names_the_jobs_of_its_circuits(small: Finished) -> None:
    for row in small.rows:
        assert {entry["job"] for entry in entries_of(small, row)} == set(row["jobs"])
    assert {job for row in small.rows for job in row["jobs"]} != set()


def test_the_csv_says_what_the_json_says(small: Finished) -> None:
    def cell(value: Any) -> str:
        if isinstance(value, list):
            return " ".join(value)
        return "" if value is None else str(value)

    with (small.folder / "results.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert table == [{key: cell(value) for key, value in row.items()} for row in small.rows]


def test_text_files_end_their_lines_alike_on_every_system(small: Finished) -> None:
    for name in ("results.csv", "results.json", "provenance.json", "report.html"):
        assert b"\r" not in (small.folder / name).read_bytes()
