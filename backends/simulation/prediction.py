"""Exact predictions under Pauli noise, without shots and statistical errors.

In a Clifford circuit with Pauli noise, independent error mechanisms flip each parity of outcomes
that is certain without noise. So its expectation value is the product of (1 - 2p) over the
mechanisms that flip it. stim's error analysis lists the mechanisms; a Walsh-Hadamard transform
gives the expectation values of all products of k parities at once. Non-Pauli readouts follow from
the expectation values of the stabilizers of the state before the rotation
(:mod:`experiments.stabilizer.non_pauli_readout`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise import CAUSES, Cause, NoisyCircuit, build_noisy_circuit
from experiments.settings import Check, Setting, products, success_probability
from experiments.stabilizer.arbitrary_input import ArbitraryInputLaw, ideal_outcome_law
from experiments.stabilizer.clifford import Step, steps
from experiments.stabilizer.non_pauli_readout import NonPauliReadoutLaw

_COIN = 0.5
MOST_PARITIES = 22
"""Most parities in a prediction; k parities have 2^k products."""


def predict_setting(
    setting: Setting,
    circuit: QuantumCircuit,
    snapshot: DeviceSnapshot | None,
    *,
    refocusing: bool = False,
) -> float:
    """The exact probability that a shot of a compiled setting succeeds.

    With ``refocusing``, pulse trains are assumed to refocus all dephasing between their pulses.

    Raises:
        ValueError: if its checks cannot be predicted.
    """
    if len(setting.checks) == 1 and _ideal_success(setting) == _COIN:
        # Pauli noise and symmetric readout errors leave a fair coin fair.
        return _COIN
    operations = tuple(steps(circuit))
    try:
        return predict_success(operations, setting.checks, snapshot, refocusing=refocusing)
    except ValueError:
        # Computed only now: most settings have certain parities, and the law takes time.
        if not any(_is_coin(setting, check) for check in setting.checks):
            raise
    # Some products may still be certain; each has an expectation value of its own.
    means = [
        0.0
        if _is_coin(setting, product)
        else 2 * predict_success(operations, (product,), snapshot, refocusing=refocusing) - 1
        for product in products(setting.checks)
    ]
    return success_probability(means, len(setting.checks))


def _is_coin(setting: Setting, check: Check) -> bool:
    """Whether a parity is a fair coin without noise; then it is one with noise too."""
    return _law(setting).mean(check.mask) == 0.0


@lru_cache(maxsize=1024)
def _law(setting: Setting) -> ArbitraryInputLaw | NonPauliReadoutLaw:
    return ideal_outcome_law(tuple(steps(setting.circuit)))


@lru_cache(maxsize=1024)
def _ideal_success(setting: Setting) -> float:
    return setting.ideal_success()


def predict_success(
    operations: Sequence[Step],
    checks: Sequence[Check],
    snapshot: DeviceSnapshot | None,
    causes: Sequence[Cause] = CAUSES,
    *,
    refocusing: bool = False,
) -> float:
    """The exact probability that a shot passes all checks.

    Args:
        operations: steps of a circuit compiled for the device of ``snapshot``.
        checks: parities of its classical bits that are certain without noise. With non-Pauli
            readouts a single check, which is a fair coin unless it holds all of their bits.
        snapshot: the calibration; None predicts a perfect device.
        causes: kinds of noise to include.
        refocusing: whether pulse trains are assumed to refocus dephasing.

    Raises:
        ValueError: if a parity is a fair coin even without noise, or there are too many.
    """
    if len(checks) > MOST_PARITIES:
        raise ValueError(
            f"{len(checks)} parities have 2^{len(checks)} products; an exact prediction takes at "
            f"most {MOST_PARITIES}: choose fewer qubits"
        )
    noisy = build_noisy_circuit(operations, snapshot, causes, refocusing=refocusing)
    if noisy.law:
        return _non_pauli_success(noisy, noisy.law, checks)
    bits = [[noisy.record_of[bit] for bit in check.bits] for check in checks]
    means, ideal = product_means(noisy, bits)
    wrong = [k for k, c in enumerate(checks) if ideal[k] != c.parity]
    signs = np.ones(1)
    for k in range(len(checks)):
        signs = np.concatenate([signs, -signs if k in wrong else signs])
    return float(signs @ means) / len(means)


def _non_pauli_success(
    noisy: NoisyCircuit, law: NonPauliReadoutLaw, checks: Sequence[Check]
) -> float:
    (check,) = checks
    if check.mask & law.mask != law.mask or not law.letters:
        return 0.5
    *pairs, product = noisy.joint
    parity = [product, *(noisy.record_of[bit] for bit in check.bits)]
    means, ideal = product_means(noisy, [*([pair] for pair in pairs), parity])
    # E[s cos(Σ ±α)] = Re Σ_T Π_{q in T} (i sin α_q) Π_{q not in T} cos α_q E[s Π_{q in T} ±1]
    weights = np.ones(1, dtype=complex)
    for alpha in law.signed_radians[1:]:
        weights = np.concatenate([weights * np.cos(alpha), weights * 1j * np.sin(alpha)])
    first = law.signed_radians[0]
    odd = np.array([bin(k).count("1") % 2 for k in range(len(weights))], dtype=bool)
    # The first qubit has b = 0; it completes every T to an even number of qubits.
    factor = np.where(odd, 1j * np.sin(first), np.cos(first))
    half = len(means) // 2
    mean = float(np.real(weights * factor) @ means[half:])
    sign = -1.0 if ideal[-1] != check.parity else 1.0
    return (1.0 + sign * mean) / 2.0


def product_means(
    noisy: NoisyCircuit, parities: Sequence[Sequence[int]]
) -> tuple[NDArray[np.float64], list[int]]:
    """Expectation values of all products of parities, relative to their noiseless values.

    Args:
        noisy: the circuit.
        parities: k lists of measurement records whose exclusive or is certain without noise.

    Returns:
        Expectation values, shape (2^k,), float64; entry m is that of the product of the parities
        in the binary digits of m. And the k noiseless parities, 0 or 1.

    Raises:
        ValueError: if a parity is a fair coin.
    """
    circuit = noisy.circuit.copy()
    clean = circuit.without_noise().reference_sample()
    last = circuit.num_measurements
    for index, records in enumerate(parities):
        targets = [stim.target_rec(record - last) for record in records]
        circuit.append("OBSERVABLE_INCLUDE", targets, index)
    logs = np.zeros(2 ** len(parities))
    for error in circuit.detector_error_model(flatten_loops=True):
        if error.type == "error":
            flipped = sum(1 << target.val for target in error.targets_copy())
            # A mechanism that acts half of the time erases the parity: log 0.
            logs[flipped] += np.log(max(1.0 - 2.0 * error.args_copy()[0], 1e-300))
    total = logs.sum()
    means = np.exp((total - _walsh_hadamard(logs)) / 2.0)
    ideal = [int(sum(int(clean[record]) for record in records) & 1) for records in parities]
    return means, ideal


def _walsh_hadamard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_m (-1)^(number of common binary ones of m and k) values[m] for every k.

    Args:
        values: shape (2^n,), float64; so is what is returned.
    """
    out = values.copy()
    step = 1
    while step < len(out):
        pairs = out.reshape(-1, 2, step)
        out = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).ravel()
        step *= 2
    return out
