"""``compile: {decoupling: XX}`` as a user meets it: both predictions, pulses counted, refusals."""

import csv
import json

import pytest
from marks import PROTOCOL_COMPILER
from runs import run_folders

pytestmark = PROTOCOL_COMPILER

CONFIG = """\
experiment: {kind: entanglement, n: 3, decrypt: {strategy: frame}}
compile: {strategy: protocol, moves: 3000, seeds: 1, decoupling: XX}
shots: 4000
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "decoupled.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


def test_a_plan_counts_pulses_and_names_the_assumption(invoke, file):
    document = json.loads(invoke("plan", file, "--json").stdout)
    (row,), (compiled,) = document["rows"], document["compiled"]
    placed = compiled["decoupling"]
    assert placed["predicted_if_refocused"] == row["refocused"] > row["predicted"]
    assert placed["predicted_if_white"] == row["predicted"]
    assert placed["pulses"] == 2 * placed["waits"] > 0
    text = invoke("plan", file).stdout
    assert "  if refocused  " in text.splitlines()[0]
    assert (
        "with decoupling assumed perfect (within a pulse train T2 = 2 T1), an upper bound" in text
    )
    assert (
        f"n03-clone1-frame-parity: {placed['pulses']} decoupling pulses in {placed['waits']} "
        f"waits; predicted {row['refocused']:.4f} with decoupling assumed perfect, "
        f"{row['predicted']:.4f} if dephasing is white"
    ) in text
    plain = invoke("plan", file, "-o", "compile.decoupling=none")
    assert "refocused" not in plain.stdout
    assert "decoupling" not in plain.stdout


def test_a_run_keeps_both_predictions_and_simulators_dephase_white(invoke, file, tmp_path):
    (row,) = json.loads(invoke("run", file, "--json").stdout)
    assert row["certificate"] == "proved"
    assert row["value"] == pytest.approx(row["predicted"], abs=4 * row["std_err"])
    (folder,) = run_folders(tmp_path / "runs")
    with (folder / "results.csv").open(encoding="utf-8", newline="") as table:
        (kept,) = csv.DictReader(table)
    assert float(kept["refocused"]) == row["refocused"]
    assert "delay[" in (
        folder / "circuits" / "compiled" / "n03-clone1-frame-parity-ZZ.qasm"
    ).read_text(encoding="utf-8")
    assert "if refocused: predicted with decoupling assumed perfect" in (
        folder / "report.html"
    ).read_text(encoding="utf-8")
    assert json.loads(invoke("resume", "--json").stdout) == [row]
    verified = invoke("verify", str(folder))
    assert verified.exit_code == 0, verified.output
    # Other pulses are another experiment.
    plain = json.loads(invoke("run", file, "--json", "-o", "compile.decoupling=none").stdout)
    assert plain[0]["refocused"] is None
    found = [
        {c["identity"] for c in json.loads((one / "circuits" / "index.json").read_text())}
        for one in run_folders(tmp_path / "runs")
    ]
    assert not found[0] & found[1]


def test_auto_chooses_with_decoupling_assumed(invoke, file):
    narrow = ("-o", "compile.strategy=stock", "-o", "experiment.decrypt.strategy=auto")
    document = json.loads(invoke("plan", file, "--json", *narrow).stdout)
    (row,), (compiled,) = document["rows"], document["compiled"]
    assert compiled["auto"]["predicted"][row["strategy"]] == row["refocused"]
    assert row["refocused"] == max(compiled["auto"]["predicted"].values())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("compile.decoupling=XY3",), "did you mean 'XY4'?"),
        (("compile.decopling=XX",), "did you mean 'decoupling'?"),
        (("backend.device=ideal",), "loses nothing while it waits"),
        (("backend.provider=braket-local",), "'braket-local' keeps no delays"),
        (("backend={provider: braket, device: iqm/garnet}",), "'braket' keeps no delays"),
        (
            (
                "backend={provider: ibm, device: ibm_kingston}",
                "suppression.dynamical_decoupling=XY4",
            ),
            "would both put pulses into the same waits",
        ),
        (
            (
                "backend={provider: ibm, device: ibm_kingston}",
                "experiment.decrypt.strategy=feedforward",
            ),
            "exclude each other on IBM Quantum",
        ),
    ],
)
def test_what_cannot_be_decoupled_is_told(invoke, file, wrong, said):
    done = invoke("validate", file, *(part for one in wrong for part in ("-o", one)))
    assert done.exit_code == 2, done.output
    assert said in done.output


def test_ibm_quantum_takes_our_pulses(invoke, file):
    done = invoke("validate", file, "-o", "backend={provider: ibm, device: ibm_kingston}")
    assert done.exit_code == 0, done.output
