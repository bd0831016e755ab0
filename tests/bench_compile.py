"""``make bench-compile``: what the protocol compiler reaches, beside the stock transpiler.

Every row is compiled in the same run by both compilers, and proved. A predicted value beside a
published one is not like with like: those circuits ran on the device itself, on another day.

The noise model reads a calibration error as an average infidelity e, so that the depolarizing
probability is 5e/4 (two qubits) or 3e/2 (one). The column ``p = e`` scores the same circuits as if
the probability were e, which is how some published targets were computed.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import stim
from qiskit import qasm3

from backends.compile import MOVES_PER_SECOND, CompiledPoint, Search, compile_point
from backends.devices import load_device
from backends.errors import DoesNotFit
from backends.prediction import predicted_setting
from backends.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from experiments.chsh import ChshPoint
from experiments.entanglement import EntanglementPoint
from experiments.point import Point
from experiments.protocol import Cloning, Strategy

sys.path.insert(0, str(Path(__file__).parent / "backends"))
from exported import Program, parity_mean

_LARGE = 10
_DENSE = 17
_ROUNDING = 1e-6
_STRATEGIES: tuple[Strategy, ...] = ("unitary", "frame")


def iqm_like() -> DeviceSnapshot:
    """A square lattice of 54 qubits with errors of the size that IQM states for such devices."""
    rows, columns = 6, 9
    qubit = QubitCalibration(45e-6, 25e-6, 1e-3, 20e-9, 0.02, 1e-6)
    pairs = [
        (a, b)
        for a in range(rows * columns)
        for b in (a + 1, a + columns)
        if b < rows * columns and (b == a + columns or b % columns)
    ]
    couplers = [CouplerCalibration(p, 5e-3, 40e-9) for a, b in pairs for p in ((a, b), (b, a))]
    return DeviceSnapshot("square-54", None, "cz", (qubit,) * 54, tuple(couplers))


def all_to_all() -> DeviceSnapshot:
    """36 qubits, each coupled to each, otherwise as the median of a Heron processor."""
    qubit = QubitCalibration(250e-6, 150e-6, 2.5e-4, 32e-9, 0.01, 2.2e-6)
    couplers = [
        CouplerCalibration((a, b), 1.8e-3, 68e-9) for a in range(36) for b in range(36) if a != b
    ]
    return DeviceSnapshot("all-to-all-36", None, "cz", (qubit,) * 36, tuple(couplers))


_MADE = {"square-54": iqm_like, "all-to-all-36": all_to_all}


def device(name: str) -> DeviceSnapshot:
    """A device by name: packaged, or one of those above."""
    return _MADE[name]() if name in _MADE else load_device(name)


def with_probability_e(snapshot: DeviceSnapshot) -> DeviceSnapshot:
    """The same device with depolarizing probabilities equal to the calibrated errors."""
    return replace(
        snapshot,
        qubits=tuple(replace(q, gate_error=q.gate_error * 2 / 3) for q in snapshot.qubits),
        couplers=tuple(
            replace(c, error=c.error * 4 / 5) if c.error < 1 else c for c in snapshot.couplers
        ),
    )


def mended(snapshot: DeviceSnapshot) -> DeviceSnapshot:
    """The same device with the median of what works in place of every coupler that does not."""
    working = snapshot.working_couplers.values()
    middle = statistics.median(c.error for c in working)
    broken = [c for c in snapshot.couplers if c.qubits not in snapshot.working_couplers]
    length = statistics.median(c.gate_seconds for c in working)
    couplers = [replace(c, error=middle, gate_seconds=length) for c in broken]
    return replace(snapshot, couplers=tuple(sorted([*working, *couplers], key=lambda c: c.qubits)))


def rescored(point: Point, compiled: CompiledPoint, snapshot: DeviceSnapshot) -> float:
    """The predicted value of compiled circuits on another calibration."""
    chances = [predicted_setting(s.setting, s.circuit, snapshot) for s in compiled.settings]
    return point.linear_estimator.value(chances)


def layers(compiled: CompiledPoint) -> int:
    """Two-qubit layers of the deepest circuit of a point."""
    return max(s.certificate.two_qubit_layers for s in compiled.settings)


def cases(sizes: Sequence[int], chsh: Sequence[int]) -> Iterator[Point]:
    """The points of the table."""
    for n in sizes:
        for strategy in _STRATEGIES:
            yield EntanglementPoint(Cloning(n, 1, strategy), "parity")
    for n in chsh:
        yield ChshPoint(Cloning(n, 1, "frame"), "2-2")
        yield ChshPoint(Cloning(n, 1, "frame"), "2-1")


def published(point: Point) -> str:
    """The printed value of the same task with unitary decryption."""
    if isinstance(point, EntanglementPoint):
        found = EntanglementPoint(Cloning(point.cloning.n, 1, "unitary"), "parity").published()
    elif isinstance(point, ChshPoint):
        found = ChshPoint(Cloning(point.cloning.n, 1, "unitary"), point.scenario).published()
    else:
        found = point.published()
    return f"{found.value:.3f}" if found else ""


def exported_and_checked(point: Point, compiled: CompiledPoint, folder: Path | None) -> str:
    """Export a point's circuits as OpenQASM 3, and run the text on simulators of its own.

    Returns:
        How its outcomes were checked, or which circuit failed.
    """
    how = set()
    for one in compiled.settings:
        text = qasm3.dumps(one.circuit)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{point.label}-{one.setting.label}.qasm"
            file.write_text(text, encoding="utf-8")
        if compiled.compiler == "stock":
            return "stock"
        program = Program(text)
        (check,) = one.setting.checks
        qubit_of = program.read()
        read = [qubit_of[bit] for bit in check.bits]
        if isinstance(point, ChshPoint):
            if program.num_qubits > _DENSE or point.scenario == "2-1":
                how.add("-")
                continue
            how.add("dense")
            mean = parity_mean(program.dense(len(program.operations)), read)
            # <X (Z-X)> enters S with a minus sign.
            wanted = math.sqrt(0.5) * (-1 if one.setting.label == "X-" else 1)
            wanted *= 1 - 2 * check.parity
        elif program.num_qubits <= _DENSE:
            how.add("dense")
            mean = parity_mean(program.dense(len(program.operations)), read)
            wanted = 1 - 2 * check.parity
        else:
            how.add("tableau")
            string = stim.PauliString(program.num_qubits)
            for qubit in read:
                string[qubit] = "Z"
            mean = program.tableau(len(program.operations)).peek_observable_expectation(string)
            wanted = 1 - 2 * check.parity
        if abs(mean - wanted) > _ROUNDING:
            return f"FAILED {one.setting.label}: {mean}"
    return "+".join(sorted(how))


def show(*cells: object) -> None:
    """Print one row of the table."""
    widths = (34, 14, 7, 7, 9, 14, 8, 8, 11, 7)
    sys.stdout.write(" ".join(f"{c!s:<{w}}" for c, w in zip(cells, widths, strict=True)) + "\n")
    sys.stdout.flush()


def table(
    name: str, points: Sequence[Point], seconds: float, seed: int, qasm: Path | None, others: str
) -> None:
    """Compile the points for a device and print a row each."""
    snapshot = device(name)
    printed = with_probability_e(snapshot)
    sys.stdout.write(f"\n{name}: layers / predicted value\n")
    show(
        "point",
        "protocol",
        "p = e",
        "proved",
        "checked",
        "stock best/10",
        "gain",
        "printed",
        "moves",
        "wall s",
    )
    for point in points:
        budget = 3 * seconds if point.num_qubits >= 2 * _LARGE + 2 else seconds
        search = Search(round(budget * MOVES_PER_SECOND), seed)
        started = time.perf_counter()
        arguments = (point.settings(), point.linear_estimator.value, snapshot, range(10))
        compiled = compile_point(*arguments, search)
        elapsed = time.perf_counter() - started
        stock = compile_point(*arguments)
        checked = exported_and_checked(point, compiled, qasm / name if qasm else None)
        show(
            point.label,
            f"{layers(compiled)} / {compiled.predicted:.4f}",
            f"{rescored(point, compiled, printed):.4f}",
            all(s.certificate.status == "proved" for s in compiled.settings),
            checked,
            f"{layers(stock)} / {stock.predicted:.4f}",
            f"{compiled.predicted - stock.predicted:+.4f}",
            published(point),
            f"{search.moves:,}" if compiled.compiler == "protocol" else "stock",
            f"{elapsed:.0f}",
        )
        for other in others.split(",") if others else ():
            elsewhere = mended(load_device(other))
            try:
                mine, theirs = (rescored(point, c, elsewhere) for c in (compiled, stock))
            except DoesNotFit as reason:
                sys.stdout.write(f"    on {other}: {reason}\n")
                continue
            sys.stdout.write(f"    on {other}: {mine:.4f}, stock {theirs:.4f}\n")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", default="fake_kingston", help="names, separated by commas")
    parser.add_argument("--n", default="2,3,4,5,6,7,8,9,10,11,12,13,14,15")
    parser.add_argument("--chsh", default="2,3,4,5")
    parser.add_argument(
        "--seconds", type=float, default=20, help="budget; three times it from n=10"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--qasm", type=Path, help="a folder for the circuits as OpenQASM 3")
    parser.add_argument(
        "--score-on", default="", help="score them there too, broken couplers taken as median"
    )
    given = parser.parse_args()
    sizes, chsh = ([int(k) for k in text.split(",") if k] for text in (given.n, given.chsh))
    for name in given.devices.split(","):
        points = list(cases(sizes, chsh))
        table(name, points, given.seconds, given.seed, given.qasm, given.score_on)


if __name__ == "__main__":
    main()
