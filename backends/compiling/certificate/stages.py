"""Where the stages of a circuit end: labelled barriers, whole or in parts.

The order in which a barrier lists its qubits tells where each logical qubit is at that moment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from experiments.stabilizer.clifford import Step


def stages(operations: Sequence[Step]) -> list[tuple[str, int]]:
    """(label, index) of each labelled barrier."""
    return [(s.label, k) for k, s in enumerate(operations) if s.name == "barrier" and s.label]


class Part(NamedTuple):
    """A compiled barrier that closes a stage, or what belongs to some of its qubits.

    Attributes:
        end: index of the barrier among the compiled steps.
        place: logical qubit → where it is.
    """

    end: int
    place: dict[int, int]


_PART = re.compile(r"(?P<stage>.+) of (?P<qubits>\d+(?: \d+)*)")
"""Label of a barrier that closes a stage for the given logical qubits, in their order."""


def parts_of(wanted: Sequence[Step], found: Sequence[Step]) -> dict[str, list[Part]] | None:
    """The compiled barriers of each logical stage; None where they do not fit the logical ones."""
    listed = {name: wanted[end].qubits for name, end in stages(wanted)}
    parts: dict[str, list[Part]] = {name: [] for name in listed}
    for label, end in stages(found):
        on = found[end].qubits
        if label in listed:
            name, qubits = label, listed[label]
        elif match := _PART.fullmatch(label):
            name, qubits = match["stage"], tuple(map(int, match["qubits"].split()))
        else:
            return None
        if name not in listed or len(qubits) != len(on):
            return None
        parts[name].append(Part(end, dict(zip(qubits, on, strict=True))))
    for name, qubits in listed.items():
        if sorted(q for part in parts[name] for q in part.place) != sorted(qubits):
            return None
    return parts


def in_order(whole: Sequence[str], parts: Mapping[str, Sequence[Part]]) -> bool:
    """Whether each of these stages ends, in all its parts, before the next one does in any."""
    return all(
        max(part.end for part in parts[first]) < min(part.end for part in parts[second])
        for first, second in pairwise(whole)
    )
