"""From a configuration to compiled points: what will run, and what it is predicted to say."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.adapter import Adapter, Pins
from backends.compile import MOVES_PER_SECOND, CompiledPoint, Search, compile_point
from backends.devices import IDEAL
from backends.ibm.options import IbmConfig
from backends.snapshot import DeviceSnapshot
from experiments.estimators import LinearEstimator
from experiments.point import Point
from experiments.published import Published
from experiments.settings import Setting
from runner.config import RunConfig
from runner.identity import identity
from runner.rows import ResultRow
from runner.sections import Section

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


@dataclass(frozen=True)
class OneLayout:
    """A point compiled with one transpiler seed, whatever its prediction.

    Attributes:
        point: the point.
        layout: the seed.
    """

    point: Point
    layout: int

    @property
    def parameters(self) -> dict[str, int | float | str]:
        """Those of the point, and the seed."""
        return {**self.point.parameters, "layout": self.layout}

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n05-clone1-unitary-parity-layout7``."""
        return f"{self.point.label}-layout{self.layout}"

    @property
    def num_qubits(self) -> int:
        """Those of the point."""
        return self.point.num_qubits

    @property
    def linear_estimator(self) -> LinearEstimator:
        """That of the point."""
        return self.point.linear_estimator

    @property
    def noise_floor(self) -> float:
        """That of the point."""
        return self.point.noise_floor

    @property
    def witness_threshold(self) -> float:
        """That of the point."""
        return self.point.witness_threshold

    def settings(self) -> Sequence[Setting]:
        """Those of the point."""
        return self.point.settings()

    def published(self) -> Published | None:
        """That of the point."""
        return self.point.published()


def pinned(config: RunConfig, adapter: Adapter) -> RunConfig:
    """The configuration with what was chosen for it, so that the run goes on where it began."""
    snapshot = adapter.snapshot()
    if not isinstance(adapter, Pins) or snapshot is None:
        return config
    # Which device it is stands in the snapshot, whatever the configuration calls it.
    return pinned_to(config, snapshot.name, adapter.pins())


def pinned_to(config: RunConfig, device: str, pins: Mapping[str, Any]) -> RunConfig:
    """The configuration with a device and options of the provider that were chosen for it."""
    ibm = replace(config.backend.ibm or IbmConfig(), **pins)
    backend = config.backend.model_copy(update={"device": device, "ibm": ibm})
    return config.model_copy(update={"backend": backend})


def sweep(config: RunConfig) -> Sequence[Point]:
    """The points that a configuration asks for."""
    points = config.experiment.points(config.seed)
    if config.compile.layouts == "best":
        return points
    return [OneLayout(point, seed) for point in points for seed in _seeds(config)]


def _seeds(config: RunConfig) -> Sequence[int]:
    return range(config.seed, config.seed + config.compile.seeds)


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
    (planned,) = compile_sweeps([(config, snapshot)], finished)
    return planned


def compile_sweeps(
    runs: Sequence[tuple[RunConfig, DeviceSnapshot | None]],
    finished: Callable[[], object] = lambda: None,
) -> list[list[PlannedPoint]]:
    """:func:`compile_sweep` for several runs at once, which keeps all cores busy to the end."""
    todo = [(k, point) for k, (config, _) in enumerate(runs) for point in sweep(config)]
    # Large circuits first: started last, one of them would keep the others waiting.
    todo.sort(key=lambda one: -one[1].num_qubits * len(one[1].linear_estimator.weights))
    # Where points are compiled side by side, each search stays on its own core.
    workers = 1 if len(todo) >= _PARALLEL_FROM_POINTS else None
    arguments = []
    for k, point in todo:
        config, snapshot = runs[k]
        seeds = [point.layout] if isinstance(point, OneLayout) else _seeds(config)
        arguments.append((point, snapshot, seeds, _search(config, seeds[0], workers)))
    planned: dict[tuple[int, Point], PlannedPoint] = {}
    for (k, point), compiled in zip(todo, _map(_compile, arguments), strict=True):
        planned[k, point] = PlannedPoint(point, compiled)
        finished()
    return [[planned[k, point] for point in sweep(config)] for k, (config, _) in enumerate(runs)]


def _search(config: RunConfig, seed: int, workers: int | None) -> Search | None:
    """The budget of the protocol compiler; None where it is not asked."""
    if config.compile.strategy == "stock":
        return None
    moves = config.compile.moves or round(config.compile.seconds * MOVES_PER_SECOND)
    return Search(moves, seed, workers)


def _compile(
    arguments: tuple[Point, DeviceSnapshot | None, Sequence[int], Search | None],
) -> CompiledPoint:
    point, snapshot, seeds, search = arguments
    return compile_point(point.settings(), point.linear_estimator.value, snapshot, seeds, search)


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


def _described(section: Section, first_keys: Sequence[str]) -> dict[str, Any]:
    """A section as it goes into identities: a key that came later counts if it is set.

    So a new parameter leaves the identities of old runs as they were.
    """
    defaults = type(section)().model_dump()
    return {
        key: value
        for key, value in section.model_dump().items()
        if key in first_keys or value != defaults[key]
    }


def program_stem(point: Point, label: str) -> str:
    """Names the circuit of one setting of a point, e.g. ``n05-clone1-unitary-parity-ZZ``."""
    return f"{point.label}-{label}"


def circuit_name(stem: str, repeat: int) -> str:
    """Names one circuit of a run and its counts."""
    return f"{stem}-r{repeat}"


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
            "compile": _described(config.compile, ("strategy", "seeds")),
            "suppression": config.suppression.model_dump(),
            "shots": config.shots,
            "seed": config.seed,
            "repeat": repeat,
        }
    )
