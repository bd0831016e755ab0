"""The public face: one import, by mapping, text or path, with the errors of the command."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import enclone
from runner.errors import ConfigError, MissingExtra

CONFIG = {
    "name": "face",
    "experiment": {"kind": "entanglement", "n": (2, 3)},
    "backend": {"provider": "stim", "device": "ideal"},
    "shots": 50,
}
TEXT = """\
name: face
experiment: {kind: entanglement, n: [2, 3]}
backend: {provider: stim, device: ideal}
shots: 50
"""


@pytest.mark.parametrize("name", enclone.__all__)
def test_every_name_is_documented_by_example(name: str) -> None:
    found = getattr(enclone, name)
    assert re.search(rf"(>>>|\.\.\.) .*\b{name}\b", found.__doc__, re.IGNORECASE)
    assert name in dir(enclone)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'enclone' has no attribute 'clone'"):
        _ = enclone.clone


def test_a_mapping_text_and_a_file_are_the_same_run(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(TEXT)
    runs = [enclone.run(given, out=tmp_path) for given in (CONFIG, TEXT, file, str(file))]
    first, *others = [run.rows for run in runs]
    assert [row.n for row in first] == [2, 3]
    assert others == [first] * 3
    assert len({run.id for run in runs}) == 4
    for run in runs:
        assert run.report.is_file()
        assert run.folder.parent == tmp_path


def test_what_a_mapping_gave_can_be_verified(tmp_path: Path) -> None:
    from runner.analysis.verification import verify

    made = enclone.run(CONFIG, out=tmp_path, overrides=["shots=60"])
    found = verify(made.folder, lambda *_: None)
    assert found.agrees, found
    assert made.rows[0].shots == 60


def test_a_library_is_silent_unless_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = enclone.plan(CONFIG, out=tmp_path).run()
    assert capfd.readouterr() == ("", "")
    assert [row.value for row in made.rows] == [1.0, 1.0]
    made = enclone.run(CONFIG, out=tmp_path, progress=True)
    assert "running" in capfd.readouterr().err


def test_a_submitted_run_is_read_when_it_is_over(tmp_path: Path) -> None:
    from runner.session import Session

    config = {**CONFIG, "backend": {"provider": "rehearsal", "device": "ideal"}}
    sent = enclone.submit(config, out=tmp_path)
    session = Session(tmp_path)
    if not session.is_over(sent.id):
        session.work(sent.id, session.adapter(sent.id))
        session.write(sent.id)
    assert [row.value for row in enclone.read_run("face", out=tmp_path).rows] == [1.0, 1.0]


def test_problems_of_a_mapping_are_named_by_their_keys() -> None:
    with pytest.raises(ConfigError) as raised:
        enclone.plan({**CONFIG, "experiment": {"kind": "entanglement", "n": [2, 1]}})
    (problem,) = raised.value.problems
    assert problem.place == "experiment.n.1"
    with pytest.raises(ConfigError, match=r"^shots: 'shots' is -1, but must be"):
        enclone.plan({**CONFIG, "shots": -1})
    with pytest.raises(ConfigError, match=r"^shots: a value of type 'object' has no place"):
        enclone.plan({**CONFIG, "shots": object()})


def test_problems_of_text_are_named_by_key_and_line() -> None:
    with pytest.raises(ConfigError, match=r"^shots \(line 4, column 8\): 'shots' is -1"):
        enclone.plan(TEXT.replace("50", "-1"))
    with pytest.raises(ConfigError, match=r"^configuration \(line 1, column"):
        enclone.plan("experiment: {kind: [}\n")


def test_a_missing_file_is_told_as_the_command_tells_it() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml:1:1: no such file"):
        enclone.run(Path("nowhere.yaml"))


def test_tables_of_pandas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = enclone.plan(CONFIG, out=tmp_path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="pip install pandas"):
        plan.to_pandas()
    pandas = ModuleType("pandas")
    pandas.DataFrame = list
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert [row["n"] for row in plan.to_pandas()] == [2, 3]
    assert "value" not in plan.to_pandas()[0]
    assert [row["value"] for row in plan.run().to_pandas()] == [1.0, 1.0]


def test_settings_of_a_point_have_seeds_of_their_own() -> None:
    point = enclone.EntanglementPoint(enclone.Cloning(n=2), "parity")
    compiled = enclone.compile_point(point, "fake_kingston", transpiler_seeds=[0])
    seeds: list[int] = []

    def noted(circuit, device, shots, seed):
        seeds.append(seed)
        return original(circuit, device, shots, seed)

    from enclone import sampling

    original = sampling.sample_circuit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "sample_circuit", noted)
        estimate = enclone.sample(compiled, 200, seed=7)
    assert len(set(seeds)) == len(compiled.circuits.settings) == 3
    assert estimate.ci_low < estimate.value < estimate.ci_high
    assert enclone.sample(compiled, 200, seed=7) == estimate


def test_the_intervals_of_the_example_in_the_readme_cover() -> None:
    """The very lines, each time with another seed; one seed for three settings covered 0.855."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(
        r"^point = .*\ncompiled = .*\nestimate = .*seed=7\).*$", text, re.MULTILINE
    )
    made, sampled = lines.rsplit("\n", 1)
    known = {"enclone": enclone}
    exec(made, known)  # noqa: S102
    compiled, experiments = known["compiled"], 300
    held = 0
    for seed in range(experiments):
        exec(sampled.replace("seed=7", f"seed={seed}"), known)  # noqa: S102
        estimate = known["estimate"]
        held += estimate.ci_low <= compiled.predicted <= estimate.ci_high
    # Three standard errors of the share.
    assert held / experiments >= 0.95 - 3 * (0.95 * 0.05 / experiments) ** 0.5


def test_the_import_is_light() -> None:
    code = (
        "import sys, enclone; print([m for m in ('qiskit', 'numpy', 'runner') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
