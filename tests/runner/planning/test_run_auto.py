"""``strategy: auto`` as a user meets it: chosen for each point, told, written down, chosen once."""

import json
from dataclasses import replace

import pytest
from runs import run_folders

from backends.devices.catalog import load_device
from backends.errors import DoesNotFit
from runner.config.run_config import RunConfig
from runner.config.sweep import Choice, sweep_positions
from runner.planning.compilation import compile_sweep
from runner.planning.points import decided, sweep

FILE = """\
experiment: {kind: entanglement, n: 2, decrypt: {strategy: auto}}
compile: {seeds: 1}
shots: 200
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "auto.yaml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def config(experiment, **changes):
    return RunConfig.model_validate(
        {"experiment": experiment, "compile": {"seeds": 1}, "shots": 200, **changes}
    )


def test_a_plan_takes_the_best_and_says_what_the_others_would_have_given(invoke, file):
    named = invoke(
        "plan", file, "--json", "-o", "experiment.decrypt.strategy=[unitary, feedforward, frame]"
    )
    values = {row["strategy"]: row["predicted"] for row in json.loads(named.stdout)["rows"]}
    ranked = sorted(values, key=lambda strategy: -values[strategy])
    planned = json.loads(invoke("plan", file, "--json").stdout)
    (row,), (compiled,) = planned["rows"], planned["compiled"]
    assert (row["strategy"], row["predicted"]) == (ranked[0], values[ranked[0]])
    assert compiled["auto"] == {"strategy": ranked[0], "predicted": values, "left_out": {}}
    assert list(compiled["auto"]["predicted"]) == ranked
    best, second, third = (f"{strategy} {values[strategy]:.4f}" for strategy in ranked)
    text = invoke("plan", file).stdout
    assert f"n02-clone1-{ranked[0]}-parity: auto takes {best}; {second}, {third}\n" in text


def test_a_run_writes_its_choice_down_and_never_chooses_again(invoke, file, tmp_path, monkeypatch):
    (row,) = rows = json.loads(invoke("run", file, "--json").stdout)
    (folder,) = run_folders(tmp_path / "runs")
    resolved = json.loads((folder / "resolved.json").read_text(encoding="utf-8"))
    decrypt = resolved["experiment"]["decrypt"]
    assert decrypt["strategy"] == ["auto"]
    (one,) = decrypt["chosen"]
    assert one["strategy"] == row["strategy"]
    assert one["predicted"][row["strategy"]] == row["predicted"]
    assert set(one["predicted"]) == {"unitary", "feedforward", "frame"}
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert f"{one['point']}: auto took {one['strategy']} " in report

    # The same experiment as if it had been named, and as if what was resolved is run again.
    name = f"experiment.decrypt.strategy={row['strategy']}"
    assert json.loads(invoke("run", file, "--json", "-o", name).stdout) == rows
    assert json.loads(invoke("run", str(folder / "resolved.json"), "--json").stdout) == rows
    first, *others = (_identities(one) for one in run_folders(tmp_path / "runs"))
    assert others == [first, first]

    # Nobody may ask for a prediction again, whatever it would be by now.
    monkeypatch.setattr("runner.planning.compilation.compile_point", _never)
    again = invoke("resume", folder.name, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == rows

    assert invoke("verify", str(folder)).exit_code == 0
    other = next(strategy for strategy in one["predicted"] if strategy != one["strategy"])
    one["predicted"][other] = 0.99
    one["predicted"][one["strategy"]] -= 0.01
    (folder / "resolved.json").write_text(json.dumps(resolved), encoding="utf-8")
    told = invoke("verify", str(folder)).stdout
    assert f"{one['point']}: what auto chose: stored {one['strategy']}, recomputed {other}" in told
    assert f"{one['point']}: what auto expected: stored 0.9" in told


def _never(*_):
    raise AssertionError("compiled anew")


def _identities(folder):
    index = json.loads((folder / "circuits" / "index.json").read_text(encoding="utf-8"))
    return [circuit["identity"] for circuit in index]


def test_a_run_that_the_store_lost_comes_back_with_its_choice(invoke, file, tmp_path):
    assert invoke("submit", file).exit_code == 0
    (folder,) = run_folders(tmp_path / "runs")
    before = (folder / "resolved.json").read_bytes()
    for kept in (tmp_path / "runs").glob("store.sqlite*"):
        kept.unlink()
    adopted = invoke("adopt", str(folder))
    assert adopted.exit_code == 0, adopted.output
    rows = json.loads(invoke("resume", "--json").stdout)
    assert (folder / "resolved.json").read_bytes() == before
    chosen = json.loads(before)["experiment"]["decrypt"]["chosen"]
    assert [row["strategy"] for row in rows] == [one["strategy"] for one in chosen]


def test_the_experiment_says_what_can_be_chosen():
    ghz = sweep_positions(config({"kind": "ghz", "r": [2, 3], "decrypt": {"strategy": "auto"}}))
    assert [set(one.candidates) for one in ghz] == [
        {"unitary", "feedforward", "frame"},
        {"unitary", "feedforward"},
    ]
    assert "use estimator 'stabilizers'" in ghz[1].left_out["frame"]
    (fig7, *_) = sweep_positions(
        config({"kind": "correlators", "n": 2, "decrypt": {"strategy": "auto"}})
    )
    assert list(fig7.candidates) == ["unitary"]
    (one,) = sweep_positions(
        config({"kind": "storage", "n": 3, "spent_on": 2, "decrypt": {"strategy": "auto"}})
    )
    assert list(one.candidates) == ["unitary"]


def test_the_provider_says_what_can_be_chosen():
    (one,) = sweep_positions(
        config(
            {"kind": "chsh", "n": 2, "decrypt": {"strategy": "auto"}},
            backend={"provider": "ibm", "device": "ibm_kingston"},
            suppression={"dynamical_decoupling": "XY4"},
        )
    )
    assert set(one.candidates) == {"unitary", "frame"}
    assert "dynamical decoupling" in one.left_out["feedforward"]


def test_the_device_says_what_can_be_chosen():
    wanted = config({"kind": "entanglement", "n": 2, "decrypt": {"strategy": "auto"}})
    device = replace(load_device("fake_kingston"), dynamic_circuits=False)
    (planned,) = compile_sweep(wanted, device)
    assert set(planned.choice.predicted) == {"unitary", "frame"}
    assert "conditioned on outcomes" in planned.choice.left_out["feedforward"]
    few = tuple(one for one in device.couplers if max(one.qubits) < 5)
    tiny = replace(device, qubits=device.qubits[:5], couplers=few)
    with pytest.raises(DoesNotFit, match="needs 6 connected qubits"):
        compile_sweep(wanted, tiny)


def test_named_strategies_beside_auto_run_once():
    mixed = config({"kind": "entanglement", "n": 2, "decrypt": {"strategy": ["frame", "auto"]}})
    assert [one.point.cloning.strategy for one in sweep_positions(mixed)] == ["unitary", "frame"]
    # Without a device all are equal, and the strongest claim is taken.
    spent = {"kind": "storage", "n": 2, "spent_on": 2}
    same = config({**spent, "decrypt": {"strategy": ["unitary", "auto"]}})
    planned = compile_sweep(same, None)
    assert [one.point.cloning.strategy for one in planned] == ["unitary"]
    resolved = decided(same, planned)
    assert sweep(resolved) == [one.point for one in planned]
    assert [one.choice for one in compile_sweep(resolved, None)] == [None]


def test_each_layout_chooses_for_itself():
    wanted = config(
        {"kind": "correlators", "n": 2, "stage": "after", "decrypt": {"strategy": "auto"}},
        compile={"seeds": 2, "layouts": "each"},
    )
    planned = compile_sweep(wanted, None)
    assert [one.point.label for one in planned] == [
        "n02-clone1-unitary-after-layout0",
        "n02-clone1-unitary-after-layout1",
    ]
    assert sweep(decided(wanted, planned)) == [one.point for one in planned]


def test_a_tie_goes_to_the_strongest_claim():
    exact = Choice.among({"frame": 0.9, "feedforward": 0.9 - 1e-12, "unitary": 0.8}, {})
    assert exact.strategy == "feedforward"
    assert exact.text == "feedforward 0.9000; frame 0.9000, unitary 0.8000"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("experiment.decrypt.strategy=atuo", "did you mean 'auto'?"),
        ("experiment.decrypt.chosn=[]", "did you mean 'chosen'?"),
        ("experiment.decrypt.chosen=[]", "'chosen' holds 0 points, but the sweep leaves 1 open"),
        (
            "experiment.decrypt={strategy: frame, chosen: []}",
            "'chosen' tells what 'auto' came to, but no strategy is 'auto'",
        ),
        (
            "experiment={kind: entanglement, n: 2, decrypt: {strategy: auto, chosen: "
            "[{point: n02-clone1-frame-parity, strategy: witness, predicted: {}}]}}",
            "which it cannot have",
        ),
        (
            "experiment={kind: entanglement, n: 2, decrypt: {strategy: auto, chosen: "
            "[{point: n02-clone1-frame-parity, strategy: frame, predicted: {unitary: 0.9}}]}}",
            "holds predictions of unitary",
        ),
    ],
)
def test_what_cannot_be_chosen_is_told(invoke, file, wrong, said):
    done = invoke("validate", file, "-o", wrong)
    assert done.exit_code == 2, done.output
    assert said in done.output
