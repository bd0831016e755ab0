r"""Fidelities from counts, with intervals that are honest near 0 and 1.

Every estimator here is linear in the success probabilities p_k of independent settings:
F = offset + Σ_k w_k p_k. Settings whose shots count alike are pooled, which gives their sum an
exact interval (:func:`.pooled_interval`): that is all of F for a Bell
measurement, three stabilizers, a CHSH test and a mean over states. Where there are several such
groups (GHZ states, tomography), MOVER adds them (method of variance estimates recovery; Zou, Huang
& Zhang, Comput. Stat. Data Anal. 53, 2008): each group contributes the square of its own distance
to its own limit, on the side that matters. Normal-theory errors fail near 0 and 1
(docs/statistics.md tells the coverage that was measured).

Note: the printed variances of arXiv:2602.10695, eqs. 7 and 12, have the sign reversed; the
variance of a binomial fraction is F(1-F)/N.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincinv, stdtrit

from experiments.statistics.intervals import Integers, bounded_mean_interval, pooled_interval

CONFIDENCE = 0.95

IntervalMethod = Literal["mover", "pooled"]
"""How intervals are found: ``pooled`` as told above, ``mover`` as in runs of format 1."""

_DRAWN_SHARE = 0.9
"""Share of the error that is left to the draw of settings; the rest is for the others."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcome of one setting.

    Two counts of the same setting are merged by adding both numbers.

    Attributes:
        successes: shots in which every check held.
        shots: all shots.
    """

    successes: int
    shots: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.shots or self.shots < 1:
            raise ValueError(
                f"{self.successes} successes in {self.shots} shots: successes must lie between "
                "0 and the number of shots, and there must be a shot"
            )

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.successes + other.successes, self.shots + other.shots)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A fidelity with its statistical uncertainty.

    Attributes:
        value: the point estimate; unbiased, so it may leave [0, 1] by a statistical error.
        std_err: one standard error. Uses (k + 1/2)/(N + 1) for each fraction, so that it does
            not vanish when every shot succeeds.
        ci_low: lower end of the 95 % interval, not below 0.
        ci_high: upper end of the 95 % interval, not above 1.
        std_err_of_draw: part of the standard error that a random choice of settings brings, beside
            the shots; None where none are drawn.
    """

    value: float
    std_err: float
    ci_low: float
    ci_high: float
    std_err_of_draw: float | None = None


