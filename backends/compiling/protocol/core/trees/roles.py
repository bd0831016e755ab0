"""Roles in decryption: a key qubit may hand back the clone, which is read in its stead.

After encryption the clone and the qubits of its key carry the two strings that show Z and X of the
input, and nothing else is known of them. A qubit on which the strings have two different letters
is as good as any other such: turned by a Clifford of its own it has the letters of the other. So
the clone and a key qubit may exchange their roles without a gate, and decryption goes on with
each as the other. The clone is beside its own key qubit anyway, which saves gates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import inner_machine_code
from backends.compiling.protocol.core.native.frames import COMPOSE, EXCHANGE, IMAGE
from backends.compiling.protocol.core.native.lowering import LOCAL
from backends.compiling.protocol.core.placement import STAND_IN, Placement, partner_site
from backends.compiling.protocol.core.problem import Problem
from backends.compiling.protocol.core.trees.encryption import write


@inner_machine_code
def permutation_taking(first: int, to_first: int, second: int, to_second: int) -> int:
    """The permutation that takes two different axes to two others."""
    code = EXCHANGE[first, to_first]
    return COMPOSE[EXCHANGE[IMAGE[code, second], to_second], code]


@inner_machine_code
def write_letters_of(
    rows: NDArray[np.int64], at: int, problem: Problem, site: int, own: int, role: int
) -> int:
    """Append the Clifford that gives a qubit the letters of another.

    Args:
        rows: where it goes.
        at: the next free row.
        problem: whose letters they are.
        site: where the qubit is.
        own: pair of the key qubit that it is, 0 for the clone.
        role: the same of the qubit whose letters it takes.

    Returns:
        The next free row.
    """
    z, x = problem.clone_z, problem.clone_x
    if own > 0:
        z, x = problem.letter_z[own], problem.letter_x[own]
    to_z, to_x = problem.clone_z, problem.clone_x
    if role > 0:
        to_z, to_x = problem.letter_z[role], problem.letter_x[role]
    return write(rows, at, LOCAL, site, permutation_taking(z, to_z, x, to_x), 0, 0)


@inner_machine_code
def end_site(problem: Problem, placement: Placement) -> int:
    """Where the clone is in the end: on its own site, or on that of the key qubit in its stead."""
    stand_in = placement.scalars[STAND_IN]
    return partner_site(placement, stand_in) if stand_in > 0 else placement.site[problem.clone]


@inner_machine_code
def may_stand_in(problem: Problem, pair: int) -> bool:
    """Whether the key qubit of a pair may hand back the clone."""
    return bool(problem.stand_ins >> pair & 1)
