"""``compile: {strategy: protocol}`` as a user meets it: plan, drawing, run and resume."""

import json

import pytest
from marks import PROTOCOL_COMPILER

pytestmark = PROTOCOL_COMPILER

CONFIG = """\
experiment: {kind: entanglement, n: 2, decrypt: {strategy: [frame, unitary]}}
compile: {strategy: protocol, moves: 100000}
shots: 2000
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shallow.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_a_plan_explains_who_compiled_and_where_fidelity_goes(invoke, file, tmp_path):
    narrow = ("-o", "experiment.decrypt.strategy=frame")
    done = invoke("plan", str(file), *narrow, "--draw", "drawn")
    assert done.exit_code == 0, done.output
    assert "n02-clone1-frame-parity: protocol compiler, predicted 0.9" in done.stdout
    assert "the stock transpiler's best of 4 would have given 0.9" in done.stdout
    assert "correlators lose on average (as -log) 0.0" in done.stdout
    drawing = (tmp_path / "drawn" / "n02-clone1-frame-parity.svg").read_text(encoding="utf-8")
    for name in ("R", "A", "S1", "S2", "N1", "N2"):
        assert f">{name}</text>" in drawing
    done = invoke("plan", str(file), *narrow, "--json")
    document = json.loads(done.stdout)
    (row,), (compiled,) = document["rows"], document["compiled"]
    assert compiled["compiler"] == "protocol"
    assert compiled["predicted"] == row["predicted"] > compiled["alternative"]
    assert row["certificate"] == "proved"
    assert all(compiled["losses"][cause] > 0 for cause in ("gates", "idling", "readout"))


@pytest.mark.parametrize(
    ("kind", "package"),
    [
        ("{kind: entanglement, n: 2}", "single"),
        ("{kind: ghz, r: 2}", "multi"),
        ("{kind: iterated, level: 1}", "multi"),
    ],
)
def test_the_first_use_says_that_machine_code_is_made(monkeypatch, invoke, file, kind, package):
    is_kept = "backends.compiling.protocol.core.machine_code.is_kept"
    monkeypatch.setattr("runner.planning.plan.compile_sweeps", lambda runs, _: [[] for _ in runs])
    monkeypatch.setattr(is_kept, lambda search: search != package)
    command = ("plan", str(file), "-o", f"experiment={kind}")
    assert "for the first time" in invoke(*command).stderr
    assert "for the first time" not in invoke(*command, "-o", "compile.strategy=stock").stderr
    monkeypatch.setattr(is_kept, lambda search: search == package)
    assert "for the first time" not in invoke(*command).stderr


def test_a_run_keeps_to_its_plan_and_a_second_resume_changes_nothing(invoke, file):
    planned = json.loads(invoke("plan", str(file), "--json").stdout)["rows"]
    done = invoke("run", str(file), "--json")
    assert done.exit_code == 0, done.output
    # The plan has made the machine code.
    assert "for the first time" not in done.stderr
    rows = json.loads(done.stdout)
    assert [r["predicted"] for r in rows] == [p["predicted"] for p in planned]
    for row in rows:
        assert row["certificate"] == "proved"
        assert row["value"] == pytest.approx(row["predicted"], abs=0.05)
    again = invoke("resume", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == rows


@pytest.mark.parametrize(
    ("experiment", "label", "names"),
    [
        ("{kind: ghz, r: 2}", "r02-n02-clone1-unitary-parity", ("A0", "S11", "N02")),
        (
            "{kind: iterated, generations: [[1, 1]], decrypt: {strategy: frame}}",
            "n02-g1-1-l1-clone1-frame-parity",
            ("R", "A", "S1", "N1_02"),
        ),
    ],
    ids=["ghz", "iterated"],
)
def test_several_instances_are_planned_and_drawn(invoke, tmp_path, experiment, label, names):
    (tmp_path / "several.yaml").write_text(
        f"experiment: {experiment}\ncompile: {{strategy: protocol, moves: 20000}}\n",
        encoding="utf-8",
    )
    done = invoke("plan", "several.yaml", "--draw", "drawn")
    assert done.exit_code == 0, done.output
    assert f"{label}: protocol compiler, predicted 0." in done.stdout
    drawing = (tmp_path / "drawn" / f"{label}.svg").read_text(encoding="utf-8")
    for name in names:
        assert f">{name}</text>" in drawing


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("compile.strategy=protocl", "did you mean 'protocol'?"),
        ("compile.seconds=0", "greater than 0"),
        ("compile.moves=many", "must be a whole number"),
        ("compile.second=3", "did you mean 'seconds'?"),
    ],
)
def test_wrong_budgets_are_told(invoke, file, wrong, said):
    done = invoke("validate", str(file), "-o", wrong)
    assert done.exit_code == 2
    assert said in done.output
