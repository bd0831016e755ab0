"""From a compiled sweep to the circuits of a run, and into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from backends.adapter import Request
from backends.compiling.compile import CompiledSetting
from backends.devices.snapshot import DeviceSnapshot
from runner.config.run_config import RunConfig
from runner.identity import derived_seed
from runner.planning.calibration import calibration_programs, circuit_records, program_records
from runner.planning.points import (
    PlannedPoint,
    circuit_identity,
    circuit_name,
    planned_row,
    program_stem,
)
from runner.store.codec import circuit_to_bytes
from runner.store.records import CircuitRecord, PointRecord, ProgramRecord, RunRecord
from runner.store.store import Store


def store_run(
    store: Store,
    run: RunRecord,
    config: RunConfig,
    snapshot: DeviceSnapshot | None,
    planned: Sequence[PlannedPoint],
) -> None:
    """Write a compiled sweep, times repeats, into the store in one transaction.

    Raises:
        RunExists: if the store has a run of that id.
    """
    points = [
        PointRecord(
            index=index,
            predicted=one.compiled.predicted,
            transpiler_seed=one.compiled.transpiler_seed,
            candidates=one.compiled.candidates,
            row=planned_row(config, one, repeat).as_dict(),
        )
        for repeat in range(config.repeats)
        for index, one in enumerate(planned)
    ]
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
    programs += program_records(calibration_programs(config, planned))
    store.create_run(run, points, programs, circuits_of(config, snapshot, planned))


def circuits_of(
    config: RunConfig, snapshot: DeviceSnapshot | None, planned: Sequence[PlannedPoint]
) -> list[CircuitRecord]:
    """Every circuit of a run in the order of its results, none of them run."""
    fingerprint = snapshot.fingerprint if snapshot else None
    circuits: list[CircuitRecord] = []
    points = [(repeat, one) for repeat in range(config.repeats) for one in planned]
    for point, (repeat, one) in enumerate(points):
        if one is planned[0]:
            # Beside the circuits that it calibrates, since readout drifts.
            circuits += circuit_records(config, fingerprint, repeat, len(circuits))
        for compiled in one.compiled.settings:
            stem = _stem(one, compiled)
            identity = circuit_identity(
                config, one.point, compiled.setting.label, repeat, fingerprint
            )
            circuits.append(
                CircuitRecord(
                    identity=identity,
                    position=len(circuits),
                    point=point,
                    name=circuit_name(stem, repeat),
                    stem=stem,
                    shots=config.shots,
                    seed=derived_seed(config.seed, identity),
                )
            )
    return circuits


def requests_of(config: RunConfig, planned: Sequence[PlannedPoint]) -> dict[str, Request]:
    """What would be sent for each program, without its seed."""
    programs = {
        _stem(one, compiled): compiled.circuit
        for one in planned
        for compiled in one.compiled.settings
    }
    programs |= calibration_programs(config, planned)
    return {stem: Request(circuit, config.shots, 0) for stem, circuit in programs.items()}


def _stem(planned: PlannedPoint, compiled: CompiledSetting) -> str:
    return program_stem(planned.point, compiled.setting.label)
