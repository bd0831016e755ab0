"""Placements that are good on a regular lattice, as starts of a search on a real one.

They were found on ideal lattices (:mod:`~backends.compiling.protocol.patterns.finding`), on which
all
qubits and couplers are alike, and know nothing of any device. A pattern names its qubits by
numbers; on a device it is tried at every place and in every orientation where its couplers work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.building import IMPOSSIBLE, MOST_ROWS, cost_of, native_program
from backends.compiling.protocol.patterns.embedding import couplers_of, images, numbered
from backends.compiling.protocol.placement import (
    NODES,
    ROOT,
    SECOND,
    STAND_IN,
    Placement,
    empty_placement,
)
from backends.compiling.protocol.pricing import room_for
from backends.compiling.protocol.problem import Problem
from backends.compiling.protocol.tables import DeviceTables


@dataclass(frozen=True, eq=False)
class Pattern:
    """A placement without a device.

    Attributes:
        place: with the pattern's own numbers in place of device qubits, pairs in the order of
            :func:`roles`.
        couplers: pairs of numbers that need a working coupler.
    """

    place: Placement
    couplers: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON types; padding left out."""
        nodes = int(self.place.scalars[NODES])
        return {
            "site": self.place.site[:nodes].tolist(),
            "parent": self.place.parent[:nodes].tolist(),
            "scalars": self.place.scalars.tolist(),
            "path": [
                row[:length].tolist()
                for row, length in zip(self.place.path, self.place.length, strict=True)
            ],
            "meet": self.place.meet.tolist(),
            "turned": self.place.turned.tolist(),
            "flip": self.place.flip.tolist(),
            "couplers": [list(pair) for pair in self.couplers],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Pattern:
        """The inverse of :meth:`to_json`."""
        place = empty_placement(len(document["path"]))
        nodes = len(document["site"])
        place.site[:nodes] = document["site"]
        place.parent[:nodes] = document["parent"]
        place.scalars[: len(document["scalars"])] = document["scalars"]
        for i, path in enumerate(document["path"]):
            place.path[i, : len(path)] = path
            place.length[i] = len(path)
        place.meet[:] = document["meet"]
        place.turned[:] = document["turned"]
        place.flip[:] = document["flip"]
        return cls(place, tuple((a, b) for a, b in document["couplers"]))


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


def relabelled(place: Placement, order: Sequence[int]) -> Placement:
    """The same placement with pair ``order[k]`` in the place of pair k."""
    out = Placement(*(part.copy() for part in place))
    pairs = len(order)
    name = [*order, *range(pairs, len(place.site))]
    for k, new in enumerate(name):
        out.site[new] = place.site[k]
        out.parent[new] = name[place.parent[k]] if place.parent[k] >= 0 else -1
    for k, new in enumerate(order):
        for part in ("path", "length", "meet", "turned", "flip"):
            getattr(out, part)[new] = getattr(place, part)[k]
    for end in (ROOT, SECOND, STAND_IN):
        out.scalars[end] = name[place.scalars[end]]
    return out


def pattern_of(problem: Problem, place: Placement, tables: DeviceTables) -> Pattern | None:
    """What a placement on a lattice is without the lattice.

    Returns:
        The pattern, or None if the clone is A.
    """
    order = roles(problem)
    if order is None:
        return None
    rows = np.zeros((MOST_ROWS, 5), dtype=np.int64)
    native = np.zeros((2 * MOST_ROWS, 4), dtype=np.int64)
    lists = np.zeros(8 * problem.pairs, dtype=np.int64)
    length = native_program(problem, place, tables, rows, native, lists)
    needed = couplers_of(native[:length])
    number = numbered(needed, int(place.site[0]))
    inverse = [0] * problem.pairs
    for k, i in enumerate(order):
        inverse[i] = k
    own = relabelled(place, inverse)
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


def embedded(
    problem: Problem,
    patterns: Sequence[Pattern],
    tables: DeviceTables,
    region: NDArray[np.bool_],
    layer_price: float,
    most: int,
) -> list[Placement]:
    """The best places of patterns on a device, best first.

    Args:
        problem: what is placed.
        patterns: made for such a problem.
        tables: the device.
        region: which device qubits may be used.
        layer_price: what a two-qubit layer adds to the cost.
        most: how many are wanted.
    """
    order = roles(problem)
    if order is None:
        return []
    rows = np.zeros((MOST_ROWS, 5), dtype=np.int64)
    native = np.zeros((2 * MOST_ROWS, 4), dtype=np.int64)
    lists = np.zeros(8 * problem.pairs, dtype=np.int64)
    room = room_for(len(tables.degree))
    found: dict[bytes, tuple[float, Placement]] = {}
    for pattern in patterns:
        if pattern.place.scalars[STAND_IN] > 0 and not problem.stand_ins:
            continue
        place = relabelled(pattern.place, order)
        for image in images(pattern.couplers, region, tables):
            here = Placement(*(part.copy() for part in place))
            for part in (here.site, here.path):
                part[part >= 0] = image[part[part >= 0]]
            name = here.site.tobytes() + here.path.tobytes()
            if name in found:
                continue
            cost, layers = cost_of(problem, here, tables, rows, native, lists, room)
            found[name] = cost + layer_price * layers, here
    best = sorted(found.values(), key=lambda one: one[0])
    return [place for rank, place in best[:most] if rank < IMPOSSIBLE]
