"""Calibration circuits of a run whose readout is mitigated: made, sent and read like all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.compiling.certificate import Certificate
from backends.simulation.readout_calibration import LABELS, ReadoutCalibration, calibration_circuits
from runner.config.run_config import RunConfig
from runner.identity import derived_seed, identity
from runner.planning.identities import circuit_name
from runner.planning.points import PlannedPoint
from runner.store.codec import circuit_from_bytes, circuit_to_bytes, unpack_shots
from runner.store.records import CircuitRecord, ProgramRecord
from runner.store.store import Store

CALIBRATION = -1
"""Position of the point that calibration circuits belong to: none."""


@dataclass(frozen=True, eq=False)
class CalibrationCircuit:
    """A calibration circuit with its shots.

    Attributes:
        name: unique within the run, such as ``readout-zeros-r0``.
        stem: the same without the repeat.
        circuit: the circuit.
        shots: its outcomes; None while there are none.
    """

    name: str
    stem: str
    circuit: QuantumCircuit
    shots: BitArray | None


def is_mitigated(config: RunConfig) -> bool:
    """Whether readout errors are to be undone."""
    return config.suppression.readout_mitigation != "none"


def calibration_programs(
    config: RunConfig, planned: Sequence[PlannedPoint]
) -> dict[str, QuantumCircuit]:
    """Stem → circuit; empty if nothing is mitigated."""
    if not is_mitigated(config):
        return {}
    compiled = [s.circuit for one in planned for s in one.compiled.settings]
    return dict(zip(LABELS, calibration_circuits(compiled), strict=True))


def program_records(programs: dict[str, QuantumCircuit]) -> list[ProgramRecord]:
    """The calibration circuits as the store keeps them."""
    certificate = Certificate("unverified", 0, 0, remark="calibrates the readout")
    return [
        ProgramRecord(
            stem=stem,
            logical=circuit_to_bytes(circuit),
            compiled=circuit_to_bytes(circuit),
            document={
                "label": stem,
                "checks": [],
                "certificate": asdict(certificate),
                "predicted_success": 1.0,
            },
        )
        for stem, circuit in programs.items()
    ]


def circuit_records(
    config: RunConfig, fingerprint: str | None, repeat: int, first: int
) -> list[CircuitRecord]:
    """The calibration circuits of one repeat, to be run; ``first`` is their place in the run."""
    if not is_mitigated(config):
        return []
    records = []
    for position, stem in enumerate(LABELS, start=first):
        content = {
            "calibration": stem,
            "provider": config.backend.provider,
            "device": fingerprint,
            "backend_options": config.backend.outcome_options,
            "suppression": config.suppression.model_dump(),
            "shots": config.shots,
            "seed": config.seed,
            "repeat": repeat,
        }
        key = identity(content)
        records.append(
            CircuitRecord(
                identity=key,
                position=position,
                point=CALIBRATION,
                name=circuit_name(stem, repeat),
                stem=stem,
                shots=config.shots,
                seed=derived_seed(config.seed, key),
            )
        )
    return records


def collected_calibration(store: Store, run_id: str) -> Iterator[CalibrationCircuit]:
    """The calibration circuits of a run, in order."""
    for record in store.circuits(run_id, CALIBRATION):
        counted = record.counts is not None and record.num_bits is not None
        yield CalibrationCircuit(
            record.name,
            record.stem,
            circuit_from_bytes(store.program(run_id, record.stem).compiled),
            unpack_shots(record.counts or b"", record.num_bits or 0) if counted else None,
        )


def calibrations(store: Store, run_id: str) -> dict[int, ReadoutCalibration]:
    """Repeat → its calibration, for repeats whose two circuits have counts."""
    return calibrations_of(collected_calibration(store, run_id))


def calibrations_of(circuits: Iterable[CalibrationCircuit]) -> dict[int, ReadoutCalibration]:
    """Repeat → its calibration, for repeats whose two circuits have counts."""
    found = {one.name: one for one in circuits}
    out = {}
    for repeat in range(len(found) // len(LABELS)):
        zeros, ones = (found.get(circuit_name(label, repeat)) for label in LABELS)
        if zeros and ones and zeros.shots is not None and ones.shots is not None:
            out[repeat] = ReadoutCalibration.of(zeros.circuit, zeros.shots, ones.shots)
    return out
