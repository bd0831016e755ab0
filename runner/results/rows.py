"""The result row: one line of ``results.csv``, one entry of ``results.json``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config

from backends.simulation.readout_mitigation import Mitigated
from experiments.statistics.estimators import Estimate, bits_interval, bits_of_bias

INFORMATION = ("information_bits", "information_low", "information_high")
MITIGATED = ("mitigated", "mitigated_err")
"""Fields of runs whose readout errors are undone."""

MEASURED = (
    *("value", "std_err", "ci_low", "ci_high", "witnessed", "jobs"),
    *INFORMATION,
    *MITIGATED,
)
"""Fields that a plan does not have."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ResultRow:
    """One measured (or planned) point.

    Attributes:
        experiment: kind of experiment.
        n: cloning parameter.
        level: generations of iterated cloning; None elsewhere.
        r: qubits of a GHZ state; None elsewhere.
        scenario: order of measurements of a CHSH test; None elsewhere.
        clone: which clone was decrypted (0 is A).
        strategy: how it was decrypted; says which claim ``value`` makes.
        estimator: how the value was estimated.
        backend: provider.
        device: snapshot or machine.
        seed: seed of the run.
        repeat: number of the repetition, from 0.
        qubits: logical qubits of the circuit.
        two_qubit_layers: depth in two-qubit gates (the deepest of the point's circuits).
        two_qubit_gates: two-qubit gates (the most of the point's circuits).
        shots: shots of each setting.
        value: the estimate; None where a certificate failed or counts are missing.
        std_err: its standard error.
        ci_low: lower end of the 95 % interval.
        ci_high: upper end of the 95 % interval.
        noise_floor: the value of a completely noisy device.
        witness_threshold: entanglement is witnessed above it.
        witnessed: whether the whole interval lies above the threshold.
        predicted: exact value under the snapshot's noise, from nothing but the calibration.
        published: the printed value of the same point on ibm_kingston.
        published_err: its printed error.
        certificate: ``proved``, ``failed`` or ``unverified``, the worst of the circuits.
        jobs: the provider's ids of the jobs that the counts came from.
        clones: clones that an iterated run makes; None elsewhere.
        generations: instances in each generation of an iterated run, such as ``1-3-9``.
        input: the state that was cloned, or ``process`` for all six Pauli eigenstates; None for
            half of a Bell pair.
        lost: servers that were lost before decryption, such as ``S2 S3``; None elsewhere.
        loss: what happened to their qubits.
        idle_microseconds: how long everything waited after encryption.
        spent_on: clone that had been decrypted with the same key before.
        subset: qubits that were held together; None elsewhere.
        learns: what the theory says that they learn: ``nothing``, a Pauli, ``everything``.
        information_bits: bits of the input that their best observable tells at least.
        information_low: lower end of its 95 % interval.
        information_high: upper end of it.
        key_qubits: noise qubits that decrypting an iterated clone takes.
        path: clone of each generation, such as ``S1-A-S2``, where they differ.
        layout: transpiler seed, where each layout is a point of its own; None elsewhere.
        mitigated: the estimate with readout errors undone, beside ``value``, which is as measured;
            None where nothing is mitigated. It may leave the physical range.
        mitigated_err: upper bound of its standard error.
        refocused: ``predicted`` with decoupling assumed perfect, an upper bound; None where the
            compiler places no pulses. There ``predicted``, for which all dephasing is white, is a
            lower bound.
    """

    experiment: str
    n: int
    level: int | None
    r: int | None
    scenario: str | None
    clone: int
    strategy: str
    estimator: str
    backend: str
    device: str
    seed: int
    repeat: int
    qubits: int
    two_qubit_layers: int
    two_qubit_gates: int
    shots: int
    value: float | None
    std_err: float | None
    ci_low: float | None
    ci_high: float | None
    noise_floor: float
    witness_threshold: float
    witnessed: bool | None
    predicted: float
    published: float | None
    published_err: float | None
    certificate: str
    jobs: tuple[str, ...]
    clones: int | None = None
    generations: str | None = None
    input: str | None = None
    lost: str | None = None
    loss: str | None = None
    idle_microseconds: float | None = None
    spent_on: int | None = None
    subset: str | None = None
    learns: str | None = None
    information_bits: float | None = None
    information_low: float | None = None
    information_high: float | None = None
    layout: int | None = None
    key_qubits: int | None = None
    path: str | None = None
    mitigated: float | None = None
    mitigated_err: float | None = None
    refocused: float | None = None

    def mitigated_to(self, mitigated: Mitigated) -> ResultRow:
        """The row with the mitigated value beside the measured one."""
        return replace(self, mitigated=mitigated.value, mitigated_err=mitigated.std_err)

    def measured(self, estimate: Estimate | None, jobs: Sequence[str]) -> ResultRow:
        """The row with its measured fields filled in."""
        if estimate is None:
            return replace(self, jobs=tuple(jobs))
        bits: dict[str, Any] = _information(estimate) if self.subset is not None else {}
        return replace(
            self,
            value=estimate.value,
            std_err=estimate.std_err,
            ci_low=estimate.ci_low,
            ci_high=estimate.ci_high,
            witnessed=estimate.ci_low > self.witness_threshold,
            jobs=tuple(jobs),
            **bits,
        )

    def as_dict(self) -> dict[str, Any]:
        """Field name → value, ready for JSON."""
        return {**asdict(self), "jobs": list(self.jobs)}

    def planned(self) -> dict[str, Any]:
        """The row without its measured fields."""
        return {key: value for key, value in self.as_dict().items() if key not in MEASURED}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ResultRow:
        """The row that :meth:`as_dict` gave.

        Raises:
            ValueError: if a field is missing, unknown, or of another type.
        """
        return _ROWS.validate_python(document)


def _information(estimate: Estimate) -> dict[str, float]:
    low, high = bits_interval(estimate.ci_low, estimate.ci_high)
    return dict(zip(INFORMATION, (bits_of_bias(estimate.value), low, high), strict=True))


_ROWS = TypeAdapter(ResultRow)


def to_csv(rows: Iterable[ResultRow]) -> str:
    """CSV with a header; an empty cell is None, jobs are separated by spaces."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [f.name for f in fields(ResultRow)]
    writer.writerow(names)
    for row in rows:
        content = {**row.as_dict(), "jobs": " ".join(row.jobs)}
        writer.writerow([content[name] for name in names])
    return out.getvalue()
