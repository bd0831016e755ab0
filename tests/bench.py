"""``make bench``: how long things take on this machine, and how close predictions come.

Not a test: speed depends on the machine, so it is shown and never asserted.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from backends.compiling.certificate import certify
from backends.compiling.compile import StockCompiler
from backends.devices.catalog import load_device
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.iterated import IteratedPoint
from experiments.protocol import Cloning
from runner.errors import EXIT_PENDING

ENCLONE = (str(Path(sys.executable).with_name("enclone")),)
PYTHON = (sys.executable, "-c")
QUICKSTART = Path(__file__).parent.parent / "configs" / "quickstart.yaml"
MEBIBYTE_IN_KIB = 1024

LONG_RUN = {
    "name": "long",
    "experiment": {"kind": "entanglement", "n": [2, 3], "estimator": ["bsm", "parity"]},
    "backend": {"provider": "rehearsal", "device": "fake_kingston", "rehearsal": {}},
    "shots": 100,
    "repeats": 1250,
    "seed": 1,
}
"""10,000 circuits of eight programs."""


@dataclass(frozen=True)
class Timed:
    """A finished command.

    Attributes:
        seconds: from its start to its end.
        peak_mebibytes: the most memory that the process itself held.
        output: what it printed.
        remarks: what it printed on standard error.
    """

    seconds: float
    peak_mebibytes: float
    output: str
    remarks: str

    def __str__(self) -> str:
        return f"{self.seconds:7.2f} s {self.peak_mebibytes:7.0f} MiB"


def timed(place: Path, *arguments: str, program: tuple[str, ...] = ENCLONE) -> Timed:
    """Call a program in a folder, and measure it."""
    with (place / "out").open("w+") as out, (place / "err").open("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen([*program, *arguments], cwd=place, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (out, err):
            stream.seek(0)
        done = Timed(seconds, usage.ru_maxrss / MEBIBYTE_IN_KIB, out.read(), err.read())
    if process.returncode not in (0, EXIT_PENDING):
        raise subprocess.CalledProcessError(
            process.returncode, arguments, done.output, done.remarks
        )
    return done


def show(what: str, value: object) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<58} {value}\n")
    sys.stdout.flush()


def start(place: Path) -> None:
    """Time what everybody waits for: the command and the import."""
    calls = {
        "enclone --help": partial(timed, place, "--help"),
        "import enclone, Python's own start included": partial(
            timed, place, "import enclone", program=PYTHON
        ),
        "Python's own start": partial(timed, place, "pass", program=PYTHON),
    }
    for what, call in calls.items():
        quickest = min((call() for _ in range(5)), key=lambda done: done.seconds)
        show(f"{what} (best of 5)", quickest)


def quickstart(place: Path) -> None:
    """Time the quickstart, and compare its predictions with what was published."""
    run = timed(place, "run", str(QUICKSTART), "--json")
    show("quickstart: 28 points, 56 circuits, 10,000 shots each", run)
    (simulation,) = re.findall(r"simulation ([\d.]+) s", run.remarks)
    show("  of which simulation", f"{float(simulation):7.2f} s")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEBIBYTE_IN_KIB
    show("  largest of its processes", f"{'':9} {largest:7.0f} MiB")
    rows: list[dict[str, Any]] = json.loads(run.output)
    for estimator in ("bsm", "parity"):
        pairs = [
            (row["value"], row["published"])
            for row in rows
            if row["estimator"] == estimator and row["n"] <= 7
        ]
        difference = sum(abs(v - p) for v, p in pairs) / len(pairs)
        show(f"mean |simulated - published|, n = 2 ... 7, {estimator}", f"{difference:9.3f}")


def long_run(place: Path) -> None:
    """Time the commands of the job manager on a run of many circuits."""
    (place / "long.yaml").write_text(json.dumps(LONG_RUN), encoding="utf-8")
    for command in (["plan", "long.yaml"], ["submit", "long.yaml"], ["status"], ["list"]):
        show(f"10,000 circuits: enclone {command[0]}", timed(place, *command))
    show("10,000 circuits: enclone collect", timed(place, "collect"))


def certificates() -> None:
    """Time the certificate of stock circuits of growing size."""
    compiler = StockCompiler(load_device("fake_kingston").to_target(), 0)
    points = {
        **{
            f"n = {n}, {strategy}": EntanglementPoint(Cloning(n, 1, strategy), "parity")
            for n in (2, 5, 15)
            for strategy in ("unitary", "frame")
        },
        "75 clones, 150 qubits, frame": IteratedPoint(2, (1, 3, 9, 24), 3, 1, "frame", "parity"),
    }
    for name, point in points.items():
        logical = point.settings()[0].circuit
        (compiled,) = compiler.compile_all([logical])
        seconds = []
        for _ in range(5):
            started = time.process_time()
            found = certify(logical, compiled)
            seconds.append(time.process_time() - started)
        show(f"certificate: {name}", f"{min(seconds) * 1000:7.1f} ms, {found.status}")


def main() -> None:
    """Time the start, certificates, the quickstart and a long run."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        start(place)
        certificates()
        (place / "quickstart").mkdir()
        quickstart(place / "quickstart")
        long_run(place)


if __name__ == "__main__":
    main()
