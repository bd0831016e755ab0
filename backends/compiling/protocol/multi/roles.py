"""Who takes which role when a clone is decrypted, and so who has to stand beside whom.

The qubits on the path of a clone are counted as pairs of :attr:`Patches.flat`: a key qubit by its
pair, the clone as 0. Each but the clone is read together with another, its mate.
"""

from __future__ import annotations

import numpy as np

from backends.compiling.protocol.compiled import inner_machine_code
from backends.compiling.protocol.multi.layout import Layout, last_site
from backends.compiling.protocol.multi.problem import Patches

NOBODY = -1
_MORE = 0.5


@inner_machine_code
def logical_number(patches: Patches, g: int, k: int) -> int:
    """The logical qubit that a clone or one of its keys is."""
    if k == 0:
        return patches.clones[g]
    return patches.partner[patches.path_block[g, k], patches.path_pair[g, k]]


@inner_machine_code
def path_through(patches: Patches, b: int) -> int:
    """The clone on whose path a block is; -1 if there is none."""
    for g in range(len(patches.clones)):
        for k in range(1, patches.flat.pairs):
            if patches.path_block[g, k] == b:
                return g
    return NOBODY


@inner_machine_code
def counted(patches: Patches, g: int, b: int, pair: int) -> int:
    """The number of a block's key qubit on the path of a clone; -1 if it is not on it."""
    for k in range(1, patches.flat.pairs):
        if patches.path_block[g, k] == b and patches.path_pair[g, k] == pair:
            return k
    return NOBODY


@inner_machine_code
def read_with(patches: Patches, layout: Layout, g: int, k: int) -> int:
    """Who is read together with a qubit, by the roles that the two have; -1 if nobody."""
    role, mate = layout.role[g], patches.flat.mate
    for part in range(patches.flat.pairs):
        if role[part] == k:
            return role[mate[part]] if mate[part] >= 0 else NOBODY
    return NOBODY


@inner_machine_code
def mate_in_block(patches: Patches, layout: Layout, b: int, pair: int) -> int:
    """The pair of the same block whose key qubit is read together with one; -1 if none is."""
    g = path_through(patches, b) if pair > 0 else NOBODY
    number = counted(patches, g, b, pair) if g >= 0 else NOBODY
    mate = read_with(patches, layout, g, number) if number >= 0 else NOBODY
    if mate > 0 and patches.path_block[g, mate] == b:
        return patches.path_pair[g, mate]
    return NOBODY


@inner_machine_code
def clone_site(patches: Patches, layout: Layout, g: int) -> int:
    """Where the qubit of a clone stands."""
    b = patches.path_block[g, patches.flat.pairs - 1]
    for i in range(patches.pairs):
        if patches.data[b, i] == patches.clones[g]:
            return layout.site[b, i]
    return NOBODY


@inner_machine_code
def stands_at(patches: Patches, layout: Layout, g: int, k: int) -> int:
    """Where a clone or one of its key qubits stands."""
    if k == 0:
        return clone_site(patches, layout, g)
    return last_site(layout, patches.path_block[g, k], patches.path_pair[g, k])


@inner_machine_code
def exchange_roles(patches: Patches, layout: Layout, g: int) -> bool:
    """Two qubits of the same generation, or of two that follow each other, exchange their roles."""
    size, role = patches.flat.pairs, layout.role[g]
    first = np.random.randint(1, size)
    second = first + np.random.randint(1, 2 * patches.pairs - 2)
    if second >= size:
        second = 0
    for k in (first, second):
        if k > 0 and not patches.flat.stand_ins >> k & 1:
            return False
    for part in range(size):
        if role[part] == first:
            role[part] = second
        elif role[part] == second:
            role[part] = first
    return True


@inner_machine_code
def shuffle_roles(patches: Patches, layout: Layout, g: int) -> None:
    """Roles at random, most of them as the protocol has them."""
    for k in range(patches.flat.pairs):
        layout.role[g, k] = k
    while np.random.random() < _MORE:
        exchange_roles(patches, layout, g)
