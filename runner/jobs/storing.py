"""A planned run into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from backends.devices.snapshot import DeviceSnapshot
from runner.config.run_config import RunConfig
from runner.planning.calibration import calibration_programs, program_records
from runner.planning.circuits import circuits_of, stem_of
from runner.planning.decoding import decoding_document
from runner.planning.points import PlannedPoint, planned_row
from runner.results.formats import format_of, in_format
from runner.store.codec import circuit_to_bytes
from runner.store.records import PointRecord, ProgramRecord, RunRecord
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
    written_in = format_of(run.document.get("provenance"))
    points = [
        PointRecord(
            index=index,
            predicted=point.compiled.predicted,
            transpiler_seed=point.compiled.transpiler_seed,
            candidates=point.compiled.candidates,
            row=in_format(planned_row(config, point, repeat), written_in).as_dict(),
        )
        for repeat in range(config.repeats)
        for index, point in enumerate(planned)
    ]
    programs = [
        ProgramRecord(
            stem=stem_of(point, compiled),
            logical=circuit_to_bytes(compiled.setting.circuit),
            compiled=circuit_to_bytes(compiled.circuit),
            document={
                "label": compiled.setting.label,
                "checks": [asdict(check) for check in compiled.setting.checks],
                "certificate": asdict(compiled.certificate),
                "predicted_success": compiled.predicted_success,
                **decoding_document(compiled),
            },
        )
        for point in planned
        for compiled in point.compiled.settings
    ]
    programs += program_records(calibration_programs(config, planned))
    store.create_run(run, points, programs, circuits_of(config, snapshot, planned))
