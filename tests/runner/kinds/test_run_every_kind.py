"""Every kind of experiment from YAML to report, and what is refused before anything is compiled."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_cases import Invoke
from kind_texts import CONFIGS, KINDS_OF_RUNS, the_run, written
from runs import run_folders

from runner.kinds.registry import kinds

pytestmark = pytest.mark.usefixtures("in_one_process")


@pytest.mark.parametrize("name", KINDS_OF_RUNS)
def test_every_kind_runs_and_agrees_with_its_prediction(invoke: Invoke, name: str) -> None:
    written(KINDS_OF_RUNS[name])
    plan = json.loads(invoke("plan", "c.yaml", "--json").stdout)["rows"]
    result = invoke("run", "c.yaml", "--json")
    folder = the_run(result)
    rows = json.loads(result.stdout)
    assert len(rows) == len(plan) >= 2
    for planned, row in zip(plan, rows, strict=True):
        assert planned.items() <= row.items()
        assert row["certificate"] == "proved"
        # Five standard errors: the prediction is exact, the shots are 1000.
        assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"], row
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert report.count("<img src=") == 1
    assert "http" not in report.split("<pre>")[0].replace("http-equiv", "")
    assert {p.suffix for p in (folder / "figures").iterdir()} == {".png", ".svg", ".csv"}
    assert invoke("report").stdout == invoke("report").stdout


@pytest.mark.parametrize("name", ["chsh", "inputs"])
def test_equal_configurations_give_equal_bytes(invoke: Invoke, name: str) -> None:
    written(KINDS_OF_RUNS[name])
    for out in ("one", "two"):
        assert invoke("run", "c.yaml", "--out", out).exit_code == 0
    (one,), (two,) = (run_folders(Path(out)) for out in ("one", "two"))
    for file in (
        "results.json",
        "results.csv",
        *(f"figures/{p.name}" for p in (one / "figures").iterdir()),
    ):
        assert (one / file).read_bytes() == (two / file).read_bytes(), file


def test_every_kind_is_listed_with_what_it_does(invoke: Invoke) -> None:
    listed = json.loads(invoke("experiments", "--json").stdout)
    assert [one["kind"] for one in listed] == list(kinds())
    assert all(one["description"] for one in listed)


def test_every_shipped_configuration_is_sound_and_every_kind_has_one(invoke: Invoke) -> None:
    files = sorted(CONFIGS.rglob("*.yaml"))
    assert invoke("validate", *map(str, files)).exit_code == 0
    shipped = "".join(file.read_text(encoding="utf-8") for file in files)
    assert all(f"kind: {kind}" in shipped for kind in kinds())


BAD = [
    ("{kind: iterated, level: 4}", "4 needs", "the largest level there is 2"),
    ("{kind: iterated, level: -1}", "levels are counted from 0", ""),
    ("{kind: iterated, n: 4, level: 20, clones: virtual}", "170 connected", "the largest level"),
    ("{kind: iterated}", "give 'level'", ""),
    ("{kind: iterated, level: 1, path: [0, 2, 1]}", "ends at level 2", "give level: 2"),
    ("{kind: iterated, level: 1, path: [4, 1]}", "no such clone", ""),
    ("{kind: iterated, generations: [[1, 4]]}", "1 to 3 instances, not 4", ""),
    ("{kind: iterated, generations: [[1, 3]], level: [0, 1]}", "2 levels for 1 lists", ""),
    ("{kind: iterated, generations: [[1, 3, 9, 25]]}", "154 connected qubits", "150"),
    ("{kind: iterated, level: 0, decrypt: {strategy: witness}}", "one generation only", ""),
    ("{kind: ghz, r: 23}", "1 to 22 qubits", ""),
    ("{kind: ghz, r: 0}", "1 to 22 qubits", ""),
    ("{kind: ghz, r: 20, n: 4}", "180 connected", "the largest r there is 16"),
    ("{kind: ghz, r: 3, decrypt: {strategy: frame}}", "estimator 'stabilizers'", ""),
    ("{kind: chsh, n: 2, scenario: 2-4}", "this version knows only: 2-1, 2-2, 2-3", "did you mean"),
    ("{kind: chsh, n: 2, decrypt: {strategy: witness}}", "decrypts nothing", ""),
    ("{kind: chsh, n: 200}", "402 connected", "the largest n"),
    ("{kind: correlators, n: 2, decrypt: {strategy: frame}}", "choose 'unitary'", ""),
    ("{kind: storage, n: 3, lost: [[4]]}", "there is no server 4", ""),
    ("{kind: storage, n: 3, lost: 3}", "at most 2 can be lost", ""),
    ("{kind: storage, n: 3, lost: [[1]]}", "its server must survive", ""),
    ("{kind: storage, n: 3, lost: 1, loss: stolen}", "reset, measure, depolarize", ""),
    ("{kind: storage, n: 3, spent_on: 7}", "no such clone", ""),
    ("{kind: storage, n: 3, read: first}", "give spent_on", ""),
    ("{kind: storage, n: 3, idle_microseconds: -5}", "greater than or equal to 0", ""),
    ("{kind: leakage, n: 3, subset: S4}", "'S4' names no qubit at n = 3", ""),
    ("{kind: leakage, n: 3, subset: ''}", "names no qubit", ""),
    ("{kind: leakage, n: 3}", "'experiment.subset' is missing", ""),
    ("{kind: leakage, n: 3, subset: S1, decrypt: {clone: 1}}", "unknown key", ""),
    ("{kind: entanglement, n: 2, input: 2}", "an input is one of", ""),
    ("{kind: entanglement, n: 2, input: {theta_degrees: 190, phi_degrees: 0}}", "0 to 180", ""),
    ("{kind: entanglement, n: 2, input: {theta: 90}}", "an input is one of", ""),
    ("{kind: entanglement, n: 2, input: {random: 0}}", "an input is one of", ""),
    ("{kind: entanglement, n: 2, decrypt: {clone: every}}", "clone", ""),
    ("{kind: teleportation, n: 2}", "knows only: entanglement, chsh", ""),
]  # fmt: skip


@pytest.mark.parametrize(("experiment", "text", "more"), BAD)
def test_bad_input_is_told_before_anything_is_compiled(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, experiment: str, text: str, more: str
) -> None:
    def compiles(*_: Any) -> None:
        raise AssertionError("compiled something")

    monkeypatch.setattr("runner.planning.compilation.compile_sweeps", compiles)
    written(experiment)
    result = invoke("run", "c.yaml")
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("c.yaml:1:"), result.stderr
    assert text in result.stderr
    assert more in result.stderr
    assert not Path("runs").exists()


def test_an_ideal_device_has_no_limit_but_memory(invoke: Invoke) -> None:
    written("{kind: iterated, level: 3}", "backend: {device: ideal}\n")
    result = invoke("plan", "c.yaml", "--json")
    (row,) = json.loads(result.stdout)["rows"]
    assert (row["qubits"], row["clones"], row["predicted"]) == (162, 81, 1.0)
    assert row["published"] is None


def test_the_heat_map_is_that_of_the_counts(invoke: Invoke) -> None:
    written(KINDS_OF_RUNS["correlators"])
    folder = the_run(invoke("run", "c.yaml"))
    with (folder / "figures" / "correlators.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 9 * 5
    for row in rows:
        name = f"n02-clone1-unitary-{row['stage']}-{row['pauli_r']}{row['pauli_qubit']}-r0"
        with np.load(folder / "counts" / f"{name}.npz") as kept:
            shots = np.unpackbits(kept["shots"], axis=1, bitorder="big")[:, ::-1]
        bit = 1 + ("A", "S1", "S2", "N1", "N2").index(row["qubit"])
        mean = float(np.mean((-1.0) ** (shots[:, 0] ^ shots[:, bit])))
        assert float(row["value"]) == pytest.approx(mean, abs=1e-12)
        assert float(row["ci_low"]) <= mean <= float(row["ci_high"])
        expected = {"XX": 1, "YY": -1, "ZZ": 1}.get(row["pauli_r"] + row["pauli_qubit"], 0)
        seen = row["stage"] == "after" and row["qubit"] == "S1"
        assert abs(mean - (0.85 * expected if seen else 0)) < 0.2
    assert invoke("verify").exit_code == 0
    shots = folder / "counts" / "n02-clone1-unitary-after-XX-r0.npz"
    with np.load(shots) as kept:
        np.savez_compressed(shots, shots=kept["shots"] ^ 4, num_bits=kept["num_bits"])
    changed = invoke("verify").stdout.splitlines()
    # Below the header and 45 lines of what was before decryption, XX comes first: of A, then S1,
    # which is bit 2.
    assert [line.split(": stored")[0] for line in changed if "correlators.csv" in line] == [
        f"figures/correlators.csv: line 48: {key}" for key in ("value", "ci_low", "ci_high")
    ]


def test_information_comes_with_its_interval(invoke: Invoke) -> None:
    written(KINDS_OF_RUNS["leakage"])
    rows = json.loads(invoke("run", "c.yaml", "--json").stdout)
    assert [row["learns"] for row in rows] == ["nothing", "Y", "everything"]
    for row in rows:
        assert row["information_low"] <= row["information_bits"] <= row["information_high"]
    assert rows[0]["information_low"] == 0 < rows[1]["information_low"]


def test_a_run_goes_over_the_store_with_delays_and_turns(invoke: Invoke) -> None:
    """What a cloud gets are QPY bytes from the store: they keep lengths and angles."""
    cloud = "backend: {provider: rehearsal, rehearsal: {queue_seconds: 0, poll_seconds: 0.01}}\n"
    for name in ("storage time", "ghz"):
        written(KINDS_OF_RUNS[name], cloud)
        rows = json.loads(invoke("run", "c.yaml", "--json", "--out", name).stdout)
        for row in rows:
            assert abs(row["value"] - row["predicted"]) < 5 * row["std_err"], row
        assert invoke("verify", "--out", name).exit_code == 0


def test_each_layout_is_a_point_of_its_own(invoke: Invoke) -> None:
    written(KINDS_OF_RUNS["chsh"], "repeats: 2\n")
    changes = ("-o", "compile.layouts=each", "-o", "compile.seeds=3")
    rows = json.loads(invoke("run", "c.yaml", "--json", *changes).stdout)
    assert [row["layout"] for row in rows[:3]] == [3, 4, 5]
    assert len(rows) == 2 * 3 * 3
    assert len({row["predicted"] for row in rows[:3]}) > 1
