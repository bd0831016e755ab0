"""Confidence intervals that cover: of sums of binomial fractions, and of means of bounded numbers.

A sum of fractions whose shots all count alike, Σ_k x_k out of Σ_k n_k, has the interval of
:func:`pooled_interval`. It inverts two one-sided exact tests: a mean is left out below where even
the least favourable chances p_k with that mean make a sum as high as the observed one too unlikely.
The tails of a sum of independent Bernoulli variables are widest where all chances are equal
(Hoeffding, Ann. Math. Stat. 27, 713 (1956); Gleser, Ann. Prob. 3, 182 (1975)), which alone would
give the Clopper-Pearson interval of all shots together. Where the settings visibly differ that is
wider than it must be; so the p_k are kept within limits that hold with confidence 1 - γ, and γ is
taken off the error that is allowed (Berger & Boos, J. Am. Stat. Assoc. 89, 1012 (1994)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import betaincinv, gammaln, ndtri, xlog1py, xlogy

SHARE_OF_LIMITS = 0.02
"""γ, how often the limits of single settings may miss the truth, by the error allowed on a side."""

_SHORT = 500
"""Below this a direct convolution is faster than Fourier transforms."""

_TINY = 1e-300

_BETS = np.linspace(0.005, 0.995, 100)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def binomial_limits(
    successes: Integers, shots: Integers, error_low: float, error_high: float
) -> tuple[Floats, Floats]:
    """Exact limits of binomial fractions (Clopper & Pearson, Biometrika 26, 404 (1934)).

    Args:
        successes: integers, shape (K,).
        shots: integers, shape (K,).
        error_low: chance that the lower limit lies above the truth, at most.
        error_high: chance that the upper limit lies below it, at most.

    Returns:
        Lower and upper limits, floats of shape (K,) each.
    """
    failures = shots - successes
    low = np.where(
        successes == 0, 0.0, betaincinv(np.maximum(successes, 1), failures + 1, error_low)
    )
    high = np.where(
        failures == 0, 1.0, betaincinv(successes + 1, np.maximum(failures, 1), 1 - error_high)
    )
    return low, high


def pooled_interval(successes: Integers, shots: Integers, confidence: float) -> tuple[float, float]:
    """Interval of the mean chance Σ_k n_k p_k / Σ_k n_k of independent binomial counts.

    Args:
        successes: integers, shape (K,).
        shots: n_k, integers, shape (K,).
        confidence: chance to cover the truth at least, such as 0.95.

    >>> low, high = pooled_interval(np.array([10, 10]), np.array([10, 10]), 0.95)
    >>> round(low, 3), high
    (0.831, 1.0)
    """
    tail = (1 - confidence) / 2
    below = _lower_limit(successes, shots, tail)
    return below, 1.0 - _lower_limit(shots - successes, shots, tail)


def _lower_limit(x: Integers, n: Integers, tail: float) -> float:
    """Lower limit of the mean chance; integer arrays of shape (K,)."""
    observed, total = int(x.sum()), int(n.sum())
    gamma = SHARE_OF_LIMITS * tail if len(x) > 1 else 0.0
    all_shots, _ = binomial_limits(np.array([observed]), np.array([total]), tail - gamma, 0.5)
    pooled = float(all_shots[0])
    if len(x) == 1 or observed == 0:
        return pooled
    error = gamma / 2 / len(x)
    low, high = binomial_limits(x, n, error, error)
    if (low <= pooled).all() and (pooled <= high).all():
        return pooled

    def excess(mean: float) -> float:
        # In units of a normal variable the tail is almost linear in the mean: few steps suffice.
        chance = _tail(n, _as_equal_as_possible(n, low, high, mean), observed)
        return float(ndtri(max(chance, _TINY)) - ndtri(tail - gamma))

    least, most = max(pooled, float(n @ low) / total), observed / total
    if excess(least) >= 0:
        return least
    return float(brentq(excess, least, most, xtol=1e-7))


def _as_equal_as_possible(n: Integers, low: Floats, high: Floats, mean: float) -> Floats:
    """Chances within their limits, of a given mean: one level, cut to the limits; shape (K,)."""
    # The mean grows linearly with the level between these.
    levels = np.unique(np.concatenate([low, high]))
    means = np.clip(levels[:, None], low, high) @ n / n.sum()
    return np.clip(np.interp(mean, means, levels), low, high)


def _tail(n: Integers, p: Floats, least: int) -> float:
    """P(Σ_k X_k >= least) of independent binomial X_k; arrays of shape (K,)."""
    merged: dict[float, int] = {}
    for number, chance in zip(n.tolist(), p.tolist(), strict=True):
        merged[chance] = merged.get(chance, 0) + number
    *others, (p_last, n_last) = sorted(
        merged.items(), key=lambda one: one[1] * one[0] * (1 - one[0])
    )
    first, chances = 0, np.ones(1)
    for chance, number in others:
        counts = _likely(number, chance)
        chances = _convolved(chances, _binomial(counts, number, chance))
        first += int(counts[0])
    # What the last one must have at least, given the sum of the others.
    counts = _likely(n_last, p_last)
    tails = np.append(np.cumsum(_binomial(counts, n_last, p_last)[::-1])[::-1], 0.0)
    missing = least - first - np.arange(len(chances)) - int(counts[0])
    return float(chances @ tails[np.clip(missing, 0, len(counts))])


def _convolved(first: Floats, second: Floats) -> Floats:
    if min(len(first), len(second)) < _SHORT:
        return np.convolve(first, second)
    return fftconvolve(first, second)


def _binomial(counts: Integers, number: int, chance: float) -> Floats:
    """Probabilities of counts, shape (counts,)."""
    ways = gammaln(number + 1) - gammaln(counts + 1) - gammaln(number - counts + 1)
    return np.exp(ways + xlogy(counts, chance) + xlog1py(number - counts, -chance))


def _likely(number: int, chance: float) -> Integers:
    """The counts of a binomial variable of which none beyond matters."""
    spread = 8 * math.sqrt(number * chance * (1 - chance)) + 40
    middle = number * chance
    return np.arange(max(0, int(middle - spread)), min(number, int(middle + spread) + 1) + 1)


def bounded_mean_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Interval of the mean of any distribution on [0, 1], from independent draws.

    A bettor who stakes the share λ of his wealth on "more than m" multiplies it by 1 + λ (x/m - 1)
    with each x. If m is the mean his expected wealth never grows, so it exceeds 40 times what he
    began with in at most 1 of 40 cases. The wealth is averaged over λ between 0 and 1, so the order
    of the draws does not matter (Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86, 1 (2024); Orabona &
    Jun, IEEE Trans. Inf. Theory 70, 436 (2024)). Nothing is assumed of the distribution, which a
    few draws cannot tell.

    Args:
        values: draws in [0, 1], shape (M,).
        confidence: chance to cover the mean at least.
    """
    tail = (1 - confidence) / 2
    return _betting_limit(values, tail), 1.0 - _betting_limit(1.0 - values, tail)


def _betting_limit(values: Floats, tail: float) -> float:
    mean = float(values.mean())
    if mean <= 0.0:
        return 0.0

    def log_wealth(m: float) -> float:
        # Bets along axis 0, draws along axis 1.
        grown = np.log1p(_BETS[:, None] * (values[None, :] / m - 1.0)).sum(axis=1)
        return float(np.logaddexp.reduce(grown)) - math.log(len(_BETS))

    wanted = -math.log(tail)
    least = 1e-9
    if log_wealth(least) <= wanted:
        return 0.0
    return float(brentq(lambda m: log_wealth(m) - wanted, least, mean, xtol=1e-9))
