"""Runs from a notebook: planned, run, submitted and read again, as the command does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.export import run_name
from runner.cli.output import compiling, following
from runner.config.source import Given
from runner.errors import MissingExtra
from runner.interrupts import interrupts_kept
from runner.planning.forecast import Forecast
from runner.planning.plan import Plan as RunPlan
from runner.planning.plan import make_plan, silent
from runner.results.rows import ResultRow
from runner.run_folder.files import read_rows
from runner.run_folder.locations import find, runs_folder
from runner.session import Session


@dataclass(frozen=True, eq=False)
class Run:
    """A run and its results, from its folder; neither a store nor a network is needed.

    >>> import enclone, tempfile
    >>> config = {"experiment": {"kind": "leakage", "n": 2, "subset": "S1"}, "shots": 50}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = enclone.run(config | {"backend": {"device": "ideal"}}, out=folder)
    ...     found.rows[0].shots, found.report.name, found.folder.name == found.id
    (50, 'report.html', True)

    Attributes:
        folder: the run folder.
    """

    folder: Path

    @cached_property
    def id(self) -> str:
        """The run's id, by which commands find it."""
        return run_name(self.folder)

    @cached_property
    def rows(self) -> tuple[ResultRow, ...]:
        """The result rows; a value is None where counts are missing or a certificate failed."""
        return tuple(read_rows(self.folder))

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.folder / "report.html"

    def to_pandas(self) -> Any:
        """The result rows as a table of pandas.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        return _table([row.as_dict() for row in self.rows])


@dataclass(frozen=True, eq=False)
class Plan:
    """What a configuration would run, predict and cost; no job is made.

    >>> import enclone
    >>> planned = enclone.plan("{experiment: {kind: entanglement, n: [2, 3]}, shots: 100}")
    >>> [row.n for row in planned.rows], planned.forecast.shots, planned.forecast.usd
    ([2, 3], 600, 0.0)
    """

    _plan: RunPlan = field(repr=False)
    _runs: Path = field(repr=False)

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """The result rows before they are measured."""
        return self._plan.rows

    @property
    def forecast(self) -> Forecast:
        """Jobs, circuits, shots, QPU seconds and money, with their assumptions."""
        return self._plan.forecast

    def to_pandas(self) -> Any:
        """The rows as a table of pandas, without what is measured.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        return _table([row.planned() for row in self.rows])

    def run(self, *, progress: bool = False) -> Run:
        """Send it, wait and analyse; planning again gives another run of the same circuits.

        Args:
            progress: whether progress is shown on stderr.

        Raises:
            UserError: if the budget, the folder of runs or the store does not allow it.
            BackendError: if the provider refuses it.
        """
        session = Session(self._runs)
        session.require_usable()
        return _sent(session, self._plan, wait=True, progress=progress)


def plan(
    config: Given,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    progress: bool = False,
) -> Plan:
    """Plan a run: compile its circuits, predict its values and forecast its cost.

    >>> import enclone
    >>> config = {"experiment": {"kind": "entanglement", "n": 2}, "backend": {"device": "ideal"}}
    >>> planned = enclone.plan(config, overrides=["shots=50"])
    >>> planned.rows[0].predicted, planned.forecast.circuits
    (1.0, 3)

    Args:
        config: a mapping, YAML text, or the path of a YAML file.
        out: the folder of runs; by default ``ENCLONE_RUNS``, or ``runs``.
        overrides: ``key.path=value`` each.
        progress: whether progress is shown on stderr.

    Raises:
        ConfigError: if the configuration cannot be run.
        BackendError: if the device cannot be opened, or a point does not fit on it.
    """
    runs = _folder(out)
    shown = compiling if progress else silent
    return Plan(make_plan(config, overrides, runs=runs, progress=shown), runs)


def run(
    config: Given,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    progress: bool = False,
) -> Run:
    """Plan, compile, run and analyse; a run that is interrupted is gone on with by ``resume``.

    >>> import enclone, tempfile
    >>> config = {"experiment": {"kind": "entanglement", "n": 2}, "backend": {"device": "ideal"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     enclone.run(config, out=folder, overrides=["shots=50"]).rows[0].value
    1.0

    Args:
        config: a mapping, YAML text, or the path of a YAML file.
        out: the folder of runs; by default ``ENCLONE_RUNS``, or ``runs``.
        overrides: ``key.path=value`` each.
        progress: whether progress is shown on stderr.

    Raises:
        UserError: if the configuration, the budget, the folder of runs or the store is at fault.
        BackendError: if the device cannot be opened, or the provider refuses the run.
    """
    return _begun(config, out, overrides, wait=True, progress=progress)


def submit(
    config: Given,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    progress: bool = False,
) -> Run:
    """The same without waiting for results: ``enclone collect`` and ``resume`` fetch them.

    >>> import enclone, tempfile
    >>> config = {"experiment": {"kind": "entanglement", "n": 2}, "shots": 50}
    >>> cloud = {"backend": {"provider": "rehearsal", "device": "ideal"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     enclone.submit(config | cloud, out=folder).rows[0].predicted
    1.0
    """
    return _begun(config, out, overrides, wait=False, progress=progress)


def read_run(run: str | Path = "latest", *, out: str | Path | None = None) -> Run:
    """Read a run that was made before; nothing is written and no provider is asked.

    >>> import enclone, tempfile
    >>> config = {"experiment": {"kind": "entanglement", "n": 2}, "backend": {"device": "ideal"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = enclone.run(config, out=folder, overrides=["shots=50", "name=bell"])
    ...     enclone.read_run("bell", out=folder).rows == made.rows
    True

    Args:
        run: its folder, id, start of the id, name, or ``latest``.
        out: the folder of runs; by default ``ENCLONE_RUNS``, or ``runs``.

    Raises:
        RunFolderError: if there is no such run, or it has no results.
    """
    found = Run(find(_folder(out), str(run)))
    _ = found.rows
    return found


def _folder(out: str | Path | None) -> Path:
    return runs_folder(None if out is None else str(out))


def _begun(
    config: Given,
    out: str | Path | None,
    overrides: Sequence[str],
    *,
    wait: bool,
    progress: bool,
) -> Run:
    session = Session(_folder(out))
    plan = session.plan(config, overrides, compiling if progress else silent)
    return _sent(session, plan, wait=wait, progress=progress)


def _sent(session: Session, plan: RunPlan, *, wait: bool, progress: bool) -> Run:
    session.require_sendable(plan)
    with interrupts_kept():
        run_id, adapter = session.begin(plan)
        try:
            if progress:
                with following() as (notify, on_tally):
                    session.work(run_id, adapter, wait=wait, notify=notify, on_tally=on_tally)
            else:
                session.work(run_id, adapter, wait=wait)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"run {run_id} is kept: 'enclone resume {run_id}' goes on with it")
            raise
        session.write(run_id)
    return Run(session.runs / run_id)


def _table(rows: Sequence[dict[str, Any]]) -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra(
            "a table of pandas needs pandas, which is not installed: "
            "pip install 'enclone[pandas]', or pip install pandas"
        ) from None
    return pd.DataFrame(rows)
