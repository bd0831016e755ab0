"""``make patterns``: search on ideal lattices for better patterns than those that are shipped.

Every run adds what it finds to the file and keeps the best of each structure, so that further
seeds or longer searches can only improve it. Nothing depends on the machine: the same seeds and
moves, the same sources and the same file before give the same file afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.compiling.protocol.core.embedding import couplers_of
from backends.compiling.protocol.core.native.tables import device_tables
from backends.compiling.protocol.core.placement import Placement
from backends.compiling.protocol.core.problem import Problem
from backends.compiling.protocol.patterns import Patterns, key_of, pattern_of, shipped
from backends.compiling.protocol.single.programs import native_program, scratch_for
from backends.compiling.protocol.single.recognition import recognise
from backends.compiling.protocol.single.search import search
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.worker_processes import map_in_processes
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning, Strategy

FILE = Path(__file__).parent / "patterns" / "patterns.json"

_QUBIT = QubitCalibration(250e-6, 150e-6, 2.5e-4, 32e-9, 0.01, 2.2e-6)
_COUPLER_ERROR, _GATE_SECONDS = 1.8e-3, 68e-9
_STRATEGIES: tuple[Strategy, ...] = ("frame", "unitary")
_KEPT = 4

_Entry = dict[str, Any]
"""A pattern as JSON types, with its ``rank`` on the lattice: the less the better."""


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


def problem_of(n: int, strategy: Strategy, beside: bool = False) -> Problem:
    """The problem of one structure; with R beside the clone, it is that of a CHSH test."""
    cloning = Cloning(n, 1, strategy)
    point = ChshPoint(cloning, "2-2") if beside else EntanglementPoint(cloning, "parity")
    return recognise([setting.circuit for setting in point.settings()])[0].problem


@dataclass(frozen=True)
class _Task:
    lattice: str
    n: int
    strategy: Strategy
    seed: int
    moves: int
    afresh: bool
    beside: bool


def found(
    lattice: DeviceSnapshot, problem: Problem, known: Patterns, seed: int, moves: int
) -> _Entry | None:
    """The pattern of one search, which starts from those that are known and at random."""
    best = search(problem, lattice, moves, seed, patterns=known)
    if best is None:
        return None
    pattern = pattern_of(problem, best.placement, couplers_for(problem, best.placement, lattice))
    return {"rank": round(best.rank, 4), **pattern.to_json()} if pattern else None


def couplers_for(
    problem: Problem, placement: Placement, lattice: DeviceSnapshot
) -> list[tuple[int, int]]:
    """The pairs of qubits of a lattice that share a gate in a placement, the lower one first."""
    tables = device_tables(lattice)
    scratch = scratch_for(problem, tables)
    length = native_program(problem, placement, tables, scratch)
    return couplers_of(scratch.native[:length])


def _run(task: _Task) -> tuple[str, _Entry | None]:
    lattice = heavy_hex() if task.lattice == "heavy-hex" else square()
    problem = problem_of(task.n, task.strategy, task.beside)
    known = {} if task.afresh else shipped()
    return key_of(problem), found(lattice, problem, known, task.seed, task.moves)


def merged(known: Sequence[_Entry], new: _Entry) -> list[_Entry]:
    """The best of what is known and what is new, each once."""
    # On a regular lattice equal ranks are the same shape, seen from another side.
    once = {float(entry["rank"]): entry for entry in (new, *known)}
    return [once[rank] for rank in sorted(once)[:_KEPT]]


def main() -> None:
    """Search, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", default="2,3,4,5,6,7,8,9,10,11,12,13,14,15")
    parser.add_argument("--lattices", default="heavy-hex,square")
    parser.add_argument("--seeds", default="0,1,2,3", help="one search a structure for each")
    parser.add_argument("--moves", type=int, default=150_000, help="for each signal qubit")
    parser.add_argument(
        "--afresh", action="store_true", help="start at random alone, not from what is shipped too"
    )
    parser.add_argument(
        "--beside", action="store_true", help="with R beside the clone, as CHSH tests need it"
    )
    parser.add_argument("--workers", type=int, help="processes; one a core if not given")
    given = parser.parse_args()
    sizes, seeds = ([int(k) for k in text.split(",")] for text in (given.n, given.seeds))
    tasks = [
        _Task(lattice, n, strategy, seed, given.moves * n, given.afresh, given.beside)
        for lattice in given.lattices.split(",")
        for n in sizes
        for strategy in _STRATEGIES
        for seed in seeds
    ]
    document: dict[str, dict[str, list[_Entry]]] = json.loads(FILE.read_text(encoding="utf-8"))
    with closing(map_in_processes(_run, tasks, given.workers or os.cpu_count() or 1)) as outcomes:
        for task, (key, entry) in zip(tasks, outcomes, strict=True):
            if entry:
                shelf = document.setdefault(task.lattice, {})
                shelf[key] = merged(shelf.get(key, []), entry)
                # Kept at once: who stops a long run loses nothing.
                text = json.dumps(document, separators=(",", ":"), sort_keys=True)
                FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
