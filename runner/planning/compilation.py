"""Compiling the points of a sweep, on all cores."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing

from backends.compiling.checked.modes import Checks
from backends.compiling.checked.readout import read_unused_qubits
from backends.compiling.compile import MOVES_PER_SECOND, CompiledPoint, Search, compile_point
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.decoding.rules import Keep
from backends.simulation.pulse_trains import Decoupling
from backends.worker_processes import map_in_processes
from experiments.point import Point
from experiments.protocol import Strategy
from runner.config.run_config import RunConfig
from runner.config.sweep import Choice, OneLayout, SweepPosition, layout_seeds, sweep_positions
from runner.kinds.contract.decryption import DecryptConfig
from runner.planning.points import PlannedPoint

_PARALLEL_FROM_POINTS = 4
"""Below this, starting a second process costs more than it saves."""
_ALONE_SECONDS = 4.0
"""CPU time that goes into compiling before others are asked: starting them costs as much."""


def compile_sweep(
    config: RunConfig,
    snapshot: DeviceSnapshot | None,
    finished: Callable[[], object] = lambda: None,
) -> list[PlannedPoint]:
    """Compile every point of the sweep, on all cores, in the order of the sweep.

    Where the strategy is ``auto`` every candidate is compiled, and the best prediction stays.

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
    sweeps = [sweep_positions(config) for config, _ in runs]
    todo = [
        (run, index, point)
        for run, positions in enumerate(sweeps)
        for index, position in enumerate(positions)
        for point in position.candidates.values() or [position.point]
    ]
    # Large circuits first: started last, one of them would keep the others waiting.
    todo.sort(key=lambda item: -item[2].num_qubits * len(item[2].linear_estimator.weights))
    # Where points are compiled side by side, each search stays on its own core.
    workers = 1 if len(todo) >= _PARALLEL_FROM_POINTS else None
    arguments = []
    for run, _, point in todo:
        config, snapshot = runs[run]
        seeds = [point.layout] if isinstance(point, OneLayout) else layout_seeds(config)
        search = _search(config, seeds[0], workers)
        decrypt = config.experiment.decryption or DecryptConfig()
        read = decrypt.checks, decrypt.keep
        arguments.append((point, snapshot, seeds, search, config.compile.decoupling, read))
    outcomes: dict[tuple[int, int], dict[Point, CompiledPoint | DoesNotFit]] = {}
    with closing(_map(_compile, arguments)) as compiled:
        for (run, index, point), outcome in zip(todo, compiled, strict=True):
            found = outcomes.setdefault((run, index), {})
            found[point] = outcome
            if len(found) == max(1, len(sweeps[run][index].candidates)):
                finished()
    return [
        _each_once([_best(one, outcomes[run, index]) for index, one in enumerate(positions)])
        for run, positions in enumerate(sweeps)
    ]


def _each_once(planned: Sequence[PlannedPoint]) -> list[PlannedPoint]:
    """Points without those that ``auto`` came to and the configuration names too."""
    out: dict[Point, PlannedPoint] = {}
    for one in planned:
        out.setdefault(one.point, one)
    return list(out.values())


def _best(
    position: SweepPosition, outcomes: Mapping[Point, CompiledPoint | DoesNotFit]
) -> PlannedPoint:
    """The best predicted candidate of a position, of those that fit the device."""
    if not position.candidates:
        return PlannedPoint(position.point, _fitting(outcomes[position.point]))
    left_out = dict(position.left_out)
    compiled: dict[Strategy, CompiledPoint] = {}
    for strategy, point in position.candidates.items():
        outcome = outcomes[point]
        if isinstance(outcome, DoesNotFit):
            left_out[strategy] = str(outcome)
        else:
            compiled[strategy] = outcome
    if not compiled:
        _fitting(outcomes[position.point])
    choice = Choice.among({s: one.expected for s, one in compiled.items()}, left_out)
    return PlannedPoint(position.candidates[choice.strategy], compiled[choice.strategy], choice)


def _fitting(outcome: CompiledPoint | DoesNotFit) -> CompiledPoint:
    if isinstance(outcome, DoesNotFit):
        raise outcome
    return outcome


def makes_machine_code(config: RunConfig) -> bool:
    """Whether compiling the run begins with making the protocol compiler's own machine code."""
    if config.compile.strategy == "stock":
        return False
    from backends.compiling.protocol.compiler import search_of
    from backends.compiling.protocol.core.machine_code import is_kept

    missing = {search for search in ("single", "multi") if not is_kept(search)}
    return bool(missing) and any(
        search_of(position.point.settings()[0].circuit) in missing
        for position in sweep_positions(config)
    )


def _search(config: RunConfig, seed: int, workers: int | None) -> Search | None:
    """The budget of the protocol compiler; None where it is not asked."""
    if config.compile.strategy == "stock":
        return None
    moves = config.compile.moves or round(config.compile.seconds * MOVES_PER_SECOND)
    return Search(moves, seed, workers)


def _compile(
    arguments: tuple[
        Point,
        DeviceSnapshot | None,
        Sequence[int],
        Search | None,
        Decoupling,
        tuple[Checks, Keep],
    ],
) -> CompiledPoint | DoesNotFit:
    point, snapshot, seeds, search, decoupling, (checks, keep) = arguments
    estimator = point.linear_estimator
    try:
        compiled = compile_point(
            point.settings(), estimator.value, snapshot, seeds, search, decoupling
        )
        return read_unused_qubits(compiled, estimator, snapshot, checks, keep)
    except DoesNotFit as reason:
        # Another candidate may fit.
        return reason


def _map(
    function: Callable[..., CompiledPoint | DoesNotFit], arguments: Sequence[tuple[object, ...]]
) -> Generator[CompiledPoint | DoesNotFit]:
    # Searches take long, and are known to.
    alone_seconds = 0.0 if any(search for *_, search, _, _ in arguments) else _ALONE_SECONDS
    begun_seconds, left = time.process_time(), deque(arguments)
    while left and (
        len(left) < _PARALLEL_FROM_POINTS
        or time.process_time() - begun_seconds < alone_seconds
        or os.cpu_count() == 1
    ):
        yield function(left.popleft())
    if not left:
        return
    yield from map_in_processes(function, left, os.cpu_count() or 1)
