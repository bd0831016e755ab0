"""The sites of all blocks, the order in which they are made, and what blocks what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code, machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import LONGEST_PATH, Placement, empty_placement
from backends.compiling.protocol.core.trees.routing import route_avoiding
from backends.compiling.protocol.multi.crossings import meeting, route_across
from backends.compiling.protocol.multi.problem import MultiProblem

CENTRE, STEEP = 0, 1
"""Entries of :attr:`Layout.ghz_tree`."""

_SPARE = 1


class Layout(NamedTuple):
    """One :class:`Placement` a block, stacked, and what they share.

    ``path[b, 0]`` leads from the site of block b's input in its tree back to where it comes from:
    to R, to the site on which the parent block left it, or nowhere (length 1).

    Attributes:
        site: shape (blocks, nodes at most); see :class:`Placement`, as for the next ones.
        parent: shape (blocks, nodes at most).
        scalars: shape (blocks, 6).
        path: shape (blocks, pairs, device qubits at most).
        length: shape (blocks, pairs).
        meet: shape (blocks, pairs).
        turned: shape (blocks, pairs).
        flip: shape (blocks, pairs).
        order: blocks in the order in which they are made, shape (blocks,).
        ghz_tree: the block from whose input a GHZ state spreads, and 1 if every input is reached by
            a shortest path from there, 0 if from the nearest one that is reached already, shape
            (2,).
        role: which qubit takes each role when a clone is decrypted, by pairs of
            :attr:`MultiProblem.flat`, 0 for the clone: its pair if that is the key qubit's own,
            shape (clones, pairs of flat). See :mod:`backends.compiling.protocol.core.trees.roles`.
        rank: which way the GHZ state goes if two are equally long: by the lower rank of the
            device qubits, shape (device qubits,).
        crowded: 1 if paths may cross qubits that are in use, which make way; shape (1,).
    """

    site: NDArray[np.int64]
    parent: NDArray[np.int64]
    scalars: NDArray[np.int64]
    path: NDArray[np.int64]
    length: NDArray[np.int64]
    meet: NDArray[np.int64]
    turned: NDArray[np.int64]
    flip: NDArray[np.int64]
    order: NDArray[np.int64]
    ghz_tree: NDArray[np.int64]
    role: NDArray[np.int64]
    rank: NDArray[np.int64]
    crowded: NDArray[np.int64]


def empty_layout(problem: MultiProblem, sites: int, longest: int = LONGEST_PATH) -> Layout:
    """A layout of which nothing is placed, for a device with so many qubits.

    Paths have ``longest`` of them at most.
    """
    blocks, pairs = problem.blocks, problem.pairs
    nodes = pairs + _SPARE
    return Layout(
        site=np.full((blocks, nodes), -1, dtype=np.int64),
        parent=np.full((blocks, nodes), -1, dtype=np.int64),
        scalars=np.tile(empty_placement(1).scalars, (blocks, 1)),
        path=np.full((blocks, pairs, longest), -1, dtype=np.int64),
        length=np.zeros((blocks, pairs), dtype=np.int64),
        meet=np.zeros((blocks, pairs), dtype=np.int64),
        turned=np.zeros((blocks, pairs), dtype=np.int64),
        flip=np.zeros((blocks, pairs), dtype=np.int64),
        order=np.arange(blocks, dtype=np.int64),
        ghz_tree=np.zeros(2, dtype=np.int64),
        role=np.tile(np.arange(problem.flat.pairs, dtype=np.int64), (len(problem.clones), 1)),
        rank=np.arange(sites, dtype=np.int64),
        crowded=np.zeros(1, dtype=np.int64),
    )


@inner_machine_code
def block_of(layout: Layout, b: int) -> Placement:
    """One block of a layout, as a view."""
    return Placement(
        layout.site[b],
        layout.parent[b],
        layout.scalars[b],
        layout.path[b],
        layout.length[b],
        layout.meet[b],
        layout.turned[b],
        layout.flip[b],
    )


@machine_code
def copy_layout(source: Layout, target: Layout) -> None:
    """Overwrite one layout by another."""
    target.site[:] = source.site
    target.parent[:] = source.parent
    target.scalars[:] = source.scalars
    target.path[:] = source.path
    target.length[:] = source.length
    target.meet[:] = source.meet
    target.turned[:] = source.turned
    target.flip[:] = source.flip
    target.order[:] = source.order
    target.ghz_tree[:] = source.ghz_tree
    target.role[:] = source.role
    target.rank[:] = source.rank
    target.crowded[:] = source.crowded


@inner_machine_code
def last_site(layout: Layout, b: int, pair: int) -> int:
    """Where the partner of a data qubit stands, or where the input of a block comes from."""
    return layout.path[b, pair, layout.length[b, pair] - 1]


@inner_machine_code
def position_of(layout: Layout, b: int) -> int:
    """How many blocks are made before a block."""
    k = 0
    while layout.order[k] != b:
        k += 1
    return k


@inner_machine_code
def has_partner(problem: MultiProblem, b: int, pair: int) -> bool:
    """Whether a pair is a Bell pair: it is unless it is an input that comes from elsewhere."""
    return pair > 0 or problem.partner[b, 0] >= 0


@inner_machine_code
def hold_inputs(problem: MultiProblem, layout: Layout, held: NDArray[np.int64]) -> int:
    """Start with free device qubits but for the inputs of a GHZ state; conflicts are counted."""
    wrong = 0
    held[:] = 0
    if problem.ghz:
        for b in range(problem.blocks):
            wrong += held[layout.site[b, 0]]
            held[layout.site[b, 0]] = 1
    return wrong


@inner_machine_code
def enter(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    sequence: NDArray[np.int64],
) -> int:
    """Let a block's qubits come to their sites, where ``held`` marks what is in use.

    Args:
        problem: what is placed.
        layout: where.
        b: the block.
        held: 1 where a device qubit is in use, shape (device qubits,), int64; updated.
        sequence: in which order its pairs are made and its input comes, shape (pairs,), int64;
            overwritten.

    Returns:
        How often something stands in the way; 0 if all is well.
    """
    # Plain arrays: handing over a whole layout takes longer than what is asked of it.
    pairs, ghz = problem.pairs, problem.ghz
    site, path, length = layout.site[b], layout.path[b], layout.length[b]
    across = layout.crowded[0] == 1
    comes = problem.source[b, 0] >= 0
    origin = path[0, length[0] - 1] if comes else -1
    wrong = 0
    first = np.zeros(pairs, dtype=np.int64)  # what has to come before each pair, as a mask
    partner = np.empty(pairs, dtype=np.int64)
    for i in range(pairs):
        is_pair = i > 0 or problem.partner[b, 0] >= 0
        partner[i] = path[i, length[i] - 1] if is_pair else -1
    for i in range(pairs):
        size = length[i]
        if i == 0 and ghz:
            continue
        for k in range(size):
            s = path[i, k]
            mine = k == 0 or (k == size - 1 and not (i == 0 and comes))
            for j in range(pairs):
                if j != i and (s == site[j] or s == partner[j]):
                    if mine:
                        wrong += 1
                    else:
                        first[j] |= 1 << i
            if i > 0 and s == origin:
                first[i] |= 1
    done = 0
    for k in range(pairs):
        chosen = -1
        for i in range(pairs):
            if not (done >> i) & 1 and (first[i] & ~done) == 0:
                chosen = i
                break
        if chosen < 0:
            wrong += 1
            for i in range(pairs):
                if not (done >> i) & 1:
                    chosen = i
                    break
        done |= 1 << chosen
        sequence[k] = chosen
        if chosen == 0 and ghz:
            continue
        size = length[chosen]
        moves_in = chosen == 0 and comes
        if across:
            if not moves_in or size > 1:
                wrong += held[path[chosen, 0]]
            if not moves_in:
                wrong += held[path[chosen, size - 1]]
                wrong += meeting(path[chosen], size, layout.meet[b, chosen], held) < 0
        else:
            for m in range(size - 1 if moves_in else size):
                wrong += held[path[chosen, m]]
        if moves_in:
            held[origin] = 0
        held[site[chosen]] = 1
        if partner[chosen] >= 0:
            held[partner[chosen]] = 1
    return wrong


@inner_machine_code
def held_before(
    problem: MultiProblem,
    layout: Layout,
    b: int,
    held: NDArray[np.int64],
    sequence: NDArray[np.int64],
) -> None:
    """Mark which device qubits are in use just before a block is made; see :func:`enter`."""
    hold_inputs(problem, layout, held)
    for k in range(problem.blocks):
        other = layout.order[k]
        if other == b:
            return
        enter(problem, layout, other, held, sequence)


@inner_machine_code
def conflicts(
    problem: MultiProblem, layout: Layout, held: NDArray[np.int64], sequence: NDArray[np.int64]
) -> int:
    """How often something stands in the way; 0 if the layout works."""
    wrong = hold_inputs(problem, layout, held)
    for k in range(problem.blocks):
        wrong += enter(problem, layout, layout.order[k], held, sequence)
    return wrong


@inner_machine_code
def draw_path(
    layout: Layout, b: int, pair: int, goal: int, held: NDArray[np.int64], tables: DeviceTables
) -> bool:
    """Draw the path of a pair around what is in use, or across it on a crowded device."""
    if layout.crowded[0] == 1:
        return route_across(block_of(layout, b), pair, goal, held, tables)
    return route_avoiding(block_of(layout, b), pair, goal, held, tables, 1.0)
