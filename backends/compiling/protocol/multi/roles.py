"""Which qubit takes which role when a clone is decrypted, and so what has to stand beside what.

The qubits on the path of a clone are counted as pairs of :attr:`MultiProblem.flat`: a key qubit by
its pair, the clone as 0. Each but the clone is read together with another, its mate.
"""

from __future__ import annotations

import numpy as np

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.multi.layout import Layout, last_site
from backends.compiling.protocol.multi.problem import MultiProblem

NONE = -1
_MORE = 0.5


@inner_machine_code
def logical_number(problem: MultiProblem, g: int, k: int) -> int:
    """The logical qubit that a clone or one of its keys is."""
    if k == 0:
        return problem.clones[g]
    return problem.partner[problem.path_block[g, k], problem.path_pair[g, k]]


@inner_machine_code
def path_through(problem: MultiProblem, b: int) -> int:
    """The clone on whose path a block is; -1 if there is none."""
    for g in range(len(problem.clones)):
        for k in range(1, problem.flat.pairs):
            if problem.path_block[g, k] == b:
                return g
    return NONE


@inner_machine_code
def number_on_path(problem: MultiProblem, g: int, b: int, pair: int) -> int:
    """The number of a block's key qubit on the path of a clone; -1 if it is not on it."""
    for k in range(1, problem.flat.pairs):
        if problem.path_block[g, k] == b and problem.path_pair[g, k] == pair:
            return k
    return NONE


@inner_machine_code
def read_with(problem: MultiProblem, layout: Layout, g: int, k: int) -> int:
    """The number of the qubit that is read with another, by their roles; -1 if none is."""
    role, mate = layout.role[g], problem.flat.mate
    for part in range(problem.flat.pairs):
        if role[part] == k:
            return role[mate[part]] if mate[part] >= 0 else NONE
    return NONE


@inner_machine_code
def mate_in_block(problem: MultiProblem, layout: Layout, b: int, pair: int) -> int:
    """The pair of the same block whose key qubit is read together with one; -1 if none is."""
    g = path_through(problem, b) if pair > 0 else NONE
    number = number_on_path(problem, g, b, pair) if g >= 0 else NONE
    mate = read_with(problem, layout, g, number) if number >= 0 else NONE
    if mate > 0 and problem.path_block[g, mate] == b:
        return problem.path_pair[g, mate]
    return NONE


@inner_machine_code
def clone_site(problem: MultiProblem, layout: Layout, g: int) -> int:
    """Where the qubit of a clone stands."""
    b = problem.path_block[g, problem.flat.pairs - 1]
    for i in range(problem.pairs):
        if problem.data[b, i] == problem.clones[g]:
            return layout.site[b, i]
    return NONE


@inner_machine_code
def stands_at(problem: MultiProblem, layout: Layout, g: int, k: int) -> int:
    """Where a clone or one of its key qubits stands."""
    if k == 0:
        return clone_site(problem, layout, g)
    return last_site(layout, problem.path_block[g, k], problem.path_pair[g, k])


@inner_machine_code
def exchange_roles(problem: MultiProblem, layout: Layout, g: int) -> bool:
    """Two qubits of the same generation, or of two that follow each other, exchange their roles."""
    size, role = problem.flat.pairs, layout.role[g]
    first = np.random.randint(1, size)
    second = first + np.random.randint(1, 2 * problem.pairs - 2)
    if second >= size:
        second = 0
    for k in (first, second):
        if k > 0 and not problem.flat.stand_ins >> k & 1:
            return False
    for part in range(size):
        if role[part] == first:
            role[part] = second
        elif role[part] == second:
            role[part] = first
    return True


@inner_machine_code
def shuffle_roles(problem: MultiProblem, layout: Layout, g: int) -> None:
    """Roles at random, most of them as the protocol has them."""
    for k in range(problem.flat.pairs):
        layout.role[g, k] = k
    while np.random.random() < _MORE:
        exchange_roles(problem, layout, g)
