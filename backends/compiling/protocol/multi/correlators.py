"""The Pauli strings by which placements are scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from backends.compiling.protocol.core.recognition import Letters, as_masks
from experiments.protocol import find_pauli_frame

_MOST = 8
"""Stabilizers of a GHZ state of each kind: diagonal ones and those with X or Y everywhere."""


def first_letters(
    qubits: int,
    reference: int,
    clones: Sequence[int],
    keys: Sequence[Sequence[int]],
    n: int,
    choices: tuple[int, ...],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], int]:
    """The strings at the end of decryption, as bits of (X part, Z part) on each logical qubit.

    For half of a Bell pair these are the three correlators of R and the clone. A GHZ state has 2^r
    stabilizers, so a fixed choice stands for all of them.

    Args:
        qubits: how many logical qubits there are.
        reference: logical number of R, or -1.
        clones: the clones that come back.
        keys: of each clone, outermost generation first; empty if they are not read.
        n: signal qubits of every instance.
        choices: the clone of each generation.

    Returns:
        X parts and Z parts, each of shape (qubits,), and the number of strings.
    """
    frame = find_pauli_frame(n, choices)
    strings = list("ZYX") if reference >= 0 else list(_ghz_stabilizers(len(clones)))
    found: list[Letters] = []
    for string in strings:
        letters = {reference: string} if reference >= 0 else {}
        for g, letter in enumerate(string):
            if letter != "I":
                letters[clones[g]] = letter
                if keys:
                    letters |= {keys[g][i]: "Z" for i in frame.key[letter]}
        found.append(letters)
    return *as_masks(qubits, found), len(found)


def _ghz_stabilizers(r: int) -> Iterator[str]:
    """Letters of stabilizers, about as many of either kind."""
    yield "X" * r
    if r == 1:
        return
    yield "YY" + "X" * (r - 2)
    yield "Z" * (r - r % 2) + "I" * (r % 2)
    yield "I" * (r % 2) + "Z" * (r - r % 2)
    if 2**r <= 2 * _MOST:
        known = {"X" * r, "YY" + "X" * (r - 2), "I" * r}
        known |= {"Z" * (r - r % 2) + "I" * (r % 2), "I" * (r % 2) + "Z" * (r - r % 2)}
        for pair, other in (("IZ", "Z"), ("XY", "Y")):
            strings = ("".join(letters) for letters in product(pair, repeat=r))
            yield from (s for s in strings if s.count(other) % 2 == 0 and s not in known)
        return
    draw = np.random.default_rng(r)
    for pair in ("IZ", "XY"):
        for row in draw.integers(0, 2, size=(_MOST - 2, r - 1)).tolist():
            odd = [*row, sum(row) % 2]
            if any(odd) or pair == "XY":
                yield "".join(pair[one] for one in odd)
