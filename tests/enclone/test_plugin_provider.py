"""A provider with options of its own, installed from a package, from doctor to export."""

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from plugin import PACKAGE, ROOT, call_with
from runs import Done, run_folders

from enclone import conformance
from enclone.conformance import CHECKS, Nonconforming, Subject

CONFIG = """\
name: worn
experiment: {kind: entanglement, n: 2, estimator: [bsm, parity]}
backend:
  provider: worn-readout
  device: fake_kingston
  worn_readout: {extra_flip: 0.1}
compile: {seeds: 1}
shots: 1000
seed: 3
"""
STIM = ("-o", "backend={provider: stim, device: fake_kingston}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "c.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def call(path: Path, home: Path) -> Callable[..., Done]:
    return lambda *arguments: call_with(path, home, *arguments)


@pytest.fixture(scope="module")
def run(call: Callable[..., Done], home: Path) -> Path:
    done = call("run", "c.yaml", "--out", "worn")
    assert done.exit_code == 0, done.stderr
    (folder,) = run_folders(home / "worn")
    return folder


@pytest.fixture(scope="module")
def unworn(call: Callable[..., Done], home: Path) -> Path:
    """The same run on a provider that is built in."""
    done = call("run", "c.yaml", *STIM, "--out", "unworn")
    assert done.exit_code == 0, done.stderr
    (folder,) = run_folders(home / "unworn")
    return folder


@pytest.fixture
def record(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The record of the package, seen by this process for the time of a test."""
    monkeypatch.syspath_prepend(path)
    name = "enclone_example.provider"
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    return module.PROVIDER


@pytest.mark.parametrize("check", CHECKS, ids=conformance.name)
def test_it_keeps_the_contract(record: Any, check: conformance.Check, tmp_path: Path) -> None:
    check(Subject(record, "ideal", tmp_path, {"extra_flip": 0.02, "circuits_per_job": 2}))


def test_a_readout_that_flips_too_often_is_found(record: Any, tmp_path: Path) -> None:
    with pytest.raises(Nonconforming, match="order of bits"):
        conformance.check_bit_order(Subject(record, "ideal", tmp_path, {"extra_flip": 0.4}))


def test_it_is_listed_and_the_doctor_names_its_package(call: Callable[..., Done]) -> None:
    listed = json.loads(call("devices", "--json").stdout)["providers"]
    assert list(listed)[-1] == "worn-readout"
    assert listed["worn-readout"].startswith("stabilizer simulation with readouts")
    findings = {f["subject"]: f for f in json.loads(call("doctor", "--json").stdout)}
    assert findings["provider worn-readout"]["detail"] == "from enclone-example 0.1.0"
    assert findings["worn readout"]["detail"] == "ready: it needs no account"
    assert "provider worn-readout" in findings["numpy"]["detail"]
    assert all(found["good"] for found in findings.values())


@pytest.mark.parametrize(
    ("backend", "place", "text"),
    [
        ("{provider: worn-readot}", "2:21", "did you mean 'worn-readout'?"),
        ("{provider: worn-readout, worn_readot: {}}", "2:35", "did you mean 'worn_readout'?"),
        (
            "{provider: worn-readout, worn_readout: {extra_flp: 0.1}}",
            "2:50",
            "unknown key 'backend.worn_readout.extra_flp'; did you mean 'extra_flip'?",
        ),
        (
            "{provider: worn-readout, worn_readout: {extra_flip: often}}",
            "2:62",
            "'backend.worn_readout.extra_flip' is 'often', but must be a number",
        ),
        (
            "{provider: worn-readout, worn_readout: {extra_flip: 0.7}}",
            "2:62",
            "give at most 0.5",
        ),
        (
            "{provider: worn-readout, device: fake_kingstn}",
            "2:43",
            "did you mean 'fake_kingston'?",
        ),
        (
            "{provider: stim, worn_readout: {extra_flip: 0.1}}",
            "2:41",
            "'backend.worn_readout' says how worn the readout is, but the provider is 'stim'; "
            "leave it out, or set provider: worn-readout",
        ),
    ],
)
def test_mistakes_are_told_with_their_position(
    call: Callable[..., Done], home: Path, backend: str, place: str, text: str
) -> None:
    config = f"experiment: {{kind: entanglement, n: 2}}\nbackend: {backend}\n"
    (home / "bad.yaml").write_text(config, encoding="utf-8")
    done = call("validate", "bad.yaml")
    assert done.exit_code == 2
    told = [line for line in done.stderr.splitlines() if line.startswith(f"bad.yaml:{place}: ")]
    assert text in "".join(told), done.stderr


def test_a_plan_names_it(call: Callable[..., Done]) -> None:
    assert call("validate", "c.yaml").stdout == "c.yaml: ok, 2 points\n"
    plan = json.loads(call("plan", "c.yaml", "--json").stdout)
    assert {row["backend"] for row in plan["rows"]} == {"worn-readout"}
    assert plan["forecast"]["usd"] == 0
    assert "provider 'worn-readout' simulates locally" in " ".join(plan["forecast"]["assumptions"])


def test_a_run_keeps_its_options_and_its_packages(run: Path) -> None:
    resolved = json.loads((run / "resolved.json").read_text(encoding="utf-8"))
    assert resolved["backend"] == {
        **{"provider": "worn-readout", "device": "fake_kingston"},
        **dict.fromkeys(("rehearsal", "ibm", "braket", "braket_local")),
        "worn_readout": {"extra_flip": 0.1, "circuits_per_job": 100},
    }
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["packages"]["numpy"] == version("numpy")
    assert provenance["packages"]["enclone-example"] == "0.1.0"
    for row in json.loads((run / "results.json").read_text(encoding="utf-8")):
        # Four readouts of a clone at least, each of which flips in a tenth of the shots.
        assert row["value"] < row["predicted"] - 0.1


def test_a_run_on_another_provider_says_nothing_of_it(unworn: Path) -> None:
    for name in ("resolved.json", "provenance.json"):
        assert "worn_readout" not in (unworn / name).read_text(encoding="utf-8")
    backend = json.loads((unworn / "resolved.json").read_text(encoding="utf-8"))["backend"]
    assert list(backend) == ["provider", "device", "rehearsal", "ibm", "braket", "braket_local"]


def test_it_is_verified_reported_and_resumed(run: Path, call: Callable[..., Done]) -> None:
    done = call("verify", str(run))
    assert done.exit_code == 0, done.stdout
    assert done.stdout.endswith("no difference\n")
    assert call("report", str(run)).exit_code == 0
    assert "worn-readout" in (run / "report.html").read_text(encoding="utf-8")
    before = (run / "results.json").read_bytes()
    done = call("resume", run.name, "--out", "worn")
    assert done.exit_code == 0, done.stderr
    assert (run / "results.json").read_bytes() == before


def test_it_is_compared_and_exported(
    run: Path, unworn: Path, call: Callable[..., Done], home: Path
) -> None:
    compared = json.loads(call("compare", str(unworn), str(run), "--json").stdout)
    for point in compared["points"]:
        first, second = point["rows"]
        assert second["value"] < first["value"] - 0.1
    done = call("export", str(run), "--format", "csv,json", "--to", "exported")
    assert done.exit_code == 0, done.stderr
    texts = [f.read_text(encoding="utf-8") for f in (home / "exported").rglob("*.csv")]
    assert any("worn-readout" in text for text in texts)


def test_without_the_package_the_run_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    done = call_with(tmp_path, tmp_path, "verify", str(run))
    assert done.exit_code == 1
    assert "backend.provider" in done.stderr
    assert "not installed here" in done.stderr


def test_a_broken_provider_is_named_and_skipped(path: Path, tmp_path: Path) -> None:
    """Its package cannot be imported, has no record, or takes a name that is taken."""
    other = tmp_path / "installed"
    shutil.copytree(path, other)
    (other / "raises.py").write_text("import nothing_of_that_name\n")
    (other / "records.py").write_text(
        "from enclone.provider import LocalAdapter, Provider, as_snapshot, sample\n"
        "TAKEN = Provider('stim', 'another', lambda d, _: LocalAdapter('stim', None, sample))\n"
        "NUMBER = 7\n"
    )
    (other / "bad_name.py").write_text(
        "from enclone.provider import Provider\nP = Provider('Bad Name', 'x', print)\n"
    )
    about = other / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    entries = ("a = raises:P", "b = records:TAKEN", "c = records:NUMBER", "d = bad_name:P")
    (about / "entry_points.txt").write_text("\n".join(["[enclone.providers]", *entries]))
    done = call_with(other, tmp_path, "doctor", "--json")
    assert done.exit_code == 1
    findings = {f["subject"]: f for f in json.loads(done.stdout)}
    bad = {subject: f["detail"] for subject, f in findings.items() if not f["good"]}
    assert {*bad} == {"provider a", "provider b", "provider c", "provider d"}
    assert "'raises:P' of broken 1.0" in bad["provider a"]
    assert "No module named 'nothing_of_that_name'" in bad["provider a"]
    assert "the name 'stim' is taken" in bad["provider b"]
    assert "must be a record of type Provider, but is of type int" in bad["provider c"]
    assert "'Bad Name' must be lower-case words" in bad["provider d"]
    assert findings["provider worn-readout"]["good"]
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    done = call_with(other, tmp_path, "validate", "c.yaml")
    assert (done.exit_code, done.stderr) == (0, "")


def test_the_package_imports_the_contract_alone() -> None:
    text = (PACKAGE / "enclone_example" / "provider.py").read_text(encoding="utf-8")
    for package in ("experiments", "backends", "runner"):
        assert f"from {package}" not in text
        assert f"import {package}" not in text


@pytest.mark.parametrize("package", ["experiments", "backends", "runner", "enclone"])
def test_the_project_does_not_know_it(package: str) -> None:
    files = [f for f in (ROOT / package).rglob("*") if f.suffix in (".py", ".toml", ".html")]
    assert files
    assert [f for f in files if "worn" in f.read_text(encoding="utf-8")] == []
