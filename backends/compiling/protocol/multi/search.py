"""Search for the best layout, by a number of moves that a budget stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from backends.compiling.protocol.core import annealing
from backends.compiling.protocol.core.annealing import IMPOSSIBLE, anneal, copy_of
from backends.compiling.protocol.core.cache import found_once
from backends.compiling.protocol.core.machine_code import implements
from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.compiling.protocol.core.native.tables import working_region
from backends.compiling.protocol.core.tournament import Found, Mapper, Task, Tournament
from backends.compiling.protocol.multi.layout import Layout, copy_layout, empty_layout
from backends.compiling.protocol.multi.moves.changes import change
from backends.compiling.protocol.multi.problem import MultiProblem, tables_for
from backends.compiling.protocol.multi.programs import cost_of, scratch_for
from backends.compiling.protocol.multi.relocation import relocate
from backends.compiling.protocol.multi.starts.crowded_layouts import (
    draw_crowded_layout,
    is_crowded,
)
from backends.compiling.protocol.multi.starts.random_layouts import start
from backends.devices.snapshot import DeviceSnapshot

implements(annealing.change, MultiProblem)(change)
implements(annealing.cost_of, MultiProblem)(cost_of)
implements(annealing.overwrite, Layout)(copy_layout)

_SCOUTS, _SEMIFINALISTS, _FINALISTS = 0.6, 0.25, 0.15
"""Shares of the moves."""
_FEWEST_SCOUTS = 8
_MOST_RELOCATED, _OTHER_SITES = 32, 2
"""How many layouts are tried elsewhere on the device, and how many of these are kept of each."""
_FEWEST_SEMIFINALISTS, _MOST_SEMIFINALISTS = 4, 8
"""As many as the moves allow for, if none is to be shorter than a run that comes first."""
_HOT, _WARM, _COLD = 0.4, 0.15, 0.002
_MOVES_OF_SCOUTS, _MOVES_OF_GHZ_SCOUTS = 15_000, 30_000
"""For each block. Clones of clones find a good layout by another start, rather than more moves."""
_FEWEST_ROUNDS, _MOVES_OF_ROUND = 500, 10
"""A start that finds no room for everything goes on for as long as some moves take."""
_STEEP = 3.5 * LAYER_PRICE
"""Every other run of those that come first looks for shallow layouts: these lie far from others.
Half of the first ones leave clones and keys their own roles in decryption, if there are many."""
_FEW_GENERATIONS = 2
_BLOCKS_OF_A_MOVE = 4
"""Moves of more blocks take longer: fewer are made for the same budget. What a move takes however
many blocks there are is worth as much as so many of them, less one."""
_CLONES_ARE_FASTER = 4, 3
"""Moves of clones of clones in the time of some of a GHZ state."""


def best_layout(
    problem: MultiProblem, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper
) -> Layout | None:
    """The result of :func:`search`, which is made once and kept; None if nothing was found."""

    def find() -> Layout | None:
        found = search(problem, snapshot, moves, seed, mapper)
        return found.placement if found else None

    return found_once(Layout, problem, snapshot, moves, seed, find)


def run(task: Task[MultiProblem, Layout]) -> Found[Layout]:
    """Do one annealing run."""
    problem = task.problem
    layout = _start(task) if task.start is None else copy_of(task.start)
    if layout is None:
        return Found(np.inf, 0, empty_layout(problem, task.snapshot.num_qubits))
    cost, layers = anneal(
        problem,
        layout,
        copy_of(layout),
        copy_of(layout),
        tables_for(problem, task.snapshot),
        scratch_for(problem, layout),
        task.moves,
        task.hot,
        task.cold,
        task.seed,
        task.layer_price,
    )
    return Found(cost, layers, layout)


def _start(task: Task[MultiProblem, Layout]) -> Layout | None:
    """A random layout; None if there is no room for everything."""
    problem, snapshot = task.problem, task.snapshot
    crowded = is_crowded(problem, snapshot)
    rounds = _FEWEST_ROUNDS + (0 if crowded else task.moves // _MOVES_OF_ROUND)
    region = working_region(snapshot)
    layout, spare = (empty_layout(problem, snapshot.num_qubits) for _ in range(2))
    tables = tables_for(problem, snapshot)
    if start(problem, layout, spare, task.centre, region, tables, rounds, task.seed):
        return layout
    return draw_crowded_layout(problem, snapshot, task.seed) if crowded else None


def search(
    problem: MultiProblem, snapshot: DeviceSnapshot, moves: int, seed: int, mapper: Mapper = map
) -> Found[Layout] | None:
    """Look for the layout with the least cost.

    Short runs from all over the device; longer ones from the best of what they found, there or
    elsewhere on the device; the longest from the very best. Equal arguments give equal layouts, by
    any number of threads.

    Args:
        problem: what is placed.
        snapshot: the device.
        moves: the budget: changes tried in all, fewer if there are many blocks.
        seed: of all random choices.
        mapper: does the runs.

    Returns:
        The best layout, or None if none was found.
    """
    moves = _moves_of(problem, moves)
    draw = np.random.default_rng([seed, problem.blocks, problem.pairs])
    centres: Sequence[int] = draw.permutation(sorted(snapshot.largest_region)).tolist()
    rounds = Tournament(run, snapshot, moves, _COLD, draw, mapper)
    each = (_MOVES_OF_GHZ_SCOUTS if problem.ghz else _MOVES_OF_SCOUTS) * problem.blocks
    scouting = max(_FEWEST_SCOUTS, int(_SCOUTS * moves / each))
    free = [(problem, LAYER_PRICE), (problem, _STEEP)]
    scouts = rounds.scouts(centres[:scouting], _SCOUTS, _HOT, [*free, *_with_own_roles(problem)])
    first = _distinct([*scouts, *_relocated(problem, snapshot, _distinct(scouts))])
    going_on = int(
        np.clip(_SEMIFINALISTS * moves / each, _FEWEST_SEMIFINALISTS, _MOST_SEMIFINALISTS)
    )
    chosen = [f.placement for f in first[:going_on]]
    middle = rounds.continue_from(chosen, _SEMIFINALISTS, _WARM, free)
    best = _distinct([*first, *middle])
    if not best:
        return None
    finalists = [f.placement for f in best[:2]]
    last = rounds.continue_from(finalists, _FINALISTS, _WARM / 2, free[:1])
    found = min([*best, *last], key=lambda f: f.rank)
    return found if found.cost < IMPOSSIBLE else None


def _moves_of(problem: MultiProblem, moves: int) -> int:
    """How many moves of a problem take as long as so many of a small one."""
    if not problem.ghz:
        many, some = _CLONES_ARE_FASTER
        moves = moves * many // some
    return max(1, moves * _BLOCKS_OF_A_MOVE // (_BLOCKS_OF_A_MOVE - 1 + problem.blocks))


def _with_own_roles(problem: MultiProblem) -> list[tuple[MultiProblem, float]]:
    """Many generations are searched for without exchanges of roles too, by either layer price."""
    generations = (problem.flat.pairs - 1) // (problem.pairs - 1)
    if generations <= _FEW_GENERATIONS:
        return []
    own = problem._replace(flat=problem.flat._replace(stand_ins=0))
    return [(own, LAYER_PRICE), (own, _STEEP)]


def _relocated(
    problem: MultiProblem, snapshot: DeviceSnapshot, scouts: Sequence[Found[Layout]]
) -> Iterator[Found[Layout]]:
    """The best of what was found in one region of the device, elsewhere on it."""
    if is_crowded(problem, snapshot):
        return  # there is no room elsewhere
    region, tables = working_region(snapshot), tables_for(problem, snapshot)
    for scout in scouts[:_MOST_RELOCATED]:
        if scout.cost < IMPOSSIBLE:
            yield from relocate(problem, scout.placement, tables, region, _OTHER_SITES)


def _distinct(found: Iterable[Found[Layout]]) -> list[Found[Layout]]:
    """One of each rank, the best first: equal ranks are the same layout, mostly."""
    by_rank = {round(f.rank, 9): f for f in found if np.isfinite(f.cost)}
    return [by_rank[rank] for rank in sorted(by_rank)]
