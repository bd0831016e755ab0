"""Exact predictions under Pauli noise: no shots, no statistical error.

A Clifford circuit with Pauli noise flips each certain parity of outcomes by independent
mechanisms, so its mean is the product of (1 - 2p) over those that flip it. stim's error
analysis lists the mechanisms.
"""

from __future__ import annotations

from collections.abc import Sequence

import stim

from backends.noise import CAUSES, Cause, noisy_events, noisy_stim
from backends.snapshot import DeviceSnapshot
from experiments.clifford import Step
from experiments.settings import Check, products, success_probability


def predicted_success(
    operations: Sequence[Step],
    checks: Sequence[Check],
    snapshot: DeviceSnapshot | None,
    causes: Sequence[Cause] = CAUSES,
) -> float:
    """Probability that a shot passes all checks, exactly.

    Args:
        operations: steps of a circuit compiled for the device of ``snapshot``.
        checks: parities of its classical bits that are certain without noise.
        snapshot: the calibration; None predicts a perfect device.
        causes: which noise to include, to see what each costs.

    Raises:
        ValueError: if a parity is a fair coin even without noise.
    """
    noisy, record_of = noisy_stim(noisy_events(operations, snapshot, causes))
    wanted = products(checks)
    clean = noisy.without_noise().reference_sample()
    for index, check in enumerate(wanted):
        targets = [stim.target_rec(record_of[bit] - noisy.num_measurements) for bit in check.bits]
        noisy.append("OBSERVABLE_INCLUDE", targets, index)
    means = _means(noisy, len(wanted))
    for index, check in enumerate(wanted):
        parity = sum(clean[record_of[bit]] for bit in check.bits) & 1
        if parity != check.parity:
            means[index] = -means[index]
    return success_probability(means, len(checks))


def _means(circuit: stim.Circuit, count: int) -> list[float]:
    means = [1.0] * count
    for error in circuit.detector_error_model(flatten_loops=True):
        if error.type != "error":
            continue
        factor = 1.0 - 2.0 * error.args_copy()[0]
        for target in error.targets_copy():
            means[target.val] *= factor
    return means
