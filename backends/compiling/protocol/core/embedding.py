"""Embedding a pattern in a device: where its qubits fit, every coupler it needs at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.machine_code import machine_code
from backends.compiling.protocol.core.native.tables import CX, CZ, ECR, DeviceTables

_ATTEMPTS = 12
"""Orders in which neighbours are tried from each site: orientations and bends."""
_MOST_STEPS = 3_000
"""Qubits tried before an attempt is given up: most fail early or not at all."""


def couplers_of(native: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pairs of device qubits that share a gate of a native program, the lower one first."""
    gates = [row for row in native.tolist() if row[0] in (CZ, CX, ECR)]
    return sorted({(min(a, b), max(a, b)) for _, a, b, _ in gates})


def numbered(couplers: Sequence[tuple[int, int]], first: int) -> dict[int, int]:
    """Numbers for qubits, so that everything but the first is coupled to something earlier.

    Qubits that are out of the first one's reach get none.
    """
    number = {first: 0}
    known = 0
    while known < len(number):
        known = len(number)
        for here in list(number):
            for pair in couplers:
                if here in pair:
                    number.setdefault(sum(pair) - here, len(number))
    return number


def joins_of(couplers: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """See :func:`embed`; couplers are pairs of such numbers."""
    pairs = sorted((min(pair), max(pair)) for pair in couplers)
    earlier: list[list[int]] = [[] for _ in range(1 + max(b for _, b in pairs))]
    for a, b in pairs:
        earlier[b].append(a)
    out = np.full((len(earlier), max(len(found) for found in earlier)), -1, dtype=np.int64)
    for k, found in enumerate(earlier):
        out[k, : len(found)] = found
    return out


def images(
    couplers: Iterable[tuple[int, int]], region: NDArray[np.bool_], tables: DeviceTables
) -> Iterator[NDArray[np.int64]]:
    """Sites for the qubits of a pattern, each choice of them once; see :func:`embed`.

    Args:
        couplers: pairs of its qubits, numbered as by :func:`numbered`.
        region: which device qubits may be used.
        tables: the device.

    Yields:
        The device qubit of each qubit of the pattern, overwritten by the next.
    """
    joins = joins_of(couplers)
    image = np.zeros(len(joins), dtype=np.int64)
    known = set()
    for root in np.flatnonzero(region):
        for attempt in range(_ATTEMPTS):
            fits = embed(joins, int(root), region, tables, attempt, image)
            if fits and (name := image.tobytes()) not in known:
                known.add(name)
                yield image


@machine_code
def embed(
    joins: NDArray[np.int64],
    root: int,
    region: NDArray[np.bool_],
    tables: DeviceTables,
    seed: int,
    image: NDArray[np.int64],
) -> bool:
    """Find device qubits for the qubits of a pattern, one after the other, at random.

    Args:
        joins: for each qubit of the pattern the earlier ones it is coupled to, padded with -1; none
            for the first, at least one for each other; shape (qubits, most of them).
        root: device qubit of the first.
        region: which device qubits may be used.
        tables: the device.
        seed: of the order in which neighbours are tried.
        image: device qubit of each qubit of the pattern; overwritten.

    Returns:
        Whether sites were found.
    """
    size = len(joins)
    used = ~region
    if used[root]:
        return False
    np.random.seed(seed)
    tried = np.zeros(size, dtype=np.int64)
    shift = np.zeros(size, dtype=np.int64)
    image[0] = root
    used[root] = True
    at = 1
    for _ in range(_MOST_STEPS):
        if at == size:
            return True
        beside = image[joins[at, 0]]
        if tried[at] == 0:
            shift[at] = np.random.randint(tables.degree[beside])
        found = False
        while tried[at] < tables.degree[beside] and not found:
            there = tables.neighbours[beside, (tried[at] + shift[at]) % tables.degree[beside]]
            tried[at] += 1
            found = not used[there]
            for k in range(1, joins.shape[1]):
                other = joins[at, k]
                if found and other >= 0:
                    a = image[other]
                    found = tables.native[a, there] or tables.native[there, a]
            if found:
                image[at] = there
                used[there] = True
        if found:
            at += 1
        else:
            tried[at] = 0
            at -= 1
            if at == 0:
                return False
            used[image[at]] = False
    return at == size
