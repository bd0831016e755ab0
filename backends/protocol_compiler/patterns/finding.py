"""``make patterns``: search for the patterns that are shipped, on ideal lattices.

Takes an hour or two. Equal sources give an equal file, on any machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from backends.protocol_compiler.patterns import Pattern, key_of, pattern_of
from backends.protocol_compiler.problem import Problem
from backends.protocol_compiler.recognition import recognise
from backends.protocol_compiler.search import search
from backends.protocol_compiler.tables import device_tables
from backends.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from experiments.entanglement import EntanglementPoint
from experiments.protocol import Cloning, Strategy

FILE = Path(__file__).parent / "patterns.json"

_QUBIT = QubitCalibration(250e-6, 150e-6, 2.5e-4, 32e-9, 0.01, 2.2e-6)
_COUPLER_ERROR, _GATE_SECONDS = 1.8e-3, 68e-9
_STRATEGIES: tuple[Strategy, ...] = ("frame", "unitary")
_SEEDS = 4
_KEPT = 3


def _uniform(name: str, qubits: int, pairs: Iterable[tuple[int, int]]) -> DeviceSnapshot:
    both = sorted({pair for a, b in pairs for pair in ((a, b), (b, a))})
    couplers = tuple(CouplerCalibration(p, _COUPLER_ERROR, _GATE_SECONDS) for p in both)
    return DeviceSnapshot(name, None, "cz", (_QUBIT,) * qubits, couplers)


def heavy_hex(rows: int = 8, columns: int = 16) -> DeviceSnapshot:
    """Rows of coupled qubits, joined by single qubits at every fourth, in turns."""
    step = columns + columns // 4
    pairs = [(step * r + c, step * r + c + 1) for r in range(rows) for c in range(columns - 1)]
    for r in range(rows - 1):
        for k in range(columns // 4):
            joint, column = step * r + columns + k, 4 * k + (3 if r % 2 == 0 else 1)
            pairs += [(step * r + column, joint), (joint, step * (r + 1) + column)]
    return _uniform("heavy-hex", step * rows - columns // 4, pairs)


def square(rows: int = 10, columns: int = 12) -> DeviceSnapshot:
    """A square lattice."""
    index = [(r, c) for r in range(rows) for c in range(columns)]
    pairs = [(columns * r + c, columns * r + c + 1) for r, c in index if c + 1 < columns]
    pairs += [(columns * r + c, columns * (r + 1) + c) for r, c in index if r + 1 < rows]
    return _uniform("square", rows * columns, pairs)


def problem_of(n: int, strategy: Strategy) -> Problem:
    """The problem of one structure, without anything beside the clone."""
    settings = EntanglementPoint(Cloning(n, 1, strategy), "parity").settings()
    return recognise([setting.circuit for setting in settings])[0].problem


def patterns_on(lattice: DeviceSnapshot, problem: Problem, moves: int) -> list[Pattern]:
    """The best of several searches on a lattice, best first."""
    found = [search(problem, lattice, moves, seed, patterns={}) for seed in range(_SEEDS)]
    best = sorted((one for one in found if one), key=lambda one: one.rank)
    patterns = [pattern_of(problem, one.place, device_tables(lattice)) for one in best[:_KEPT]]
    return [one for one in patterns if one]


def _task(task: tuple[str, int, Strategy]) -> tuple[str, list[dict[str, object]]]:
    name, n, strategy = task
    lattice = heavy_hex() if name == "heavy-hex" else square()
    problem = problem_of(n, strategy)
    # Large ones have more to arrange.
    moves = 150_000 * n
    return key_of(problem), [p.to_json() for p in patterns_on(lattice, problem, moves)]


def _tasks(sizes: Sequence[int]) -> list[tuple[str, int, Strategy]]:
    lattices = ("heavy-hex", "square")
    return [(name, n, s) for name in lattices for n in sizes for s in _STRATEGIES]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", default="2,3,4,5,6,7,8,9,10,11,12,13,14,15")
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    tasks = _tasks([int(k) for k in given.n.split(",")])
    shipped: dict[str, dict[str, list[dict[str, object]]]] = {}
    with ProcessPoolExecutor(given.workers) as pool:
        for (lattice, _, _), (key, found) in zip(tasks, pool.map(_task, tasks), strict=True):
            shipped.setdefault(lattice, {})[key] = found
    FILE.write_text(json.dumps(shipped, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
