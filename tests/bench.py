"""``make bench``: how long things take on this machine, and how close predictions come.

Not a test: speed depends on the machine, so it is shown and never asserted.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENCLONE = str(Path(sys.executable).with_name("enclone"))
QUICKSTART = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
MEBIBYTE_IN_KIB = 1024


def timed(*arguments: str) -> tuple[float, str]:
    """Seconds and standard output of one command."""
    started = time.perf_counter()
    done = subprocess.run(
        [ENCLONE, *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started, done.stdout.decode()


def show(what: str, value: str) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<58} {value}\n")


def main() -> None:
    """Time help, plan and the quickstart."""
    show("enclone --help (best of 5)", f"{min(timed('--help')[0] for _ in range(5)):.2f} s")
    with tempfile.TemporaryDirectory() as runs:
        seconds, output = timed("run", str(QUICKSTART), "--out", runs, "--json")
        show("quickstart: 28 points, 56 circuits, 10,000 shots each", f"{seconds:.1f} s")
        (folder,) = Path(runs).iterdir()
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        show("  of which simulation", f"{provenance['simulation_seconds']:.2f} s")
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEBIBYTE_IN_KIB
        show("  largest of its processes", f"{largest:.0f} MiB")
        rows = json.loads(output)
    for estimator in ("bsm", "parity"):
        pairs = [
            (row["value"], row["published"])
            for row in rows
            if row["estimator"] == estimator and row["n"] <= 7
        ]
        difference = sum(abs(v - p) for v, p in pairs) / len(pairs)
        show(f"mean |simulated - published|, n = 2 ... 7, {estimator}", f"{difference:.3f}")


if __name__ == "__main__":
    main()
