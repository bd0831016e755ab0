"""``make bench-compile``: what the protocol compiler reaches, beside the stock transpiler.

Every row is compiled in the same run by both compilers and proved, its circuits are exported, and
the exported text is run on simulators that share no code with the compiler. A predicted value
beside a published one is not like with like: those circuits ran on the device itself, on another
day.

The noise model reads a calibration error as an average infidelity e, so that the depolarizing
probability is 5e/4 (two qubits) or 3e/2 (one). The column ``p = e`` scores the same circuits as if
the probability were e, which is how some published targets were computed.

With ``--out`` finished rows are kept, and the same command goes on after them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_compile_cases import (
    Goal,
    cases,
    device,
    elsewhere,
    goal,
    is_large,
    published,
    with_probability_e,
)
from qiskit import qasm3

from backends.compiling.compile import MOVES_PER_SECOND, CompiledPoint, Search, compile_point
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.prediction import predict_setting
from experiments.point import Point

sys.path.insert(0, str(Path(__file__).parent / "shared"))
from exported import Program

_SEEDS = 10
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        point: its label, experiment first.
        device: what it was compiled for.
        moves: budget of the search; 0 if the stock transpiler's circuits won.
        layers: two-qubit layers of its deepest circuit.
        value: predicted value.
        value_p_is_e: the same with depolarizing probabilities equal to the calibrated errors.
        stock_layers: the same of the stock transpiler's best seed.
        stock_value: its predicted value.
        proved: whether every circuit's certificate says so.
        checked: how the exported text was checked, or which circuit failed.
        goal: what the row is to reach, as text; empty if nothing was set.
        met: whether layers and value reach it; None if nothing was set.
        printed: the published value; empty if there is none.
        wall_seconds: what the search and its proof took.
        elsewhere: device → predicted value there of these circuits and of the stock ones.
    """

    point: str
    device: str
    moves: int
    layers: int
    value: float
    value_p_is_e: float
    stock_layers: int
    stock_value: float
    proved: bool
    checked: str
    goal: str
    met: bool | None
    printed: str
    wall_seconds: float
    elsewhere: dict[str, tuple[float, float]]


def rescored(point: Point, compiled: CompiledPoint, snapshot: DeviceSnapshot) -> float:
    """The predicted value of compiled circuits on another calibration."""
    chances = [predict_setting(s.setting, s.circuit, snapshot) for s in compiled.settings]
    return point.linear_estimator.value(chances)


def layers(compiled: CompiledPoint) -> int:
    """Two-qubit layers of the deepest circuit of a point."""
    return max(s.certificate.two_qubit_layers for s in compiled.settings)


def exported_and_checked(point: Point, compiled: CompiledPoint, folder: Path | None) -> str:
    """Export a point's circuits as OpenQASM 3, and run the text on simulators of its own.

    Returns:
        How its outcomes were checked, or which circuit failed: the input is hidden when encryption
        ends, and the parities that are read are those of the protocol.
    """
    how = set()
    for one in compiled.settings:
        text = qasm3.dumps(one.circuit)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{one.setting.label}.qasm").write_text(text, encoding="utf-8")
        program = Program(text)
        # The last two stages of every point are encryption and decryption.
        encrypted = program.stages(point.num_qubits)[-2]
        if not program.is_hidden(encrypted):
            return f"FAILED {one.setting.label}: not encrypted"
        # Where several parities must hold each is certain.
        certain = len(one.setting.checks) > 1
        wanted = 1.0 if certain else 2 * one.setting.ideal_success() - 1
        for check in one.setting.checks:
            mean, method = program.mean(check.bits)
            how.add(method)
            if abs((-1) ** check.parity * mean - wanted) > _ROUNDING:
                return f"FAILED {one.setting.label}: {mean}"
    return "+".join(sorted(how))


def measured(
    point: Point, name: str, search: Search, folder: Path | None, others: list[str]
) -> Row:
    """Compile a point twice, prove and check it."""
    snapshot = device(name)
    settings, value = point.settings(), point.linear_estimator.value
    stock = compile_point(settings, value, snapshot, range(_SEEDS))
    started = time.perf_counter()
    best = stock.transpiler_seed or 0
    compiled = compile_point(settings, value, snapshot, [best], search)
    elapsed = time.perf_counter() - started
    wanted: Goal | None = goal(point) if name == "fake_kingston" else None
    deep = layers(compiled)
    met = None
    if wanted:
        met = compiled.predicted >= wanted.value and (not wanted.layers or deep <= wanted.layers)
    scored = {}
    for other in others:
        calibration = elsewhere(other, snapshot)
        scored[other] = (
            rescored(point, compiled, calibration),
            rescored(point, stock, calibration),
        )
    return Row(
        f"{point.parameters['experiment']} {point.label}",
        name,
        search.moves if compiled.compiler == "protocol" else 0,
        deep,
        compiled.predicted,
        rescored(point, compiled, with_probability_e(snapshot)),
        layers(stock),
        stock.predicted,
        all(s.certificate.status == "proved" for s in compiled.settings),
        exported_and_checked(point, compiled, folder),
        str(wanted or ""),
        met,
        published(point),
        elapsed,
        scored,
    )


_COLUMNS = {
    "point": 40,
    "protocol": 14,
    "p = e": 7,
    "at least": 11,
    "met": 4,
    "stock best/10": 14,
    "gain": 8,
    "printed": 8,
    "proved": 7,
    "checked": 14,
    "moves": 11,
    "wall s": 7,
}


