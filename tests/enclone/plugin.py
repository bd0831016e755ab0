"""The example package, installed beside the project as a user would, and commands that see it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from runs import Done, environment

import runner

ROOT = Path(runner.__file__).parents[1]
PACKAGE = ROOT / "tests" / "plugin"


def installed(folder: Path) -> Path:
    """Install the example package; returns the folder that must be on the path."""
    # Building writes beside the sources.
    source = shutil.copytree(PACKAGE, folder / "source")
    target = folder / "installed"
    pip = ("pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    command = (sys.executable, "-m", *pip, "--no-build-isolation", "--target", target, source)
    subprocess.run(command, check=True)
    return target


def call_with(path: Path, cwd: Path, *arguments: str) -> Done:
    """A command of ``enclone`` in a Python of its own that has ``path`` on its module path."""
    modules = os.pathsep.join(map(str, (ROOT, path)))
    done = subprocess.run(
        (sys.executable, "-m", "runner", *arguments),
        cwd=cwd,
        env=environment(PYTHONPATH=modules, HOME=str(cwd)),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
