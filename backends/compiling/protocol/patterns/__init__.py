"""Placements that are good on a regular lattice, as starts of a search on a real one.

They were found on ideal lattices (:mod:`~backends.compiling.protocol.pattern_search`), on which all
qubits and couplers are alike, and know nothing of any device. A pattern names its qubits by
numbers; on a device it is tried on all sites and in every orientation where its couplers work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.annealing import IMPOSSIBLE, copy_of
from backends.compiling.protocol.core.embedding import images, numbered
from backends.compiling.protocol.core.native.tables import DeviceTables
from backends.compiling.protocol.core.placement import (
    NODES,
    ROOT,
    SECOND,
    STAND_IN,
    Placement,
    empty_placement,
)
from backends.compiling.protocol.core.problem import Problem


@dataclass(frozen=True, eq=False)
class Pattern:
    """A placement without a device.

    Attributes:
        placement: with the pattern's own numbers for device qubits, pairs in the order of
            :func:`roles`.
        couplers: pairs of numbers that need a working coupler.
    """

    placement: Placement
    couplers: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON types; padding left out."""
        nodes = int(self.placement.scalars[NODES])
        return {
            "site": self.placement.site[:nodes].tolist(),
            "parent": self.placement.parent[:nodes].tolist(),
            "scalars": self.placement.scalars.tolist(),
            "path": [
                row[:length].tolist()
                for row, length in zip(self.placement.path, self.placement.length, strict=True)
            ],
            "meet": self.placement.meet.tolist(),
            "turned": self.placement.turned.tolist(),
            "flip": self.placement.flip.tolist(),
            "couplers": [list(pair) for pair in self.couplers],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Pattern:
        """The inverse of :meth:`to_json`."""
        placement = empty_placement(len(document["path"]))
        nodes = len(document["site"])
        placement.site[:nodes] = document["site"]
        placement.parent[:nodes] = document["parent"]
        placement.scalars[: len(document["scalars"])] = document["scalars"]
        for i, path in enumerate(document["path"]):
            placement.path[i, : len(path)] = path
            placement.length[i] = len(path)
        placement.meet[:] = document["meet"]
        placement.turned[:] = document["turned"]
        placement.flip[:] = document["flip"]
        return cls(placement, tuple((a, b) for a, b in document["couplers"]))


def roles(problem: Problem) -> list[int] | None:
    """The pairs of a problem in an order that tells nothing of their numbers.

    A with R, the pair of the clone, pairs that are read together, the rest: problems that differ
    only in which signal qubit becomes the clone have equal roles.

    Returns:
        The order, or None if the clone is A itself, for which no pattern was made.
    """
    if problem.clone == 0:
        return None
    order = [0, problem.clone]
    if (mate := int(problem.mate[problem.clone])) >= 0:
        order.append(mate)
    for i in range(1, problem.pairs):
        if i not in order and problem.mate[i] >= 0:
            order += [i, int(problem.mate[i])]
    return order + [i for i in range(1, problem.pairs) if i not in order]


def relabel(placement: Placement, order: Sequence[int]) -> Placement:
    """The same placement with pair k renamed ``order[k]``."""
    out = copy_of(placement)
    pairs = len(order)
    name = [*order, *range(pairs, len(placement.site))]
    for k, new in enumerate(name):
        out.site[new] = placement.site[k]
        out.parent[new] = name[placement.parent[k]] if placement.parent[k] >= 0 else -1
    for k, new in enumerate(order):
        for part in ("path", "length", "meet", "turned", "flip"):
            getattr(out, part)[new] = getattr(placement, part)[k]
    for end in (ROOT, SECOND, STAND_IN):
        out.scalars[end] = name[placement.scalars[end]]
    return out


def pattern_of(
    problem: Problem, placement: Placement, needed: Sequence[tuple[int, int]]
) -> Pattern | None:
    """What a placement on a lattice is without the lattice.

    Args:
        problem: what is placed.
        placement: where.
        needed: pairs of device qubits that share a gate, the lower one first.

    Returns:
        The pattern, or None if the clone is A.
    """
    order = roles(problem)
    if order is None:
        return None
    number = numbered(needed, int(placement.site[0]))
    inverse = [0] * problem.pairs
    for k, i in enumerate(order):
        inverse[i] = k
    own = relabel(placement, inverse)
    for i in range(problem.pairs):
        own.path[i, own.length[i] :] = -1
    for part in (own.site, own.path):
        part[part >= 0] = [number[int(q)] for q in part[part >= 0]]
    couplers = sorted((number[a], number[b]) for a, b in needed)
    return Pattern(own, tuple((min(pair), max(pair)) for pair in couplers))


def key_of(problem: Problem) -> str:
    """What tells patterns apart: pairs, kind of decryption, R beside the clone or not, mates."""
    order = roles(problem) or []
    mated = "".join("1" if problem.mate[i] >= 0 else "0" for i in order)
    return f"{problem.pairs} {problem.decoding} {int(problem.beside_clone)} {mated}"


Patterns = Mapping[str, Sequence[Pattern]]
"""By :func:`key_of`."""


@cache
def shipped_text() -> str:
    """The file of patterns."""
    return (files(__package__) / "patterns.json").read_text(encoding="utf-8")


@cache
def shipped() -> Patterns:
    """All patterns that are shipped, of every lattice."""
    out: dict[str, list[Pattern]] = {}
    for lattice in json.loads(shipped_text()).values():
        for key, found in lattice.items():
            out.setdefault(key, []).extend(Pattern.from_json(one) for one in found)
    return out


def embed_best(
    problem: Problem,
    patterns: Sequence[Pattern],
    tables: DeviceTables,
    region: NDArray[np.bool_],
    rank: Callable[[Placement], float],
    most: int,
) -> list[Placement]:
    """Embed patterns in a device everywhere they fit; the best placements, best first.

    Args:
        problem: what is placed.
        patterns: made for such a problem.
        tables: the device.
        region: which device qubits may be used.
        rank: what a placement costs; :data:`IMPOSSIBLE` and more if it does not work.
        most: how many are wanted.
    """
    order = roles(problem)
    if order is None:
        return []
    found: dict[bytes, tuple[float, Placement]] = {}
    for pattern in patterns:
        if pattern.placement.scalars[STAND_IN] > 0 and not problem.stand_ins:
            continue
        placement = relabel(pattern.placement, order)
        for image in images(pattern.couplers, region, tables):
            here = copy_of(placement)
            for part in (here.site, here.path):
                part[part >= 0] = image[part[part >= 0]]
            name = here.site.tobytes() + here.path.tobytes()
            if name in found:
                continue
            found[name] = rank(here), here
    best = sorted(found.values(), key=lambda one: one[0])
    return [placement for price, placement in best[:most] if price < IMPOSSIBLE]
