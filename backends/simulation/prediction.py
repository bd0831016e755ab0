"""Exact predictions under Pauli noise, without shots and statistical errors.

In a Clifford circuit with Pauli noise, independent error mechanisms flip each parity of outcomes
that is certain without noise. So its expectation value is the product of (1 - 2p) over the
mechanisms that flip it. stim's error analysis lists the mechanisms; a Walsh-Hadamard transform
gives the expectation values of all products of k parities at once. Non-Pauli readouts follow from
the expectation values of the stabilizers of the state before the rotation
(:mod:`experiments.stabilizer.non_pauli_readout`).

A readout that is wrong with different probabilities for |0> and |1> shows a + b z for an outcome
z = ±1, with the asymmetry a and b = 1 - 2 (mean error). So the expectation value of a parity is a
sum over its products of fewer outcomes too, of which those count that are certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import stim
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.noise import CAUSES, Cause, NoisyCircuit, build_noisy_circuit
from backends.simulation.noise_models import (
    CALIBRATION,
    LAYERS,
    OF_EACH_CALIBRATION,
    OPTIMISTIC,
    NoiseModel,
)
from backends.simulation.walsh_hadamard import walsh_hadamard
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
    model: NoiseModel = CALIBRATION,
) -> float:
    """The exact probability that a shot of a compiled setting succeeds.

    With ``refocusing``, pulse trains are assumed to refocus all dephasing between their pulses.

    Raises:
        ValueError: if its checks cannot be predicted.
    """
    return _predict(setting, tuple(steps(circuit)), snapshot, model, refocusing=refocusing)


def predict_bounds(
    setting: Setting, circuit: QuantumCircuit, snapshot: DeviceSnapshot | None
) -> tuple[float, float]:
    """:func:`predict_setting` under the pessimistic and under the optimistic noise model."""
    operations = tuple(steps(circuit))
    low, high = (
        _predict(setting, operations, snapshot, model, refocusing=False)
        for model in (LAYERS, OPTIMISTIC)
    )
    return low, high


Successes = tuple[float, ...]
"""Of a setting, under each of :data:`~backends.simulation.noise_models.OF_EACH_CALIBRATION`."""


def predict_by_calibration(
    setting: Setting, circuit: QuantumCircuit, snapshots: Sequence[DeviceSnapshot]
) -> tuple[Successes | None, ...]:
    """Predictions of a compiled setting by several calibrations of one device, without drift.

    Args:
        setting: the logical setting.
        circuit: compiled for the first of the calibrations.
        snapshots: the calibrations.

    Returns:
        One entry for each calibration; None where a qubit or coupler of the circuit did not work.
    """
    operations = tuple(steps(circuit))
    return tuple(
        tuple(
            _predict(setting, operations, snapshot, model, refocusing=False)
            for model in OF_EACH_CALIBRATION
        )
        if _works(operations, snapshot) and snapshot.entangler == snapshots[0].entangler
        else None
        for snapshot in snapshots
    )


def _works(operations: Sequence[Step], snapshot: DeviceSnapshot) -> bool:
    """Whether all qubits and couplers that a circuit uses are calibrated."""
    used = [step.qubits for step in operations if step.name != "barrier"]
    return all(
        qubit < snapshot.num_qubits and snapshot.qubits[qubit].works
        for qubits in used
        for qubit in qubits
    ) and all(qubits in snapshot.working_couplers for qubits in used if len(qubits) > 1)


def _predict(
    setting: Setting,
    operations: tuple[Step, ...],
    snapshot: DeviceSnapshot | None,
    model: NoiseModel,
    *,
    refocusing: bool,
) -> float:
    if len(setting.checks) == 1 and _ideal_success(setting) == _COIN:
        # Pauli noise and symmetric readout errors leave a fair coin fair.
        read = {s.qubits[0] for s in operations if s.name == "measure"}
        if not snapshot or not any(snapshot.qubits[q].readout_asymmetry for q in read):
            return _COIN
    try:
        return predict_success(
            operations, setting.checks, snapshot, refocusing=refocusing, model=model
        )
    except ValueError:
        # Computed only now: most settings have certain parities, and the law takes time.
        if not any(_is_coin(setting, check) for check in setting.checks):
            raise
    # Some products may still be certain; each has an expectation value of its own.
    means = [
        0.0
        if _is_coin(setting, product)
        else 2
        * predict_success(operations, (product,), snapshot, refocusing=refocusing, model=model)
        - 1
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
    model: NoiseModel = CALIBRATION,
) -> float:
    """The exact probability that a shot passes all checks.

    Args:
        operations: steps of a circuit compiled for the device of ``snapshot``.
        checks: parities of its classical bits that are certain without noise. With non-Pauli
            readouts a single check, which is a fair coin unless it holds all of their bits.
        snapshot: the calibration; None predicts a perfect device.
        causes: kinds of noise to include.
        refocusing: whether pulse trains are assumed to refocus dephasing.
        model: how noise follows from the calibration.

    Raises:
        ValueError: if a parity is a fair coin even without noise, or there are too many.
    """
    if len(checks) > MOST_PARITIES:
        raise ValueError(
            f"{len(checks)} parities have 2^{len(checks)} products; an exact prediction takes at "
            f"most {MOST_PARITIES}: choose fewer qubits"
        )
    noisy = build_noisy_circuit(operations, snapshot, causes, refocusing=refocusing, model=model)
    if noisy.law:
        return _non_pauli_success(noisy, noisy.law, checks)
    if any(bit in noisy.asymmetries for check in checks for bit in check.bits):
        return _asymmetric_success(noisy, checks)
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
    own = [bit for bit in check.bits if law.mask >> bit & 1]
    others = tuple(bit for bit in check.bits if not law.mask >> bit & 1)
    # A product of some of the non-Pauli readouts is a coin: only replaced outcomes show in it.
    mean = math.prod(noisy.asymmetries.get(bit, 0.0) for bit in own)
    if mean and others:
        mean *= 2 * _asymmetric_success(noisy, [Check(others, 0)]) - 1
    if check.parity:
        mean = -mean
    if check.mask & law.mask == law.mask and law.letters:
        kept = math.prod(1 - abs(noisy.asymmetries.get(bit, 0.0)) for bit in check.bits)
        mean += kept * _non_pauli_mean(noisy, law, check)
    return (1.0 + mean) / 2.0


def _non_pauli_mean(noisy: NoisyCircuit, law: NonPauliReadoutLaw, check: Check) -> float:
    """Expectation value of a parity that holds all non-Pauli readouts; +1 for the required one."""
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
    return -mean if ideal[-1] != check.parity else mean


def _asymmetric_success(noisy: NoisyCircuit, checks: Sequence[Check]) -> float:
    """The probability that all checks hold, with asymmetric readout errors.

    With s_i = a_i + b_i z_i for each bit i, it is 2^-k Σ_m ± Π_{i in m} s_i over all products m of
    the k checks, and Π_{i in m} s_i = Σ_{c in m} Π_{m without c} a_i Π_c b_i E[Π_c z_i]. Here c is
    any set of bits whose parity is certain without noise. Bits that are in the same of these sets
    and checks go together, as one.
    """
    bits = sorted({bit for check in checks for bit in check.bits})
    certain = _certain_parities(noisy, bits)
    members = [*certain, *(set(check.bits) for check in checks)]
    together: dict[tuple[bool, ...], list[int]] = {}
    for bit in bits:
        together.setdefault(tuple(bit in one for one in members), []).append(bit)
    if max(len(together), len(certain)) > MOST_PARITIES:
        raise ValueError(
            f"the checks have {len(together)} bits with asymmetric readout, whose products are too "
            f"many; an exact prediction takes at most {MOST_PARITIES}: choose fewer qubits"
        )
    masks = [0] * len(members)
    weights = np.zeros(2 ** len(together))
    for k, signature in enumerate(together):
        masks = [m | inside << k for m, inside in zip(masks, signature, strict=True)]
    spanned = _span(masks[len(certain) :])
    signs = np.ones(1)
    for check in checks:
        signs = np.concatenate([signs, -signs if check.parity else signs])
    np.add.at(weights, spanned, signs)
    for k, group in enumerate(together.values()):
        asymmetries = [noisy.asymmetries.get(bit, 0.0) for bit in group]
        halves = weights.reshape(-1, 2, 2**k)
        halves[:, 0] += math.prod(asymmetries) * halves[:, 1]
        halves[:, 1] *= math.prod(1 - abs(a) for a in asymmetries)
    records = [[noisy.record_of[bit] for bit in sorted(one)] for one in certain]
    means, ideal = product_means(noisy, records)
    for k, parity in enumerate(ideal):
        means.reshape(-1, 2, 2**k)[:, 1] *= 1 - 2 * parity
    return float(weights[_span(masks[: len(certain)])] @ means) / 2 ** len(checks)


def _span(masks: Sequence[int]) -> NDArray[np.int64]:
    """All products of parities; entry m is that of the parities in the binary digits of m."""
    found = np.zeros(1, dtype=np.int64)
    for mask in masks:
        found = np.concatenate([found, found ^ mask])
    return found


_SURE = 64
"""Samples beyond the number of bits: a parity that only seems certain has a chance of 2^-64."""


def _certain_parities(noisy: NoisyCircuit, bits: Sequence[int]) -> list[set[int]]:
    """Independent sets of bits whose parity is certain without noise, and that span all such sets.

    They are those whose parity is the same in all of more samples than there are bits.
    """
    sampler = noisy.circuit.without_noise().compile_sampler(seed=0)
    records = [noisy.record_of[bit] for bit in bits]
    outcomes = sampler.sample(len(bits) + _SURE)[:, records]
    rows = [
        int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little")
        for row in outcomes ^ outcomes[0]
    ]
    pivots: dict[int, int] = {}
    for row in rows:
        left = row
        while left:
            pivot = left.bit_length() - 1
            if pivot not in pivots:
                pivots[pivot] = left
                break
            left ^= pivots[pivot]
    # Each bit without a pivot begins one set; bits with a pivot, the lowest first, complete it.
    found = []
    for free in range(len(bits)):
        if free not in pivots:
            chosen = 1 << free
            for pivot in sorted(pivots):
                if (pivots[pivot] & chosen & ~(1 << pivot)).bit_count() % 2:
                    chosen |= 1 << pivot
            found.append({bits[k] for k in range(len(bits)) if chosen >> k & 1})
    return found


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
    negative = np.zeros(2 ** len(parities))
    for error in circuit.detector_error_model(flatten_loops=True):
        if error.type == "error":
            flipped = sum(1 << target.val for target in error.targets_copy())
            kept = 1.0 - 2.0 * error.args_copy()[0]
            # A mechanism that acts half of the time erases the parity: log 0.
            logs[flipped] += np.log(max(abs(kept), 1e-300))
            negative[flipped] += kept < 0
    means = np.exp((logs.sum() - walsh_hadamard(logs)) / 2.0)
    if negative.any():
        # Mechanisms that act more often than not turn the sign of each parity that they flip.
        number = np.rint((negative.sum() - walsh_hadamard(negative)) / 2.0)
        means *= 1.0 - 2.0 * (number % 2)
    ideal = [int(sum(int(clean[record]) for record in records) & 1) for records in parities]
    return means, ideal
