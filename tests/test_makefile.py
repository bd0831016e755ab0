"""The Makefile says what it needs before it makes anything."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_old_python_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """Python 3.10 with 'make' ended in an error of pip and half a .venv."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    old = tmp_path / "python3.10"
    # Runs what it is given, as Python 3.10 would answer it.
    old.write_text(
        "#!/bin/sh\n"
        'shift; exec python3 -c "import sys; sys.version_info = (3, 10, 0); '
        'sys.version = \'3.10.0 (old)\'; exec(sys.argv[1])" "$1"\n',
        encoding="utf-8",
    )
    old.chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run(
        [make, "setup", f"PYTHON={old}"],
        cwd=tmp_path,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is 3.10.0" in done.stderr
    assert not (tmp_path / ".venv").exists()
