"""From a configuration to compiled points: what will run, and what it is predicted to say."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.compile import CompiledPoint, compile_point
from backends.devices import IDEAL
from backends.snapshot import DeviceSnapshot
from experiments.point import Point
from runner.config import RunConfig
from runner.identity import identity
from runner.rows import ResultRow

_WORST_FIRST = ("failed", "unverified", "proved")
_UNUSED_PARAMETERS: dict[str, Any] = {"level": None, "r": None, "scenario": None}
_PARALLEL_FROM_POINTS = 4
"""Below this, starting a second process costs more than it saves."""


@dataclass(frozen=True, eq=False)
class PlannedPoint:
    """One point of the sweep, compiled.

    Attributes:
        point: the point itself.
        compiled: its circuits for the device.
    """

    point: Point
    compiled: CompiledPoint

    @property
    def certificate(self) -> str:
        """The worst status among the point's circuits."""
        found = {s.certificate.status for s in self.compiled.settings}
        return next(status for status in _WORST_FIRST if status in found)


def sweep(config: RunConfig) -> Sequence[Point]:
    """The points that a configuration asks for."""
    return config.experiment.points(config.seed)


def compile_sweep(
    config: RunConfig,
    snapshot: DeviceSnapshot | None,
    finished: Callable[[], object] = lambda: None,
) -> list[PlannedPoint]:
    """Compile every point of the sweep, on all cores, in the order of the sweep.

    Args:
        config: the run.
        snapshot: the device, or None for a perfect one.
        finished: called after each point, for progress.
    """
    todo = sweep(config)
    seeds = tuple(range(config.seed, config.seed + config.compile.seeds))
    arguments = [(point, snapshot, seeds) for point in todo]
    planned = []
    for point, compiled in zip(todo, _map(_compile, arguments), strict=True):
        planned.append(PlannedPoint(point, compiled))
        finished()
    return planned


def _compile(
    arguments: tuple[Point, DeviceSnapshot | None, tuple[int, ...]],
) -> CompiledPoint:
    point, snapshot, seeds = arguments
    return compile_point(point.settings(), point.linear_estimator.value, snapshot, seeds)


def _map(
    function: Callable[..., CompiledPoint], arguments: Sequence[tuple[object, ...]]
) -> Iterator[CompiledPoint]:
    workers = min(os.cpu_count() or 1, len(arguments))
    if len(arguments) < _PARALLEL_FROM_POINTS or workers < 2:
        yield from map(function, arguments)
        return
    # Spawned, not forked: the transpiler's own threads do not survive a fork.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        try:
            with _interrupts_ignored():
                results = pool.map(function, arguments)
            yield from results
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one: they inherit that it is ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def planned_row(config: RunConfig, planned: PlannedPoint, repeat: int) -> ResultRow:
    """The result row of a point before it is measured."""
    point = planned.point
    certificates = [s.certificate for s in planned.compiled.settings]
    # Beside a perfect device a measured value says nothing.
    published = point.published() if config.backend.device != IDEAL else None
    return ResultRow(
        **{**_UNUSED_PARAMETERS, **point.parameters},
        backend=config.backend.provider,
        device=Path(config.backend.device).name,
        seed=config.seed,
        repeat=repeat,
        qubits=point.num_qubits,
        two_qubit_layers=max(c.two_qubit_layers for c in certificates),
        two_qubit_gates=max(c.two_qubit_gates for c in certificates),
        shots=config.shots,
        value=None,
        std_err=None,
        ci_low=None,
        ci_high=None,
        noise_floor=point.noise_floor,
        witness_threshold=point.witness_threshold,
        witnessed=None,
        predicted=planned.compiled.predicted,
        published=published.value if published else None,
        published_err=published.std_err if published else None,
        certificate=planned.certificate,
        jobs=(),
    )


def circuit_identity(
    config: RunConfig, point: Point, label: str, repeat: int, fingerprint: str | None
) -> str:
    """What defines the counts of one circuit within a run, as a hash."""
    return identity(
        {
            **point.parameters,
            "setting": label,
            "provider": config.backend.provider,
            "device": fingerprint,
            "compile": config.compile.model_dump(),
            "suppression": config.suppression.model_dump(),
            "shots": config.shots,
            "seed": config.seed,
            "repeat": repeat,
        }
    )
