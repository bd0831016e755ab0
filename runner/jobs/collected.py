"""Circuits and points with their counts, read from the store point by point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.compiling.certificate import Certificate
from backends.compiling.compile import CompiledPoint, CompiledSetting
from backends.simulation.decoding.decoder import Decoder, decode_shots
from backends.simulation.readout_calibration import ReadoutCalibration, UnusableReadout
from backends.simulation.readout_mitigation import mitigated_value
from experiments.settings import Check, Setting
from experiments.statistics.estimators import CONFIDENCE, Counts, Estimate, IntervalMethod
from runner.config.run_config import run_config
from runner.kinds.registry import row_from_dict
from runner.planning.calibration import calibrations, is_mitigated
from runner.planning.decoding import with_decoder, with_decoding
from runner.planning.points import PlannedPoint, sweep
from runner.results.formats import Methods, format_of, methods_of
from runner.results.rows import ResultRow
from runner.store.codec import circuit_from_bytes, unpack_shots
from runner.store.records import CircuitRecord, ProgramRecord
from runner.store.store import Store

NOT_RUN = CircuitFailure("has no counts yet")

_SHARED_PROGRAMS = 300


@dataclass(frozen=True, eq=False)
class CollectedCircuit:
    """A circuit with its shots.

    Attributes:
        name: unique within the run, e.g. ``n05-clone1-unitary-parity-ZZ-r0``.
        stem: the name without the repeat, which is the name of its program.
        identity: hash of what defines the counts.
        compiled: the circuit and its certificate.
        shots: the outcomes, or the reason why there are none.
        job: the provider's id of the job that they came from; empty without outcomes.
    """

    name: str
    stem: str
    identity: str
    compiled: CompiledSetting
    shots: BitArray | CircuitFailure
    job: str


@dataclass(frozen=True, eq=False)
class CollectedPoint:
    """A point with its counts and its result row.

    Attributes:
        planned: the point as it was planned.
        circuits: one circuit for each setting, in the estimator's order.
        row: the result row.
    """

    planned: PlannedPoint
    circuits: tuple[CollectedCircuit, ...]
    row: ResultRow


def collected_points(store: Store, run_id: str) -> Iterator[CollectedPoint]:
    """Yield the points of a run with their values, in order.

    A point has a value only if each of its circuits has counts and none of their certificates
    failed. A single point is in memory at a time, beside the programs that repeats share.
    """
    document = store.run(run_id).document
    config = run_config(document["resolved"])
    methods = methods_of(format_of(document.get("provenance")))
    sweep_points = sweep(config)
    calibrated = calibrations(store, run_id) if is_mitigated(config) else {}

    @lru_cache(maxsize=_SHARED_PROGRAMS)
    def program(stem: str) -> CompiledSetting:
        return _compiled_setting(store.program(run_id, stem))

    for position, record in enumerate(store.points(run_id)):
        circuits = tuple(
            CollectedCircuit(c.name, c.stem, c.identity, program(c.stem), _shots(c), c.job or "")
            for c in store.circuits(run_id, position)
        )
        compiled = CompiledPoint(
            tuple(c.compiled for c in circuits),
            record.predicted,
            record.transpiler_seed,
            record.candidates,
        )
        point = sweep_points[record.index]
        planned = PlannedPoint(point, with_decoder(compiled, point, config))
        row = row_from_dict(record.row)
        yield measured_point(planned, circuits, row, calibrated.get(row.repeat), methods)


def measured_point(
    planned: PlannedPoint,
    circuits: tuple[CollectedCircuit, ...],
    row: ResultRow,
    calibration: ReadoutCalibration | None,
    methods: Methods,
) -> CollectedPoint:
    """Compute the result row of a point from its circuits.

    Args:
        planned: the point as it was planned.
        circuits: its circuits with their shots, one for each setting, in the estimator's order.
        row: its row before it was measured.
        calibration: calibration of the readout; None without readout mitigation.
        methods: of the format of the run.
    """
    jobs = sorted({c.job for c in circuits if c.job})
    if (found := estimate(planned, circuits, methods.intervals)) is None:
        return CollectedPoint(planned, circuits, row.measured(None, jobs))
    strict = found
    if row.witness_confidence != CONFIDENCE:
        strict = estimate(planned, circuits, methods.intervals, row.witness_confidence) or found
    row = row.measured(
        found,
        jobs,
        at_least=strict.ci_low,
        assumption_p=_assumption_p(planned, circuits) if row.assumes else None,
    )
    if row.value is not None and calibration is not None:
        row = _mitigated(row, planned, circuits, calibration, methods)
    if row.value is not None and planned.compiled.decoder is not None:
        row = _decoded(row, planned, circuits, planned.compiled.decoder, methods)
    return CollectedPoint(planned, circuits, row)


def estimate(
    planned: PlannedPoint,
    circuits: Sequence[CollectedCircuit],
    method: IntervalMethod,
    confidence: float = CONFIDENCE,
) -> Estimate | None:
    """The estimate of a point; None if a certificate failed or counts are missing."""
    if planned.certificate == "failed":
        return None
    counts = []
    for circuit in circuits:
        if isinstance(circuit.shots, CircuitFailure):
            return None
        successes = circuit.compiled.setting.successes(circuit.shots)
        counts.append(Counts(successes, circuit.shots.num_shots))
    return planned.point.linear_estimator.estimate(counts, confidence, method)


def _decoded(
    row: ResultRow,
    planned: PlannedPoint,
    circuits: Sequence[CollectedCircuit],
    decoder: Decoder,
    methods: Methods,
) -> ResultRow:
    """The row with its corrected and its post-selected value."""
    shots = [
        (circuit.compiled.setting, circuit.shots.to_bool_array(order="little"))
        for circuit in circuits
        if isinstance(circuit.shots, BitArray)
    ]
    found = [decode_shots(decoder, k, *one) for k, one in enumerate(shots)]
    estimator = planned.point.linear_estimator
    all_shots = [Counts(int(good.sum()), len(good)) for good, _ in found]
    corrected = estimator.estimate(all_shots, CONFIDENCE, methods.intervals)
    # As many kept shots of each setting as the one with the fewest has: so they can be pooled.
    among = [good[kept] for good, kept in found]
    fewest = min(len(good) for good in among)
    postselected = None
    if fewest:
        counts = [Counts(int(good[:fewest].sum()), fewest) for good in among]
        postselected = estimator.estimate(counts, CONFIDENCE, methods.intervals)
    kept = sum(len(good) for good in among) / sum(len(good) for good, _ in found)
    return row.decoded(corrected, postselected, kept)


def _assumption_p(planned: PlannedPoint, circuits: Sequence[CollectedCircuit]) -> float | None:
    shots = [one.shots for one in circuits if isinstance(one.shots, BitArray)]
    return planned.point.assumption_p_value(shots)


def _mitigated(
    row: ResultRow,
    planned: PlannedPoint,
    circuits: Sequence[CollectedCircuit],
    calibration: ReadoutCalibration,
    methods: Methods,
) -> ResultRow:
    settings = [
        (circuit.compiled.setting, circuit.compiled.circuit, circuit.shots)
        for circuit in circuits
        if isinstance(circuit.shots, BitArray)
    ]
    estimator = planned.point.linear_estimator
    try:
        value = mitigated_value(estimator, settings, calibration, methods.mitigation)
    except UnusableReadout as error:
        # What was measured stands for itself; it must not be lost with the mitigated value.
        return replace(row, not_mitigated=str(error))
    return replace(row, mitigated=value.value, mitigated_err=value.std_err)


def _compiled_setting(program: ProgramRecord) -> CompiledSetting:
    document: Mapping[str, Any] = program.document
    certificate = dict(document["certificate"])
    certificate["checks"] = tuple((name, holds) for name, holds in certificate["checks"])
    checks = tuple(Check(tuple(c["bits"]), c["parity"]) for c in document["checks"])
    compiled = CompiledSetting(
        Setting(document["label"], circuit_from_bytes(program.logical), checks),
        circuit_from_bytes(program.compiled),
        Certificate(**certificate),
        document["predicted_success"],
    )
    return with_decoding(compiled, document)


def _shots(record: CircuitRecord) -> BitArray | CircuitFailure:
    if record.counts is not None and record.num_bits is not None:
        return unpack_shots(record.counts, record.num_bits)
    if record.failure:
        return CircuitFailure(record.failure["message"], record.failure["code"])
    return NOT_RUN
