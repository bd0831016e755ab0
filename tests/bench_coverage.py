"""``make bench-coverage``: how often the 95 % intervals hold the truth, for every estimator.

Counts are drawn from known probabilities, and the interval of each draw is asked whether it holds
the truth. Every estimator is looked at from 20 to 10,000 shots, from chances of one half up to one
failure in five experiments. Printed as the table of docs/statistics.md. A share that lies below
0.96 is measured again with eight times as many experiments and another seed, which is what counts:
otherwise the lowest of many shares would be the unluckiest.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray
from scipy.stats import binom

from backends.simulation.readout_calibration import ReadoutCalibration
from backends.simulation.readout_mitigation import mitigated_value
from experiments.inputs import PureState
from experiments.settings import Check, Setting
from experiments.statistics import intervals
from experiments.statistics.estimators import (
    BELL_MEASUREMENT,
    CHSH,
    THREE_STABILIZERS,
    Counts,
    LinearEstimator,
    parity_oscillations,
    sampled_stabilizers,
)
from experiments.statistics.variance import components

SHOTS = (20, 200, 2000, 10_000)
LEAST = 0.94
DOUBTFUL, MORE = 0.96, 8
STATE = PureState(60.0, 45.0)

Measure = Callable[[int, int], float]
"""(experiments, seed) → share of experiments whose interval holds the truth."""


@dataclass(frozen=True)
class Case:
    """An estimator and the success probabilities of its settings.

    Attributes:
        name: of the estimator, as in the documents.
        estimator: what is looked at.
        probabilities: contrast c → success probabilities of the settings; c = 1 is noiseless.
        part: of the experiments; less where each interval is searched for.
    """

    name: str
    estimator: LinearEstimator
    probabilities: Callable[[float], Sequence[float]]
    part: float = 1.0


def _equal(number: int) -> Callable[[float], Sequence[float]]:
    return lambda contrast: [(1 + contrast) / 2] * number


def cases() -> list[Case]:
    """Every estimator of several settings that are not drawn."""
    bloch = STATE.bloch
    tomography = LinearEstimator((1 - sum(bloch)) / 2, bloch)
    return [
        Case("`parity`, `witness`, correlators' Fe", THREE_STABILIZERS, _equal(3)),
        Case(
            "`parity`, unequal",
            THREE_STABILIZERS,
            lambda c: [(1 + c) / 2, (1 + c**2) / 2, (1 + c**4) / 2],
            part=0.2,
        ),
        Case("`process`", LinearEstimator(0.0, (1 / 6,) * 6), _equal(6)),
        Case(
            "`process`, unequal",
            LinearEstimator(0.0, (1 / 6,) * 6),
            lambda c: [(1 + c**k) / 2 for k in (1, 1, 2, 2, 4, 4)],
            part=0.2,
        ),
        Case(
            "`tomography`",
            tomography,
            lambda c: [(1 + c * component) / 2 for component in bloch],
        ),
        Case(
            "`chsh`",
            CHSH,
            lambda c: [(1 + s * c / 2**0.5) / 2 for s in (1, 1, 1, -1)],
        ),
        Case("`parity`, r = 4", parity_oscillations(4), _equal(5)),
        Case(
            "`parity`, r = 4, unequal",
            parity_oscillations(4),
            lambda c: [(1 + c) / 2, *[(1 + c**2) / 2] * 4],
        ),
        Case("`parity`, r = 15", parity_oscillations(15), _equal(16)),
        Case("`stabilizers`, all 8", sampled_stabilizers(8, whole=True), _equal(9)),
        Case("leakage bias, 3 settings", LinearEstimator(-1.0, (2 / 3,) * 3, -1.0, 1.0), _equal(3)),
    ]


def chances(shots: int) -> list[float]:
    """From useless to one failure in five experiments of that many shots."""
    return sorted({0.5, 0.9, 0.97, *(1 - failures / shots for failures in (1, 0.2))})


def exact_coverage(chance: float, shots: int) -> float:
    """Of a single setting: summed over all outcomes, so without an error."""
    law = binom.pmf(range(shots + 1), shots, chance)
    covered = 0.0
    for successes in np.flatnonzero(law > 1e-12).tolist():
        low, high = _interval(BELL_MEASUREMENT, (successes,), shots)
        covered += float(law[successes]) * (low <= chance <= high)
    return covered


def covering(case: Case, chance: float, shots: int) -> Measure:
    """Of several settings."""
    probabilities = case.probabilities(2 * chance - 1)
    truth = case.estimator.value(probabilities)

    def measure(experiments: int, seed: int) -> float:
        size = (experiments, len(probabilities))
        drawn = np.random.default_rng(seed).binomial(shots, probabilities, size)
        # Equal counts have equal intervals.
        if len({*case.estimator.weights}) == 1:
            # So have those in another order.
            drawn.sort(axis=1)
        outcomes, numbers = np.unique(drawn, axis=0, return_counts=True)
        held = 0
        for successes, number in zip(outcomes.tolist(), numbers.tolist(), strict=True):
            low, high = _interval(case.estimator, tuple(successes), shots)
            held += number * (low - 1e-12 <= truth <= high + 1e-12)
        return float(held / experiments)

    return measure


@cache
def _limits(successes: int, shots: int, low: float, high: float) -> tuple[float, float]:
    below, above = original_limits(np.array([successes]), np.array([shots]), low, high)
    return float(below[0]), float(above[0])


def limits_once(
    successes: intervals.Integers,
    shots: intervals.Integers,
    error_low: float,
    error_high: float,
) -> tuple[intervals.Floats, intervals.Floats]:
    """The same limits as those of the module, each computed once: several times faster."""
    pairs = zip(successes.tolist(), shots.tolist(), strict=True)
    found = [_limits(k, n, error_low, error_high) for k, n in pairs]
    return np.array([low for low, _ in found]), np.array([high for _, high in found])


original_limits = intervals.binomial_limits
intervals.binomial_limits = limits_once


@cache
def _interval(
    estimator: LinearEstimator, successes: tuple[int, ...], shots: int
) -> tuple[float, float]:
    found = estimator.estimate([Counts(k, shots) for k in successes])
    return found.ci_low, found.ci_high


def covering_drawn(number: int, rare: float, shots: int) -> Measure:
    """Of drawn stabilizers, a share ``rare`` of which has lost its mean.

    Args:
        number: stabilizers that are drawn.
        rare: share of all stabilizers whose chance is 0.55 where that of the others is 0.97.
        shots: of each setting.
    """
    estimator = sampled_stabilizers(number, whole=False)
    truth = estimator.value([0.9, *[rare * 0.55 + (1 - rare) * 0.97] * number])

    def measure(experiments: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        held = 0
        for _ in range(experiments):
            chosen = [0.9, *np.where(rng.random(number) < rare, 0.55, 0.97)]
            found = estimator.estimate([Counts(int(k), shots) for k in rng.binomial(shots, chosen)])
            held += found.ci_low <= truth <= found.ci_high
        return held / experiments

    return measure


def covering_mitigated(bits: int, chance: float, shots: int) -> Measure:
    """Of a parity with readout errors undone, ± 1.96 standard errors; errors of 0.5 to 4 %."""
    wrong = np.random.default_rng(bits).uniform(0.005, 0.04, (bits, 2))
    circuit = QuantumCircuit(bits, bits)
    circuit.measure(range(bits), range(bits))
    setting = Setting("s", circuit, (Check(tuple(range(bits)), 0),))

    def read(truth: NDArray[np.bool_], rng: np.random.Generator) -> BitArray:
        flips = rng.random(truth.shape) < np.where(truth, wrong[:, 1], wrong[:, 0])
        return BitArray.from_bool_array(truth ^ flips, order="little")

    def measure(experiments: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        held = 0
        for _ in range(experiments):
            found_wrong = rng.binomial(shots, wrong) / shots
            calibration = ReadoutCalibration(
                {qubit: (float(a), float(b)) for qubit, (a, b) in enumerate(found_wrong)}, shots
            )
            truth = rng.random((shots, bits)) < 0.5
            truth[:, 0] ^= (truth.sum(axis=1) % 2 == 1) ^ (rng.random(shots) >= chance)
            found = mitigated_value(
                BELL_MEASUREMENT, [(setting, circuit, read(truth, rng))], calibration
            )
            held += abs(found.value - chance) <= 1.96 * found.std_err
        return held / experiments

    return measure


def covering_components(devices: int, repeats: int, cause: int) -> Measure:
    """Of the standard deviation between devices (cause 0), or between times on one (1)."""
    between, within, of_shots = 0.02, 0.01 if repeats > 1 else 0.0, 0.004
    labels = np.repeat(np.arange(devices), repeats)

    def measure(experiments: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        held = 0
        for _ in range(experiments):
            values = rng.normal(0.7, between, devices)[labels] + rng.normal(0, within, len(labels))
            values += rng.normal(0, of_shots, len(labels))
            groups = [("device", list(labels)), ("time", list(range(len(labels))))]
            found = components(list(values), [of_shots] * len(labels), groups)[cause]
            held += found.ci_low <= (between, within)[cause] <= found.ci_high
        return held / experiments

    return measure


@dataclass
class Table:
    """The lowest and highest shares, printed as they are found.

    Attributes:
        experiments: how many are simulated at first.
        seed: of their draws.
        only: a regular expression that the names of all lines match that are printed.
        least: the lowest share so far.
    """

    experiments: int
    seed: int
    only: str = ""
    least: float = 1.0

    def share(self, measure: Measure, part: float = 1.0) -> float:
        """The share of one case; measured again with more experiments where it is doubtful."""
        experiments = round(part * self.experiments)
        found = measure(experiments, self.seed)
        return measure(MORE * experiments, self.seed + 1) if found < DOUBTFUL else found

    def line(self, name: str, cells: Iterable[Iterable[float]]) -> None:
        """Print a line of the table, a cell at a time."""
        if not re.search(self.only, name):
            return
        sys.stdout.write(f"| {name} |")
        for cell in cells:
            shares = list(cell)
            self.least = min(self.least, *shares)
            # Rounded down, so that 0.95 is not written of less.
            low, high = (
                math.floor(1000 * share + 1e-9) / 1000 for share in (min(shares), max(shares))
            )
            sys.stdout.write(f" {low:.3f} … {high:.3f} |" if len(shares) > 1 else f" {low:.3f} |")
            sys.stdout.flush()
        sys.stdout.write("\n")


def main() -> int:
    """Print the tables; 1 if something covers less than 94 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="lines whose names match, such as '16 bits'")
    given = parser.parse_args()
    table = Table(given.experiments, given.seed, given.only)
    write = sys.stdout.write
    write("| estimator | " + " | ".join(f"N = {shots:,}" for shots in SHOTS) + " |\n")
    write("|---" * (len(SHOTS) + 1) + "|\n")
    table.line(
        "one setting (`bsm`, one state, T_ij), exact",
        ([exact_coverage(p, shots) for p in chances(shots)] for shots in SHOTS),
    )
    for case in cases():
        table.line(
            case.name,
            ([table.share(covering(case, p, n), case.part) for p in chances(n)] for n in SHOTS),
        )
    for number in (8, 16, 32):
        table.line(
            f"`stabilizers`, {number} drawn, skewed",
            (
                [table.share(covering_drawn(number, r, n), 0.2) for r in (0.0, 0.02, 0.1, 0.3)]
                for n in SHOTS
            ),
        )
    for bits in (2, 16):
        table.line(
            f"mitigated parity of {bits} bits",
            (
                [table.share(covering_mitigated(bits, p, n), 0.2) for p in chances(n)[::2]]
                for n in SHOTS
            ),
        )
    write("\n| devices | runs on each | σ device | σ time |\n|---|---|---|---|\n")
    for devices, repeats in ((2, 1), (2, 3), (3, 1), (3, 4), (5, 1), (5, 3)):
        causes = (0, 1) if repeats > 1 else (0,)
        table.line(
            f"{devices} | {repeats}",
            ([table.share(covering_components(devices, repeats, k))] for k in causes),
        )
    write(f"\nlowest: {table.least:.4f}\n")
    return int(table.least < LEAST)


if __name__ == "__main__":
    sys.exit(main())
