"""From a compiled sweep to a stored run, and from a finished run to its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.certificate import Certificate
from backends.compile import CompiledPoint, CompiledSetting
from backends.snapshot import DeviceSnapshot
from experiments.settings import Check, Setting
from runner.config import RunConfig
from runner.identity import derived_seed
from runner.planning import PlannedPoint, circuit_identity, planned_row, sweep
from runner.rows import ResultRow
from runner.running import CollectedCircuit, CollectedPoint, estimate
from runner.store.codec import circuit_from_bytes, circuit_to_bytes, unpack_shots
from runner.store.records import CircuitRecord, PointRecord, ProgramRecord, RunRecord
from runner.store.store import Store

NOT_RUN = CircuitFailure("has not been run")


def store_run(
    store: Store,
    run: RunRecord,
    config: RunConfig,
    snapshot: DeviceSnapshot | None,
    planned: Sequence[PlannedPoint],
) -> None:
    """Write a compiled sweep, times repeats, into the store in one transaction."""
    fingerprint = snapshot.fingerprint if snapshot else None
    points: list[PointRecord] = []
    circuits: list[CircuitRecord] = []
    for repeat in range(config.repeats):
        for index, one in enumerate(planned):
            for compiled in one.compiled.settings:
                stem = _stem(one, compiled)
                identity = circuit_identity(
                    config, one.point, compiled.setting.label, repeat, fingerprint
                )
                circuits.append(
                    CircuitRecord(
                        identity=identity,
                        position=len(circuits),
                        point=len(points),
                        name=f"{stem}-r{repeat}",
                        stem=stem,
                        shots=config.shots,
                        seed=derived_seed(config.seed, identity),
                    )
                )
            points.append(
                PointRecord(
                    index=index,
                    predicted=one.compiled.predicted,
                    transpiler_seed=one.compiled.transpiler_seed,
                    candidates=one.compiled.candidates,
                    row=planned_row(config, one, repeat).as_dict(),
                )
            )
    programs = [
        ProgramRecord(
            stem=_stem(one, compiled),
            logical=circuit_to_bytes(compiled.setting.circuit),
            compiled=circuit_to_bytes(compiled.circuit),
            document={
                "label": compiled.setting.label,
                "checks": [asdict(check) for check in compiled.setting.checks],
                "certificate": asdict(compiled.certificate),
                "predicted_success": compiled.predicted_success,
            },
        )
        for one in planned
        for compiled in one.compiled.settings
    ]
    store.create_run(run, points, programs, circuits)


def collected_points(store: Store, run_id: str) -> list[CollectedPoint]:
    """Everything the store knows of a run, as points with their values.

    A point has a value only if every one of its circuits has counts and a sound certificate.
    """
    config = RunConfig.model_validate(store.run(run_id).document["resolved"])
    sweep_points = sweep(config)
    settings = {
        stem: _compiled_setting(program) for stem, program in store.programs(run_id).items()
    }
    by_point: dict[int, list[CollectedCircuit]] = {}
    for record in store.circuits(run_id):
        circuit = CollectedCircuit(
            record.name,
            record.identity,
            settings[record.stem],
            _shots(record),
            record.job or "",
        )
        by_point.setdefault(record.point, []).append(circuit)
    collected = []
    for position, point in enumerate(store.points(run_id)):
        circuits = tuple(by_point[position])
        compiled = CompiledPoint(
            tuple(c.compiled for c in circuits),
            point.predicted,
            point.transpiler_seed,
            point.candidates,
        )
        planned = PlannedPoint(sweep_points[point.index], compiled)
        jobs = sorted({c.job for c in circuits if c.job})
        row = ResultRow.from_dict(point.row).measured(estimate(planned, circuits), jobs)
        collected.append(CollectedPoint(planned, circuits, row))
    return collected


def _stem(planned: PlannedPoint, compiled: CompiledSetting) -> str:
    return f"{planned.point.label}-{compiled.setting.label}"


def _compiled_setting(program: ProgramRecord) -> CompiledSetting:
    document: Mapping[str, Any] = program.document
    certificate = dict(document["certificate"])
    certificate["checks"] = tuple((name, holds) for name, holds in certificate["checks"])
    checks = tuple(Check(tuple(c["bits"]), c["parity"]) for c in document["checks"])
    return CompiledSetting(
        Setting(document["label"], circuit_from_bytes(program.logical), checks),
        circuit_from_bytes(program.compiled),
        Certificate(**certificate),
        document["predicted_success"],
    )


def _shots(record: CircuitRecord) -> BitArray | CircuitFailure:
    if record.counts is not None and record.num_bits is not None:
        return unpack_shots(record.counts, record.num_bits)
    if record.failure:
        return CircuitFailure(record.failure["message"], record.failure["code"])
    return NOT_RUN