def clopper_pearson(counts: Counts, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval of a binomial fraction.

    >>> clopper_pearson(Counts(10, 10))
    (0.6915028921812392, 1.0)
    """
    k, n = counts.successes, counts.shots
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high


@dataclass(frozen=True, slots=True)
class LinearEstimator:
    """F = offset + Σ_k weights[k] · p_k over independent settings.

    Attributes:
        offset: the constant term.
        weights: one weight a setting, in the order of the settings.
        low: the lowest value that physics allows; intervals end there.
        high: the highest.
        sampled: how many of the last settings were drawn at random from a large number of
            equal weight: their spread is part of the error. 0 if none.
    """

    offset: float
    weights: tuple[float, ...]
    low: float = 0.0
    high: float = 1.0
    sampled: int = 0

    def value(self, probabilities: Sequence[float]) -> float:
        """F at the given success probabilities, one a setting."""
        return self.offset + sum(w * p for w, p in zip(self.weights, probabilities, strict=True))

    def estimate(
        self,
        counts: Sequence[Counts],
        confidence: float = CONFIDENCE,
        method: IntervalMethod = "pooled",
    ) -> Estimate:
        """F from the counts of the settings, in their order.

        Args:
            counts: of the settings.
            confidence: chance that the interval covers the truth.
            method: of the interval.
        """
        value = self.value([c.successes / c.shots for c in counts])
        of_shots = [
            weight**2 * smooth * (1 - smooth) / count.shots
            for weight, count in zip(self.weights, counts, strict=True)
            for smooth in ((count.successes + 0.5) / (count.shots + 1),)
        ]
        variance, of_draw = sum(of_shots), None
        if self.sampled:
            spread = self._variance_of_the_draw(counts)
            if method == "pooled":
                # The spread of the drawn settings holds that of their shots already.
                spread = max(0.0, spread - sum(of_shots[-self.sampled :]))
                of_draw = math.sqrt(spread)
            variance += spread
        limits = self._interval if method == "pooled" else self._interval_by_mover
        low, high = limits(counts, confidence)
        return Estimate(
            value=value,
            std_err=math.sqrt(variance),
            std_err_of_draw=of_draw,
            ci_low=min(self.high, max(self.low, min(low, value))),
            ci_high=max(self.low, min(self.high, max(high, value))),
        )

    def _interval(self, counts: Sequence[Counts], confidence: float) -> tuple[float, float]:
        if not self.sampled:
            return self._interval_of_sum(range(len(counts)), counts, confidence)
        first = len(counts) - self.sampled
        fractions = np.array([c.successes / c.shots for c in counts[first:]])
        error = 1 - confidence
        low, high = bounded_mean_interval(fractions, 1 - _DRAWN_SHARE * error)
        # The drawn settings have equal weights.
        weight = sum(self.weights[first:])
        others = self._interval_of_sum(range(first), counts, 1 - (1 - _DRAWN_SHARE) * error)
        return others[0] + weight * low, others[1] + weight * high

    def _interval_of_sum(
        self, settings: Sequence[int], counts: Sequence[Counts], confidence: float
    ) -> tuple[float, float]:
        """Interval of the offset and the contributions of some settings."""
        value = self.offset + sum(
            self.weights[k] * counts[k].successes / counts[k].shots for k in settings
        )
        below = above = 0.0
        for total, successes, shots in self._groups(settings, counts):
            low, high = pooled_interval(successes, shots, confidence)
            mean = float(successes.sum() / shots.sum())
            below += (total * (mean - low)) ** 2
            above += (total * (high - mean)) ** 2
        return value - math.sqrt(below), value + math.sqrt(above)

    def _groups(
        self, settings: Sequence[int], counts: Sequence[Counts]
    ) -> Iterator[tuple[float, Integers, Integers]]:
        """Settings whose shots count alike: their weight together, successes and shots.

        A setting that counts against the sum counts for it by its failures.
        """
        alike: dict[float, list[int]] = {}
        for k in settings:
            if self.weights[k] != 0.0:
                per_shot = abs(self.weights[k]) / counts[k].shots
                alike.setdefault(float(f"{per_shot:.9e}"), []).append(k)
        for members in alike.values():
            shots = np.array([counts[k].shots for k in members])
            successes = np.array(
                [
                    counts[k].successes
                    if self.weights[k] > 0
                    else counts[k].shots - counts[k].successes
                    for k in members
                ]
            )
            yield sum(abs(self.weights[k]) for k in members), successes, shots

    def _interval_by_mover(
        self, counts: Sequence[Counts], confidence: float
    ) -> tuple[float, float]:
        """MOVER over single settings, as in runs of format 1; too narrow near F = 1."""
        value = self.value([c.successes / c.shots for c in counts])
        below = above = 0.0
        for weight, count in zip(self.weights, counts, strict=True):
            fraction = count.successes / count.shots
            low, high = clopper_pearson(count, confidence)
            if weight < 0:
                low, high = high, low
            below += (weight * (fraction - low)) ** 2
            above += (weight * (high - fraction)) ** 2
        if self.sampled:
            quantile = float(stdtrit(self.sampled - 1, (1 + confidence) / 2))
            limit = quantile**2 * self._variance_of_the_draw(counts)
            below, above = below + limit, above + limit
        return value - math.sqrt(below), value + math.sqrt(above)

    def _variance_of_the_draw(self, counts: Sequence[Counts]) -> float:
        """Variance of the mean of the drawn settings' contributions, their shots included."""
        drawn = [
            w * (c.successes / c.shots) * self.sampled
            for w, c in zip(self.weights[-self.sampled :], counts[-self.sampled :], strict=True)
        ]
        mean = sum(drawn) / self.sampled
        return sum((d - mean) ** 2 for d in drawn) / (self.sampled - 1) / self.sampled


BELL_MEASUREMENT = LinearEstimator(0.0, (1.0,))
"""BSM: Fe = N_00/N."""

THREE_STABILIZERS = LinearEstimator(-0.5, (0.5, 0.5, 0.5))
"""Fe = (1 + Σ <s_k>)/4 from the three stabilizers of a Bell state, p_k the chance of the
right sign of s_k: parity oscillations for two qubits, and the witness."""


def parity_oscillations(r: int) -> LinearEstimator:
    """GHZ fidelity of ``r`` qubits from r+1 settings (arXiv:2602.10695, Methods).

    The first setting measures every qubit in Z and succeeds when all outcomes agree; setting
    k = 1 … r measures M_k = ⊗(cos(kπ/r) X + sin(kπ/r) Y) and succeeds when the parity has the
    sign (-1)^k. F = (<P> + <χ>)/2 with χ = (1/r) Σ (-1)^k <M_k>: populations alone would pass
    a classical mixture, the coherences do not.

    >>> parity_oscillations(2) == THREE_STABILIZERS
    True
    """
    if r < 1:
        raise ValueError(f"r = {r}: a GHZ state has at least one qubit")
    return LinearEstimator(-0.5, (0.5, *([1.0 / r] * r)))


SINGLE_QUBIT = LinearEstimator(0.0, (1.0,))
"""F = <+|ρ|+> of one qubit, read in X: the Z setting of r = 1 would succeed always."""

CHSH = LinearEstimator(-2.0, (2.0, 2.0, 2.0, -2.0), -4.0, 4.0)
"""S = E_1 + E_2 + E_3 - E_4 with E_k = 2 p_k - 1, p_k the chance of equal outcomes."""


def sampled_stabilizers(number: int, whole: bool) -> LinearEstimator:
    """GHZ fidelity by direct fidelity estimation.

    The first setting is the populations' (all outcomes in Z agree); the others are stabilizers
    that hold X or Y on every qubit, p_k being the chance of the right sign. F = (<P> + <χ>)/2,
    <χ> their mean.

    Args:
        number: how many of them are measured.
        whole: whether these are all there are; otherwise they were drawn at random, with
            replacement (Flammia & Liu, Phys. Rev. Lett. 106, 230501).
    """
    return LinearEstimator(-0.5, (0.5, *([1.0 / number] * number)), sampled=0 if whole else number)


def bits_of_bias(bias: float) -> float:
    """Bits that an observer with this bias learns of a fair coin at least, 1 - h((1+bias)/2).

    >>> bits_of_bias(1.0), bits_of_bias(0.0)
    (1.0, 0.0)
    """
    p = (1 + min(1.0, abs(bias))) / 2
    return 1.0 - sum(-q * math.log2(q) for q in (p, 1 - p) if q > 0)


def bits_interval(low: float, high: float) -> tuple[float, float]:
    """Bits at the ends of an interval of the bias; 0 if the bias may be 0."""
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return bits_of_bias(least), bits_of_bias(max(abs(low), abs(high)))
