"""The circuits of a compiled sweep, as they are stored and as they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backends.adapter import Request
from backends.circuit_digest import circuit_digest
from backends.compiling.compile import CompiledSetting
from backends.devices.snapshot import DeviceSnapshot
from runner.config.run_config import RunConfig
from runner.identity import derived_seed
from runner.planning.calibration import calibration_programs, circuit_records
from runner.planning.identities import circuit_identity, circuit_name, program_stem
from runner.planning.points import PlannedPoint
from runner.store.records import CircuitRecord


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
            stem = stem_of(one, compiled)
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
        stem_of(one, compiled): compiled.circuit
        for one in planned
        for compiled in one.compiled.settings
    }
    programs |= calibration_programs(config, planned)
    return {stem: Request(circuit, config.shots, 0) for stem, circuit in programs.items()}


def planned_circuits(
    config: RunConfig, snapshot: DeviceSnapshot | None, planned: Sequence[PlannedPoint]
) -> list[dict[str, Any]]:
    """What will be sent, fixed before anything is: ``circuits/planned.json``."""
    programs = requests_of(config, planned)
    digests = {stem: circuit_digest(request.circuit) for stem, request in programs.items()}
    return [
        {
            "name": one.name,
            "circuit": one.stem,
            "circuit_sha256": digests[one.stem],
            "identity": one.identity,
            "shots": one.shots,
            # As text: no number of JSON is sure to be that large.
            "seed": str(one.seed),
        }
        for one in circuits_of(config, snapshot, planned)
    ]


def stem_of(planned: PlannedPoint, compiled: CompiledSetting) -> str:
    """The name of the program of one setting of a point."""
    return program_stem(planned.point, compiled.setting.label)
