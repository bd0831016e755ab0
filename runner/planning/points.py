"""From a configuration to compiled points: what will run, and what it is predicted to say."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.adapter import Adapter, Pins
from backends.compiling.compile import MOVES_PER_SECOND, CompiledPoint, Search, compile_point
from backends.devices.catalog import IDEAL
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.providers.ibm.options import IbmConfig
from backends.simulation.pulse_trains import Decoupling
from backends.worker_processes import in_order
from experiments.point import Point
from experiments.protocol import Strategy
from runner.config.run_config import RunConfig
from runner.config.sweep import Choice, OneLayout, Slot, layout_seeds, slots
from runner.identity import identity
from runner.kinds.contract.decryption import ChosenStrategy
from runner.kinds.contract.strict import Section
from runner.results.rows import ResultRow

_WORST_FIRST = ("failed", "unverified", "proved")
_UNUSED_PARAMETERS: dict[str, Any] = {"level": None, "r": None, "scenario": None}
_PARALLEL_FROM_POINTS = 4
"""Below this, starting a second process costs more than it saves."""
_ALONE_SECONDS = 4.0
"""CPU time that goes into compiling before others are asked: starting them costs as much."""


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
    """The points that a configuration asks for.

    Where ``auto`` has not chosen yet, the first candidate stands in.
    """
    return [slot.point for slot in slots(config)]


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
    places = [slots(config) for config, _ in runs]
    todo = [
        (k, place, point)
        for k, one in enumerate(places)
        for place, slot in enumerate(one)
        for point in slot.candidates.values() or [slot.point]
    ]
    # Large circuits first: started last, one of them would keep the others waiting.
    todo.sort(key=lambda one: -one[2].num_qubits * len(one[2].linear_estimator.weights))
    # Where points are compiled side by side, each search stays on its own core.
    workers = 1 if len(todo) >= _PARALLEL_FROM_POINTS else None
    arguments = []
    for k, _, point in todo:
        config, snapshot = runs[k]
        seeds = [point.layout] if isinstance(point, OneLayout) else layout_seeds(config)
        search = _search(config, seeds[0], workers)
        arguments.append((point, snapshot, seeds, search, config.compile.decoupling))
    outcomes: dict[tuple[int, int], dict[Point, CompiledPoint | DoesNotFit]] = {}
    with closing(_map(_compile, arguments)) as compiled:
        for (k, place, point), outcome in zip(todo, compiled, strict=True):
            slot, of_place = places[k][place], outcomes.setdefault((k, place), {})
            of_place[point] = outcome
            if len(of_place) == max(1, len(slot.candidates)):
                finished()
    return [
        _each_once([_best(slot, outcomes[k, place]) for place, slot in enumerate(one)])
        for k, one in enumerate(places)
    ]


def _each_once(planned: Sequence[PlannedPoint]) -> list[PlannedPoint]:
    """Points without those that ``auto`` came to and the configuration names too."""
    out: dict[Point, PlannedPoint] = {}
    for one in planned:
        out.setdefault(one.point, one)
    return list(out.values())


def _best(slot: Slot, outcomes: Mapping[Point, CompiledPoint | DoesNotFit]) -> PlannedPoint:
    """What stands in a place, of the candidates that fit the device."""
    if not slot.candidates:
        return PlannedPoint(slot.point, _fitting(outcomes[slot.point]))
    left_out = dict(slot.left_out)
    compiled: dict[Strategy, CompiledPoint] = {}
    for strategy, point in slot.candidates.items():
        outcome = outcomes[point]
        if isinstance(outcome, DoesNotFit):
            left_out[strategy] = str(outcome)
        else:
            compiled[strategy] = outcome
    if not compiled:
        _fitting(outcomes[slot.point])
    choice = Choice.among({s: one.expected for s, one in compiled.items()}, left_out)
    return PlannedPoint(slot.candidates[choice.strategy], compiled[choice.strategy], choice)


def _fitting(outcome: CompiledPoint | DoesNotFit) -> CompiledPoint:
    if isinstance(outcome, DoesNotFit):
        raise outcome
    return outcome


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


def makes_machine_code(config: RunConfig) -> bool:
    """Whether compiling the run begins with making the protocol compiler's own machine code."""
    if config.compile.strategy == "stock":
        return False
    from backends.compiling.protocol.compiled import is_kept

    # GHZ states and clones of clones have a search of their own.
    several = config.experiment.kind in ("ghz", "iterated")
    return not is_kept("multi" if several else "protocol")


def _search(config: RunConfig, seed: int, workers: int | None) -> Search | None:
    """The budget of the protocol compiler; None where it is not asked."""
    if config.compile.strategy == "stock":
        return None
    moves = config.compile.moves or round(config.compile.seconds * MOVES_PER_SECOND)
    return Search(moves, seed, workers)


def _compile(
    arguments: tuple[Point, DeviceSnapshot | None, Sequence[int], Search | None, Decoupling],
) -> CompiledPoint | DoesNotFit:
    point, snapshot, seeds, search, decoupling = arguments
    try:
        return compile_point(
            point.settings(), point.linear_estimator.value, snapshot, seeds, search, decoupling
        )
    except DoesNotFit as reason:
        # Another candidate may fit.
        return reason


def _map(
    function: Callable[..., CompiledPoint | DoesNotFit], arguments: Sequence[tuple[object, ...]]
) -> Generator[CompiledPoint | DoesNotFit]:
    # Searches take long, and are known to.
    alone_seconds = 0.0 if any(search for *_, search, _ in arguments) else _ALONE_SECONDS
    begun_seconds, left = time.process_time(), deque(arguments)
    while left and (
        len(left) < _PARALLEL_FROM_POINTS
        or time.process_time() - begun_seconds < alone_seconds
        or os.cpu_count() == 1
    ):
        yield function(left.popleft())
    if not left:
        return
    yield from in_order(function, left, os.cpu_count() or 1)


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
        refocused=planned.compiled.refocused,
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
