"""A key qubit hands back the clone: the clone's own qubit is read with the key in its stead.

After encryption the clone and the qubits of its key carry the two strings that show Z and X of the
input, and nothing else is known of them. A qubit on which the strings have two different letters
is as good as any other such: turned by a Clifford of its own it has the letters of the other. So
the clone and a key qubit may exchange their roles without a gate, and decryption goes on with
each in the place of the other. The clone is beside its own key qubit anyway, which saves ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.protocol_compiler.compiled import inner_machine_code
from backends.protocol_compiler.encoding import write
from backends.protocol_compiler.frames import COMPOSE, EXCHANGE, IMAGE
from backends.protocol_compiler.lowering import LOCAL
from backends.protocol_compiler.placement import STAND_IN, Placement, partner_site
from backends.protocol_compiler.problem import Problem


@inner_machine_code
def taking(first: int, to_first: int, second: int, to_second: int) -> int:
    """The permutation that takes two different axes to two others."""
    code = EXCHANGE[first, to_first]
    return COMPOSE[EXCHANGE[IMAGE[code, second], to_second], code]


@inner_machine_code
def exchange_roles(
    rows: NDArray[np.int64],
    at: int,
    problem: Problem,
    pair: int,
    clone: int,
    key: int,
    lists: NDArray[np.int64],
) -> int:
    """Let the key qubit of a pair take the place of the clone, and the clone that of the key qubit.

    Args:
        rows: where the two Cliffords go.
        at: the next free row.
        problem: whose letters tell what to turn.
        pair: the pair of the key qubit.
        clone: logical number of the clone.
        key: logical number of the key qubit.
        lists: site of each logical qubit; the two are exchanged.

    Returns:
        The next free row.
    """
    z, x = problem.letter_z[pair], problem.letter_x[pair]
    mine, theirs = lists[clone], lists[key]
    to_key = taking(problem.clone_z, z, problem.clone_x, x)
    at = write(rows, at, LOCAL, mine, to_key, 0, 0)
    at = write(rows, at, LOCAL, theirs, taking(z, problem.clone_z, x, problem.clone_x), 0, 0)
    lists[clone], lists[key] = theirs, mine
    return at


@inner_machine_code
def end_site(problem: Problem, place: Placement) -> int:
    """Where the clone is in the end: at its own place, or at that of the key qubit in its stead."""
    stand_in = place.scalars[STAND_IN]
    return partner_site(place, stand_in) if stand_in > 0 else place.site[problem.clone]


@inner_machine_code
def may_stand_in(problem: Problem, pair: int) -> bool:
    """Whether the key qubit of a pair may hand back the clone."""
    return bool(problem.stand_ins >> pair & 1)
