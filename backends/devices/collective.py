"""What a calibration says of several qubits at once: gates in parallel, and interactions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_CHAINS = "general_qlists"
_LARGEST = 1e100

_PROCESS = 5 / 4
"""Process infidelity of a two-qubit gate for an average infidelity of 1: (d + 1)/d."""


@dataclass(frozen=True, slots=True)
class LayerCalibration:
    """Fidelity of two layers that hold every two-qubit gate of a chain of qubits, all in parallel.

    Attributes:
        qubits: the chain; each two neighbours share a coupler.
        fidelity: process fidelity of both layers together.
    """

    qubits: tuple[int, ...]
    fidelity: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """The interaction of two coupled qubits that is never switched off.

    Attributes:
        qubits: the pair, ascending.
        hertz: shift of the frequency of one qubit when the other goes from |0> to |1>.
    """

    qubits: tuple[int, int]
    hertz: float


def parallel_error_ratio(
    layers: Iterable[LayerCalibration], errors: Mapping[tuple[int, int], float]
) -> float | None:
    """How many times larger errors of two-qubit gates are in parallel than alone.

    It is the ratio of the logarithms of two process fidelities: that of the layers of the longest
    chain whose gates all work, and the product of those of its gates alone.

    Args:
        layers: the layers.
        errors: ordered pair of qubits → average infidelity of its gate alone, of working gates.

    Returns:
        The ratio; None without such a chain.
    """
    for layer in sorted(layers, key=lambda one: len(one.qubits), reverse=True):
        pairs = list(pairwise(layer.qubits))
        found = [errors.get(pair, errors.get(pair[::-1])) for pair in pairs]
        alone = [math.log1p(-_PROCESS * e) for e in found if e is not None and _PROCESS * e < 1]
        if len(alone) == len(pairs) and sum(alone) < 0 < layer.fidelity <= 1:
            return math.log(layer.fidelity) / sum(alone)
    return None


def read_layers(document: Mapping[str, Any]) -> tuple[LayerCalibration, ...]:
    """Layer fidelities: ``lf_N`` among the general values, its chain among the lists of qubits."""
    listed = document.get("qubits")
    known = range(len(listed) if isinstance(listed, list) else 0)
    chains = {str(one.get("name")): one.get("qubits") for one in _entries(document, _CHAINS)}
    found = []
    for name, fidelity in _values(document, "lf_").items():
        chain = chains.get(name)
        if (
            isinstance(chain, list)
            and all(type(q) is int and q in known for q in chain)
            and 2 <= len(set(chain)) == len(chain)
            and 0 <= fidelity <= 1
        ):
            found.append(LayerCalibration(tuple(chain), fidelity))
    return tuple(sorted(found, key=lambda one: len(one.qubits)))


def read_interactions(
    document: Mapping[str, Any], pairs: Iterable[tuple[int, ...]]
) -> tuple[Interaction, ...]:
    """ZZ rates: ``zz_`` and both indices without a separator, in GHz."""
    rates = _values(document, "zz_")
    hertz = {name.removeprefix("zz_"): abs(rate) * 1e9 for name, rate in rates.items()}
    found = []
    for first, second in sorted(pairs):
        # Names such as zz_1112 are read by the pairs that have a coupler.
        rate = hertz.get(f"{first}{second}") or hertz.get(f"{second}{first}")
        if rate and math.isfinite(rate):
            found.append(Interaction((first, second), rate))
    return tuple(found)


def _values(document: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Name → value of the general values with a prefix that are finite numbers."""
    return {
        str(one["name"]): one["value"]
        for one in _entries(document, "general")
        if str(one.get("name")).startswith(prefix)
        and type(one.get("value")) in (int, float)
        and abs(one["value"]) < _LARGEST
    }


def _entries(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    listed = document.get(key)
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
