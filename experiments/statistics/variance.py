"""Variance components: the causes of the spread of a fidelity.

A value measured again under the same circumstances differs by its shots; compiled with another
layout it differs by the layout; on another day by the calibration. Causes are nested, the outermost
first. Each has a variance (a random-effects model), estimated from the sums of squares within the
groups of each cause, whose expectation values are linear in the variances (Henderson's method 1;
Searle, Casella & McCulloch, Variance Components, chapter 5). The variance of the shots is known, so
the innermost cause can be separated from it. So is that of a random draw of settings, which all
values with the same draw share: it is no part of their spread, and adds to that between draws.

Intervals are generalized confidence intervals (Weerahandi, J. Am. Stat. Assoc. 88, 899 (1993);
Burdick, Quiroz & Iyer, J. Qual. Technol. 38, 341 (2006)): a sum of squares S with f degrees of
freedom has f S/E[S] distributed as χ² with f degrees of freedom, exactly so in balanced data. They
cover also with one degree of freedom, and are then very wide: the upper end for two devices is some
thirty times the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_DRAWS = 40_000


@dataclass(frozen=True)
class Component:
    """The variance that a cause contributes.

    Attributes:
        cause: name of the cause.
        std_dev: square root of the variance, in the unit of the values; 0 where the estimate is
            negative.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end of it.
        degrees_of_freedom: number of independent differences that it has.
    """

    cause: str
    std_dev: float
    ci_low: float
    ci_high: float
    degrees_of_freedom: int


@dataclass(frozen=True)
class Draw:
    """What a random choice of settings contributes to values.

    Attributes:
        std_errs: standard error that it brings to each value, shape (N,).
        names: name of the choice that each value has, shape (N,): equal names, equal settings.
    """

    std_errs: Sequence[float]
    names: Sequence[object]


def components(
    values: Sequence[float],
    std_errs: Sequence[float],
    groups: Sequence[tuple[str, Sequence[object]]],
    seed: int = 0,
    draw: Draw | None = None,
) -> list[Component]:
    """Split the spread of values into nested causes; the draw of settings and the shots come last.

    Args:
        values: the measured values, shape (N,).
        std_errs: their standard errors from shots alone, shape (N,).
        groups: (name, group of each value) of each cause, outermost first; a group holds values in
            which that cause and all outer ones are the same. A cause is left out if each group of
            the next outer cause holds a single group of it, so that the data say nothing about it.
        seed: seed of the random numbers from which the intervals are read.
        draw: what a random choice of settings contributes; None if none were drawn.

    Raises:
        ValueError: if the lists differ in length or there are fewer than two values.

    >>> spread = components([0.7, 0.8, 0.7, 0.8], [0.01] * 4, [("layout", "abab")])
    >>> [(part.cause, round(part.std_dev, 2)) for part in spread]
    [('layout', 0.07), ('shots', 0.01)]
    """
    y, shots = np.asarray(values, dtype=float), np.asarray(std_errs, dtype=float) ** 2
    if len(y) < 2 or any(len(labels) != len(y) for _, labels in groups) or len(shots) != len(y):
        raise ValueError(
            f"{len(y)} values, {len(shots)} errors: a spread needs at least two values, and as "
            "many errors and groups of each cause as values"
        )
    if draw is not None and not len(draw.std_errs) == len(draw.names) == len(y):
        raise ValueError(
            f"{len(y)} values, {len(draw.std_errs)} errors of the draw and {len(draw.names)} names "
            "of it: each value needs both"
        )
    known = np.diag(shots)
    end = [_known("shots", shots, len(shots))]
    if draw is not None:
        of_draw = np.asarray(draw.std_errs, dtype=float)
        indicator = _indicator(draw.names)
        known = known + np.outer(of_draw, of_draw) * (indicator @ indicator.T)
        end.insert(0, _known("draw", of_draw**2, indicator.shape[1]))
    model = _Model.of(groups, known)
    if not model.names:
        return end
    found = np.maximum(model.variances(y), 0.0)
    edges = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    possible = model.pivotal_variances(y, np.random.default_rng(seed))
    low, high = np.quantile(np.sqrt(np.maximum(possible, 0.0)), edges, axis=1)
    split = [
        Component(name, float(np.sqrt(v)), float(a), float(b), freedom)
        for name, v, a, b, freedom in zip(
            model.names, found, low, high, model.degrees_of_freedom, strict=True
        )
    ]
    return [*split, *end]


@dataclass(frozen=True, eq=False)
class _Model:
    """The random-effects model of N values with K causes, outermost first.

    Attributes:
        names: the causes.
        degrees_of_freedom: number of independent differences that each cause has.
        forms: quadratic forms Q, each of shape (N, N): y' Q y is the sum of squares of a cause.
        indicators: each of shape (N, groups): 1 where a value belongs to a group of a cause.
        known: covariances of the values by shots and the draw of settings, shape (N, N).
    """

    names: tuple[str, ...]
    degrees_of_freedom: tuple[int, ...]
    forms: tuple[NDArray[np.float64], ...]
    indicators: tuple[NDArray[np.float64], ...]
    known: NDArray[np.float64]

    @classmethod
    def of(
        cls, groups: Sequence[tuple[str, Sequence[object]]], known: NDArray[np.float64]
    ) -> _Model:
        """The model of the causes about which the data say something."""
        outer = np.full(known.shape, 1 / len(known))
        forms, names, degrees, indicators = [], [], [], []
        for name, labels in _nested(groups):
            indicator = _indicator(labels)
            mean = indicator @ np.diag(1 / indicator.sum(axis=0)) @ indicator.T
            freedom = round(float(np.trace(mean - outer)))
            if freedom:
                names.append(name)
                degrees.append(freedom)
                forms.append(mean - outer)
                indicators.append(indicator)
                outer = mean
        return cls(tuple(names), tuple(degrees), tuple(forms), tuple(indicators), known)

    def variances(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimate the variance of each cause.

        Args:
            values: floats, shape (N,).

        Returns:
            Variances, shape (K,); negative ones are possible.
        """
        return self._solved(self._sums(values))

    def pivotal_variances(
        self, values: NDArray[np.float64], draw: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw the generalized pivotal quantities of the variances.

        Args:
            values: floats, shape (N,).
            draw: source of the χ² variables.

        Returns:
            Variances, shape (K, draws); negative ones are possible.
        """
        degrees = np.array(self.degrees_of_freedom, dtype=float)[:, None]
        pivots = draw.chisquare(degrees, (len(degrees), _DRAWS))
        return self._solved(degrees * self._sums(values)[:, None] / pivots)

    def _sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of squares of the causes, shape (K,)."""
        return np.array([values @ form @ values for form in self.forms])

    def _solved(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variances for which the sums of squares, shape (K, ...), have these expectations."""
        # E[y' Q y] = Σ σ_k² tr(Q Z_k Z_k') + tr(Q D), D the known covariances.
        matrix = np.array([[np.trace(q @ z @ z.T) for z in self.indicators] for q in self.forms])
        known = np.array([np.trace(q @ self.known) for q in self.forms])
        return np.linalg.solve(matrix, (expected.T - known).T)


def _known(cause: str, variances: NDArray[np.float64], number: int) -> Component:
    """A component that is known, so without an interval of its own."""
    typical = float(np.sqrt(variances.mean()))
    return Component(cause, typical, typical, typical, number)


def _nested(groups: Sequence[tuple[str, Sequence[object]]]) -> list[tuple[str, list[object]]]:
    """Labels of each cause, combined with those of all outer causes."""
    out: list[tuple[str, list[object]]] = []
    outer: list[object] = []
    for name, labels in groups:
        outer = [*zip(outer, labels, strict=True)] if outer else list(labels)
        out.append((name, outer))
    return out


def _indicator(labels: Sequence[object]) -> NDArray[np.float64]:
    """1 where a value belongs to a group, else 0; shape (N, groups), float64."""
    names = list(dict.fromkeys(labels))
    return np.array([[float(label == name) for name in names] for label in labels])