def show(*cells: object) -> None:
    """Print one row of the table."""
    widths = _COLUMNS.values()
    sys.stdout.write(" ".join(f"{c!s:<{w}}" for c, w in zip(cells, widths, strict=True)) + "\n")
    sys.stdout.flush()


def show_row(row: Row) -> None:
    """Print what was measured."""
    show(
        row.point,
        f"{row.layers} / {row.value:.4f}",
        f"{row.value_p_is_e:.4f}",
        row.goal,
        {True: "yes", False: "no", None: ""}[row.met],
        f"{row.stock_layers} / {row.stock_value:.4f}",
        f"{row.value - row.stock_value:+.4f}",
        row.printed,
        row.proved,
        row.checked,
        f"{row.moves:,}" if row.moves else "stock",
        f"{row.wall_seconds:.0f}",
    )
    for other, (mine, theirs) in row.elsewhere.items():
        sys.stdout.write(
            f"    on {other}: {mine:.4f}, stock {theirs:.4f}, gain {mine - theirs:+.4f}\n"
        )


def kept(file: Path) -> Row | None:
    """A row measured before."""
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    found["elsewhere"] = {k: tuple(v) for k, v in found["elsewhere"].items()}
    return Row(**found)


def table(
    name: str,
    points: Sequence[Point],
    seconds: float,
    seed: int,
    out: Path | None,
    others: list[str],
) -> list[Row]:
    """Compile the points for a device and print a row each."""
    sys.stdout.write(f"\n{name}: layers / predicted value\n")
    show(*_COLUMNS)
    rows = []
    for point in points:
        search = Search(round((3 if is_large(point) else 1) * seconds * MOVES_PER_SECOND), seed)
        asked = json.dumps([str(point), name, asdict(search), others])
        folder = (
            out / name / f"{point.parameters['experiment']}-{point.label}-"
            f"{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
            if out
            else None
        )
        row = kept(folder / "row.json") if folder else None
        if row is None:
            try:
                row = measured(point, name, search, folder, others)
            except DoesNotFit as reason:
                sys.stdout.write(f"{point.label}: {reason}\n")
                continue
            if folder:
                text = json.dumps(asdict(row), indent=2, sort_keys=True)
                (folder / "row.json").write_text(text + "\n", encoding="utf-8")
        show_row(row)
        rows.append(row)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """The rows as tables for a document, one for each device."""
    lines = []
    for name in dict.fromkeys(row.device for row in rows):
        lines += [
            f"### {name}",
            "",
            "| point | protocol | p = e | set | stock, best of 10 | published |",
            "|---|---|---|---|---|---|",
        ]
        for row in rows:
            if row.device == name:
                met = "" if row.met is not False else " (missed)"
                lines.append(
                    f"| {row.point} | {row.layers} / {row.value:.3f} | {row.value_p_is_e:.3f} "
                    f"| {row.goal}{met} | {row.stock_layers} / {row.stock_value:.3f} "
                    f"| {row.printed} |"
                )
        lines.append("")
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> None:
    """Say what the rows show together."""
    aimed = [row for row in rows if row.met is not None]
    lost = [row for row in rows if row.value < row.stock_value]
    wrong = [row for row in rows if not row.proved or "FAILED" in row.checked]
    sys.stdout.write(
        f"\n{len(rows)} rows; {sum(bool(r.met) for r in aimed)} of {len(aimed)} reach what was "
        f"set; stock is better in {len(lost)}; proof or check failed in {len(wrong)}\n"
    )
    for other in sorted({name for row in rows for name in row.elsewhere}):
        gains = [row.elsewhere[other][0] - row.elsewhere[other][1] for row in rows if row.elsewhere]
        better = sum(gain > 0 for gain in gains)
        sys.stdout.write(
            f"on {other}: better than stock in {better} of {len(gains)}, mean gain "
            f"{sum(gains) / len(gains):+.4f}, worst {min(gains):+.4f}\n"
        )


def numbers(text: str) -> list[int]:
    """A list of whole numbers with commas between them."""
    return [int(part) for part in text.split(",") if part]


def names(text: str) -> list[str]:
    """A list of names with commas between them."""
    return [part for part in text.split(",") if part]


def main() -> int:
    """Print the table; 1 if a proof or a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", default="fake_kingston", type=names)
    parser.add_argument("--n", default="2,3,4,5,6,7,8,9,10,11,12,13,14,15", type=numbers)
    parser.add_argument("--chsh", default="2,3,4,5", type=numbers)
    parser.add_argument("--clones", default="9,27,49,75", type=numbers)
    parser.add_argument("--ghz", default="4,8,15", type=numbers)
    parser.add_argument("--virtual", default="6", type=numbers, help="levels")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="budget; three times it from n = 10, r = 8 and 27 clones",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a folder for rows and circuits (OpenQASM 3)")
    parser.add_argument(
        "--score-on",
        default="",
        type=names,
        help="score them there too, what is broken taken as median; drift:K is day K of a model",
    )
    given = parser.parse_args()
    rows = []
    for name in given.devices:
        points = list(cases(given.n, given.chsh, given.clones, given.ghz, given.virtual))
        rows += table(name, points, given.seconds, given.seed, given.out, given.score_on)
    summary(rows)
    if given.out:
        (given.out / "table.md").write_text(markdown(rows), encoding="utf-8")
    return int(any(not row.proved or "FAILED" in row.checked for row in rows))


if __name__ == "__main__":
    sys.exit(main())
