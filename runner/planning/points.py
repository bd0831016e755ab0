"""The points of a run: which the configuration asks for, compiled ones, and their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from backends.adapter import Adapter, Pins
from backends.compiling.compile import CompiledPoint
from backends.devices.catalog import IDEAL
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.record import RunHome
from experiments.point import Point
from runner.config.run_config import RunConfig
from runner.config.run_request import run_request
from runner.config.sweep import Choice, sweep_positions
from runner.kinds.contract.decryption import ChosenStrategy
from runner.kinds.registry import kind_of
from runner.results.rows import ResultRow

_WORST_FIRST = ("failed", "unverified", "proved")


@dataclass(frozen=True, eq=False)
class PlannedPoint:
    """One point of the sweep, compiled.

    Attributes:
        point: the point itself.
        compiled: its circuits for the device.
        choice: what ``auto`` chose it from; None where the configuration names the strategy.
    """

    point: Point
    compiled: CompiledPoint
    choice: Choice | None = None

    @property
    def certificate(self) -> str:
        """The worst status among the point's circuits."""
        found = {s.certificate.status for s in self.compiled.settings}
        return next(status for status in _WORST_FIRST if status in found)


def pinned(config: RunConfig, adapter: Adapter, snapshot: DeviceSnapshot | None) -> RunConfig:
    """The configuration with what was chosen for it, so that the run goes on where it began."""
    if not isinstance(adapter, Pins) or snapshot is None:
        return config
    # Which device it is stands in the snapshot, whatever the configuration calls it.
    return pinned_to(config, snapshot.name, adapter.pins())


def pinned_to(config: RunConfig, device: str, pins: Mapping[str, Any]) -> RunConfig:
    """The configuration with a device and options of the provider that were chosen for it."""
    return config.model_copy(update={"backend": config.backend.pinned(device, pins)})


def stored_options(config: RunConfig, run_id: str, runs: Path) -> dict[str, Any]:
    """Options with which the provider of a run is opened, now and whenever the run goes on.

    Args:
        config: the run.
        run_id: its id; ``plan`` while it is only planned.
        runs: the folder of runs.
    """
    request = replace(run_request(config), count_qubits=partial(_count_qubits, config))
    return config.backend.record.run_options(request, RunHome(run_id, runs))


def _count_qubits(config: RunConfig) -> int:
    return max(point.num_qubits for point in sweep(config))


def sweep(config: RunConfig) -> Sequence[Point]:
    """The points that a configuration asks for.

    Where ``auto`` has not chosen yet, the first candidate stands in.
    """
    return [position.point for position in sweep_positions(config)]


def decided(config: RunConfig, planned: Sequence[PlannedPoint]) -> RunConfig:
    """The configuration with what ``auto`` chose, so that it is never chosen anew."""
    chosen = [
        ChosenStrategy(
            point=one.point.label,
            strategy=one.choice.strategy,
            predicted=dict(one.choice.predicted),
            left_out=dict(one.choice.left_out),
        )
        for one in planned
        if one.choice
    ]
    if not chosen:
        return config
    experiment = config.experiment.with_decryption(chosen=chosen)
    return config.model_copy(update={"experiment": experiment})


def planned_row(config: RunConfig, planned: PlannedPoint, repeat: int) -> ResultRow:
    """The result row of a point before it is measured."""
    point = planned.point
    certificates = [s.certificate for s in planned.compiled.settings]
    # Beside a perfect device a measured value says nothing.
    published = point.published() if config.backend.device != IDEAL else None
    comparisons = len(sweep(config)) * config.repeats if point.tested_together else None
    return ResultRow.of(
        kind_of(config.experiment.kind).fields,
        **point.parameters,
        backend=config.backend.provider,
        device=Path(config.backend.device).name,
        seed=config.seed,
        repeat=repeat,
        qubits=point.num_qubits,
        two_qubit_layers=max(c.two_qubit_layers for c in certificates),
        two_qubit_gates=max(c.two_qubit_gates for c in certificates),
        shots=config.shots,
        noise_floor=point.noise_floor,
        witness_threshold=point.witness_threshold,
        predicted=planned.compiled.predicted,
        published=published.value if published else None,
        published_err=published.std_err if published else None,
        published_shot_err=published.shot_err if published else None,
        published_note=(published.note or None) if published else None,
        certificate=planned.certificate,
        jobs=(),
        refocused=planned.compiled.refocused,
        comparisons=comparisons,
        assumes=point.assumption,
        predicted_low=planned.compiled.predicted_low,
        predicted_high=planned.compiled.predicted_high,
        **_predictions_of_checks(planned.compiled),
    )


def _predictions_of_checks(compiled: CompiledPoint) -> dict[str, int | float]:
    """Number of checks and what they are predicted to give; empty without them."""
    if compiled.decoder is None:
        return {}
    prediction = compiled.decoder.prediction
    return {
        "checks": compiled.decoder.models[0].detectors,
        "predicted_corrected": prediction.corrected,
        "predicted_postselected": prediction.postselected,
        "predicted_kept": prediction.kept,
    }
