"""One point of an experiment by hand: compile it for a device, and sample it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.compiling.compile import MOVES_PER_SECOND, CompiledPoint, Compiler, Search
from backends.compiling.compile import compile_point as compile_settings
from backends.devices.catalog import as_snapshot
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.pulse_trains import Decoupling
from backends.simulation.stim_sampler import sample as sample_circuit
from experiments.point import Point
from experiments.statistics.estimators import Counts, Estimate
from runner.identity import derived_seed


@dataclass(frozen=True, eq=False)
class Compiled:
    """A point, compiled for a device.

    >>> import enclone
    >>> point = enclone.EntanglementPoint(enclone.Cloning(n=2), "bsm")
    >>> compiled = enclone.compile_point(point, "ideal")
    >>> [one.circuit.num_qubits for one in compiled.circuits.settings], compiled.predicted
    ([6], 1.0)

    Attributes:
        point: the point.
        device: the device; None for a perfect one.
        circuits: its circuits with their certificates and predictions.
    """

    point: Point
    device: DeviceSnapshot | None
    circuits: CompiledPoint

    @property
    def predicted(self) -> float:
        """The value that the calibration of the device predicts."""
        return self.circuits.predicted


def compile_point(
    point: Point,
    device: str | DeviceSnapshot = "ideal",
    *,
    strategy: Compiler = "stock",
    transpiler_seeds: Sequence[int] = range(4),
    seconds: float = 20.0,
    decoupling: Decoupling = "none",
) -> Compiled:
    """Compile a point for a device; of all that is tried the best prediction is taken.

    >>> import enclone
    >>> point = enclone.EntanglementPoint(enclone.Cloning(n=2, strategy="frame"), "parity")
    >>> compiled = enclone.compile_point(point, "fake_kingston", transpiler_seeds=[1])
    >>> 0.9 < compiled.predicted < 1
    True

    Args:
        point: the point.
        device: a snapshot, its name or file, or ``ideal``.
        strategy: ``stock`` for Qiskit's layout and routing alone, ``protocol`` to try the compiler
            that knows the protocol too.
        transpiler_seeds: seeds of Qiskit's layout and routing.
        seconds: budget of the protocol compiler, which stands for a fixed number of moves.
        decoupling: pulse trains in waits.

    Raises:
        BackendError: if there is no such device, or the point does not fit on it.
    """
    snapshot = as_snapshot(device)
    search = None
    if strategy == "protocol":
        search = Search(round(seconds * MOVES_PER_SECOND), transpiler_seeds[0])
    circuits = compile_settings(
        point.settings(),
        point.linear_estimator.value,
        snapshot,
        transpiler_seeds,
        search,
        decoupling,
    )
    return Compiled(point, snapshot, circuits)


def sample(compiled: Compiled, shots: int, seed: int = 0) -> Estimate:
    """Sample a point under the noise of its device, and estimate its value.

    Each setting has a seed of its own, so that their shots are independent.

    >>> import enclone
    >>> point = enclone.EntanglementPoint(enclone.Cloning(n=2), "bsm")
    >>> estimate = enclone.sample(enclone.compile_point(point, "ideal"), shots=100, seed=7)
    >>> estimate.value, round(estimate.ci_low, 3), estimate.ci_high
    (1.0, 0.964, 1.0)

    Args:
        compiled: the point.
        shots: of each setting.
        seed: equal seeds give equal shots on one machine.

    Returns:
        The value with its standard error and its exact 95 % interval.

    Raises:
        ValueError: if a circuit was proved not to be the protocol: it has no such value.
    """
    counts = []
    for one in compiled.circuits.settings:
        if one.certificate.status == "failed":
            raise ValueError(
                f"setting '{one.setting.label}' has no value: its compiled circuit is not the "
                f"protocol ({one.certificate.remark}); compile it with other seeds"
            )
        own_seed = derived_seed(seed, one.setting.label)
        found = sample_circuit(one.circuit, compiled.device, shots, own_seed)
        counts.append(Counts(one.setting.successes(found), found.num_shots))
    return compiled.point.linear_estimator.estimate(counts)
