"""``make bench-checks``: what unused qubits are worth, by exact values on a device's calibration.

Not a test: how good circuits are depends on the search's budget, so it is shown, not asserted.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

from backends.compiling.checked.readout import read_unused_qubits
from backends.compiling.compile import CompiledPoint, Search, compile_point
from backends.devices.catalog import load_device
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint
from experiments.point import Point
from experiments.protocol import Cloning

CASES: dict[str, Point] = {
    **{
        f"frame-{n}": EntanglementPoint(Cloning(n, 1, "frame"), "parity")
        for n in (2, 3, 5, 7, 10, 15, 25)
    },
    **{f"unitary-{n}": EntanglementPoint(Cloning(n, 1, "unitary"), "parity") for n in (2, 5, 15)},
    "27 clones": IteratedPoint(2, (1, 3, 9), 2, strategy="frame"),
    "virtual-6": IteratedPoint(2, (1,) * 6, 5, strategy="frame"),
    "ghz-4": GhzPoint(4, strategy="unitary", estimator="stabilizers"),
    "ghz-8": GhzPoint(8, strategy="unitary", estimator="stabilizers"),
}


@dataclass(frozen=True)
class Line:
    """Values of one case: plain, and by each way of reading unused qubits."""

    name: str
    stock: float
    plain: float
    decoded: tuple[tuple[str, CompiledPoint], ...]
    seconds: float

    def __str__(self) -> str:
        cells = [f"{self.name:>10}", f"{self.stock:.4f}", f"{self.plain:.4f}"]
        for _, point in self.decoded:
            if point.decoder is None:
                continue
            found = point.decoder.prediction
            cells.append(
                f"{point.decoder.models[0].detectors:2d}  {found.corrected:.4f}  "
                f"{found.postselected:.4f} ({found.kept:4.0%})"
            )
        return " | ".join([*cells, f"{self.seconds:.0f} s"])


def measure(name: str, point: Point, device: str, moves: int, seeds: int) -> Line:
    """Compile one case and decode it."""
    begun = time.monotonic()
    snapshot, estimator = load_device(device), point.linear_estimator
    search = Search(moves) if moves else None
    plain = compile_point(point.settings(), estimator.value, snapshot, range(seeds), search)
    stock = max(plain.candidates)
    decoded = tuple(
        (checks, read_unused_qubits(plain, estimator, snapshot, checks))
        for checks in ("read", "pairs")
    )
    return Line(name, stock, plain.predicted, decoded, time.monotonic() - begun)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="fake_kingston")
    parser.add_argument("--moves", type=int, default=4_000_000, help="of the search; 0 for stock")
    parser.add_argument("--seeds", type=int, default=3, help="transpiler seeds of stock")
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    given = parser.parse_args()
    columns = "checks, corrected, post-selected (kept)"
    say(f"{given.device}: case | stock | plain | read: {columns} | pairs: {columns} | seconds")
    for name in given.cases:
        say(str(measure(name, CASES[name], given.device, given.moves, given.seeds)))


if __name__ == "__main__":
    main()
