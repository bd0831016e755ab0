"""Simulated annealing, the same loop for one instance and for several.

What is placed and where are types of their own for either; each says by
:func:`~backends.compiling.protocol.core.machine_code.implements` what the three steps of the loop
are for it.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import machine_code
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.scratch import Scratch

IMPOSSIBLE = 1000.0
"""The cost of a placement that does not work, plus how many things are wrong with it."""

_Problem = TypeVar("_Problem")
_Placed = TypeVar("_Placed")
_Arrays = TypeVar("_Arrays", bound="tuple[NDArray[np.int64], ...]")


def change(problem: _Problem, placed: _Placed, tables: DeviceTables) -> bool:
    """Make one random change in place; False if it came to nothing."""
    raise NotImplementedError


def cost_of(
    problem: _Problem, placed: _Placed, tables: DeviceTables, scratch: Scratch, limit: float
) -> tuple[float, int]:
    """Sum of -log of all correlators, or :data:`IMPOSSIBLE` and more; and two-qubit layers.

    Costs above ``limit`` need not be told apart.
    """
    raise NotImplementedError


def overwrite(source: _Placed, target: _Placed) -> None:
    """Copy all arrays of a placement into those of another."""
    raise NotImplementedError


def copy_of(placed: _Arrays) -> _Arrays:
    """A placement that shares no array with another, and is equal to it."""
    return type(placed)(*(array.copy() for array in placed))


@machine_code
def anneal(
    problem: _Problem,
    placed: _Placed,
    here: _Placed,
    before: _Placed,
    tables: DeviceTables,
    scratch: Scratch,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
    layer_price: float,
) -> tuple[float, int]:
    """Improve a placement by random changes, accepted ever more strictly.

    Args:
        problem: what is placed.
        placed: where it starts, and the best placement found afterwards.
        here: a placement of the same shape; overwritten.
        before: the same.
        tables: the device.
        scratch: overwritten.
        moves: how many changes are tried.
        hot: temperature at the start, in units of the cost.
        cold: temperature at the end.
        seed: of all random choices.
        layer_price: what a two-qubit layer adds to the cost.

    Returns:
        The cost of the best placement without the price of its layers, and its two-qubit layers; a
        cost of :data:`IMPOSSIBLE` and more if none works.
    """
    np.random.seed(seed)
    cost, layers = cost_of(problem, placed, tables, scratch, np.inf)
    cost += layer_price * layers
    overwrite(placed, here)
    overwrite(placed, before)
    best = cost
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        if not change(problem, here, tables):
            overwrite(before, here)
            continue
        # Accepted with probability exp((cost - new) / temperature). Drawn before the cost is
        # known, so that a hopeless one need not be worked out.
        limit = cost - temperature * np.log(1.0 - np.random.random())
        new, layers = cost_of(problem, here, tables, scratch, limit)
        new += layer_price * layers
        if new <= limit:
            cost = new
            overwrite(here, before)
            if cost < best:
                best = cost
                overwrite(here, placed)
        else:
            overwrite(before, here)
    return cost_of(problem, placed, tables, scratch, np.inf)
