"""A package whose experiment cannot be loaded is named by the doctor and stops nothing else."""

import json
from pathlib import Path

import pytest
from plugin import call_with


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    about = tmp_path / "path" / "half_done-0.3.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: half-done\nVersion: 0.3\n")
    (about / "entry_points.txt").write_text("[enclone.experiments]\nhalf = half_done:KIND\n")
    (tmp_path / "path" / "half_done.py").write_text("from enclone.experiment import Nothing\n")
    return tmp_path / "path"


def test_the_doctor_names_it_and_the_rest_works(broken: Path, tmp_path: Path) -> None:
    done = call_with(broken, tmp_path, "doctor", "--json")
    assert done.exit_code == 1
    (found,) = [f for f in json.loads(done.stdout) if f["subject"] == "experiment half"]
    assert not found["good"]
    assert found["detail"].startswith(
        "skipped: 'half_done:KIND' of half-done 0.3: ImportError: cannot import name 'Nothing'"
    )
    assert found["remedy"] == "mend or uninstall half-done"
    (tmp_path / "c.yaml").write_text("experiment: {kind: entanglement, n: 2}\n")
    assert call_with(broken, tmp_path, "validate", "c.yaml").stdout == "c.yaml: ok, 1 points\n"
