"""The plan of a run: from a configuration to compiled circuits and their cost, nothing sent yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from backends.adapter import Adapter, Checks, PastCalibrations
from backends.devices.snapshot import DeviceSnapshot
from backends.providers import registry
from runner.config.loading import load_config
from runner.config.run_config import RunConfig
from runner.config.source import Given, Source
from runner.planning.compilation import compile_sweeps
from runner.planning.explanation import compilation
from runner.planning.forecast import Forecast, forecast, require_budget
from runner.planning.past import calibration_date, left_out_of, past_calibrations, spanning
from runner.planning.points import PlannedPoint, decided, pinned, planned_row, stored_options
from runner.results.rows import ResultRow

Progress = Callable[..., AbstractContextManager[Callable[[], object]]]
"""Configurations that are about to be compiled → context; what it yields is called per point."""


@contextmanager
def silent(*_: RunConfig) -> Iterator[Callable[[], object]]:
    """Progress that is not shown."""
    yield lambda: None


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it begins.

    Attributes:
        config: the configuration, with what the provider and ``auto`` chose.
        source: the configuration as given.
        overrides: the overrides given with it, ``key.path=value`` each.
        adapter: the opened device.
        snapshot: its calibration; None for a perfect device.
        points: the points of the sweep, compiled.
        past: earlier calibrations, which the intervals of predictions span.
    """

    config: RunConfig
    source: Source
    overrides: tuple[str, ...]
    adapter: Adapter
    snapshot: DeviceSnapshot | None
    points: tuple[PlannedPoint, ...]
    past: PastCalibrations = field(default_factory=PastCalibrations)

    @cached_property
    def rows(self) -> tuple[ResultRow, ...]:
        """The result rows before they are measured, repeat by repeat."""
        return tuple(
            planned_row(self.config, point, repeat)
            for repeat in range(self.config.repeats)
            for point in self.points
        )

    @cached_property
    def forecast(self) -> Forecast:
        """What the run costs, and on what assumptions."""
        return forecast(self.config, self.adapter, self.snapshot, self.points)

    def require_budget(self) -> None:
        """Raise :class:`OverBudget` if the forecast exceeds the budget of the configuration."""
        require_budget(self.forecast, self.config.budget)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What of the device's calibration is not used as it is stated, counted."""
        return () if self.snapshot is None else self.snapshot.remarks

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: rows, forecast, how each point was compiled, remarks on calibration."""
        document = {
            "rows": [row.planned() for row in self.rows],
            "forecast": asdict(self.forecast),
            "compiled": [compilation(point, self.snapshot) for point in self.points],
            "calibration": list(self.remarks),
        }
        if self.past.snapshots or self.past.remark:
            document["past_calibrations"] = {
                "dates": [calibration_date(one) for one in self.past.snapshots],
                "left_out": left_out_of(self.points),
                "remark": self.past.remark,
            }
        return document


Loaded = tuple[RunConfig, Source]
"""A configuration that was checked, and as it was given: what :func:`load_config` returns."""


def make_plan(
    config: Given | Loaded,
    overrides: Sequence[str] = (),
    *,
    runs: Path = Path("runs"),
    progress: Progress = silent,
    to_send: bool = False,
) -> Plan:
    """Plan one run.

    Args:
        config: its configuration, loaded or not.
        overrides: ``key.path=value`` each.
        runs: the folder of runs, where a simulated cloud keeps its file.
        progress: shows how far compiling is.
        to_send: whether the provider must take jobs now; it is asked before anything is compiled.

    Raises:
        ConfigError: if the configuration cannot be run.
        BackendError: if the device cannot be opened, or a point does not fit on it.
        Refused: if ``to_send`` and the provider takes no jobs now.
    """
    loaded = config if isinstance(config, tuple) else load_config(config, overrides)
    (plan,) = _plans([loaded], overrides, runs, progress, to_send=to_send)
    return plan


def make_plans(
    configs: Sequence[Given],
    overrides: Sequence[str] = (),
    *,
    runs: Path = Path("runs"),
    progress: Progress = silent,
) -> list[Plan]:
    """:func:`make_plan` for several runs, which are compiled side by side."""
    loaded = [load_config(config, overrides) for config in configs]
    return _plans(loaded, overrides, runs, progress, to_send=False)


def _plans(
    loaded: Sequence[Loaded],
    overrides: Sequence[str],
    runs: Path,
    progress: Progress,
    *,
    to_send: bool,
) -> list[Plan]:
    adapters = [_opened(config, runs, to_send=to_send) for config, _ in loaded]
    snapshots = [adapter.snapshot() for adapter in adapters]
    configs = [
        pinned(config, adapter, snapshot)
        for (config, _), adapter, snapshot in zip(loaded, adapters, snapshots, strict=True)
    ]
    pasts = [past_calibrations(*opened) for opened in zip(adapters, snapshots, strict=True)]
    with progress(*configs) as advance:
        compiled = compile_sweeps(list(zip(configs, snapshots, strict=True)), advance)
    return [
        Plan(
            decided(config, points),
            source,
            tuple(overrides),
            adapter,
            snapshot,
            tuple(spanning(points, snapshot, past.snapshots)),
            past,
        )
        for config, (_, source), adapter, snapshot, points, past in zip(
            configs, loaded, adapters, snapshots, compiled, pasts, strict=True
        )
    ]


def _opened(config: RunConfig, runs: Path, *, to_send: bool) -> Adapter:
    options = stored_options(config, "plan", runs)
    adapter = registry.open_adapter(config.backend.provider, config.backend.device, options)
    if to_send and isinstance(adapter, Checks):
        adapter.require_ready()
    return adapter
