"""Where the spread of a fidelity comes from: variances of nested causes.

A value measured again under the same circumstances differs by its shots; compiled with another
layout it differs by the layout; on another day by the calibration. Causes are nested, the outer
one first. Each has a variance of its own (a random-effects model), found from the sums of squares
within the groups of each cause, whose expectations are linear in the variances (Henderson's method
1; Searle, Casella & McCulloch, Variance Components, chapter 5). The variance of the shots is
known, so the innermost cause is told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_RESAMPLES = 4000


@dataclass(frozen=True)
class Component:
    """The variance that one cause brings.

    Attributes:
        cause: its name.
        std_dev: square root of the variance, in the unit of the values; 0 where the estimate is
            negative.
        ci_low: lower end of its 95 % interval, by a parametric bootstrap.
        ci_high: upper end.
        degrees_of_freedom: how many independent differences tell of it.
    """

    cause: str
    std_dev: float
    ci_low: float
    ci_high: float
    degrees_of_freedom: int


def components(
    values: Sequence[float],
    std_errs: Sequence[float],
    groups: Sequence[tuple[str, Sequence[object]]],
    seed: int = 0,
) -> list[Component]:
    """Split the spread of values into nested causes; the shots come last.

    Args:
        values: the measured values, shape (N,).
        std_errs: their standard errors from shots alone, shape (N,).
        groups: (name, group of each value), outermost cause first; a group holds values in which
            that cause and all outer ones are the same. A cause of which the data cannot tell, since
            every group of the next outer one holds a single group, is left out.
        seed: of the bootstrap.

    Raises:
        ValueError: if the lists differ in length or there are fewer than two values.

    >>> spread = components([0.7, 0.8, 0.7, 0.8], [0.01] * 4, [("layout", "abab")])
    >>> [(one.cause, round(one.std_dev, 2)) for one in spread]
    [('layout', 0.07), ('shots', 0.01)]
    """
    y, shots = np.asarray(values, dtype=float), np.asarray(std_errs, dtype=float) ** 2
    if len(y) < 2 or any(len(labels) != len(y) for _, labels in groups) or len(shots) != len(y):
        raise ValueError(
            f"{len(y)} values, {len(shots)} errors: a spread needs at least two values, and as "
            "many errors and groups of each cause as values"
        )
    nested = _nested(groups)
    outer = np.full((len(y), len(y)), 1 / len(y))
    forms, names, freedom = [], [], []
    indicators = []
    for name, labels in nested:
        indicator = _indicator(labels)
        mean = indicator @ np.diag(1 / indicator.sum(axis=0)) @ indicator.T
        told = round(float(np.trace(mean - outer)))
        if told:
            names.append(name)
            freedom.append(told)
            forms.append(mean - outer)
            indicators.append(indicator)
            outer = mean
    if not names:
        return [_shots(shots)]
    # E[y' Q y] = Σ σ_k² tr(Q Z_k Z_k') + tr(Q D), D the known variances of the shots.
    matrix = np.array([[np.trace(q @ z @ z.T) for z in indicators] for q in forms])
    known = np.array([np.trace(q * shots) for q in forms])

    def solved(data: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.array([((data @ q) * data).sum(axis=-1) for q in forms])
        return np.linalg.solve(matrix, (sums.T - known).T)

    found = np.maximum(solved(y), 0.0)
    draw = np.random.default_rng(seed)
    again = np.sqrt(shots) * draw.standard_normal((_RESAMPLES, len(y)))
    for variance, indicator in zip(found, indicators, strict=True):
        effects = draw.standard_normal((_RESAMPLES, indicator.shape[1]))
        again += np.sqrt(variance) * effects @ indicator.T
    edges = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(np.sqrt(np.maximum(solved(again), 0.0)), edges, axis=1)
    split = [
        Component(name, float(np.sqrt(v)), float(a), float(b), told)
        for name, v, a, b, told in zip(names, found, low, high, freedom, strict=True)
    ]
    return [*split, _shots(shots)]


def _shots(variances: NDArray[np.float64]) -> Component:
    """The known part: binomial, so without an interval of its own."""
    typical = float(np.sqrt(variances.mean()))
    return Component("shots", typical, typical, typical, len(variances))


def _nested(groups: Sequence[tuple[str, Sequence[object]]]) -> list[tuple[str, list[object]]]:
    """Labels that hold those of all outer causes."""
    out: list[tuple[str, list[object]]] = []
    outer: list[object] = []
    for name, labels in groups:
        outer = [*zip(outer, labels, strict=True)] if outer else list(labels)
        out.append((name, outer))
    return out


def _indicator(labels: Sequence[object]) -> NDArray[np.float64]:
    """Shape (values, groups): 1 where a value belongs to a group."""
    names = list(dict.fromkeys(labels))
    return np.array([[float(label == name) for name in names] for label in labels])
