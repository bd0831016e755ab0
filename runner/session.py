"""Runs in a folder: planned ones are begun, begun ones are worked on, and all are written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from runner.errors import DamagedFile, OverBudget, RunFolderError, printable
from runner.run_folder.locations import choose, is_run, require_writable
from runner.store.database import StoreError, store_url
from runner.store.records import Tally
from runner.store.run_tables import RunExists
from runner.store.schema import OPEN
from runner.store.store import Store

if TYPE_CHECKING:
    # Commands that only look at the store must not wait for Qiskit to be imported.
    from backends.adapter import Adapter
    from runner.config.source import Given
    from runner.jobs.manager import JobManager
    from runner.planning.plan import Plan, Progress
    from runner.results.rows import ResultRow


@contextmanager
def _reading(folder: Path, file: str) -> Iterator[None]:
    """Raise :class:`DamagedFile` where a file of a run folder cannot be read."""
    try:
        yield
    except (KeyError, OSError, OverflowError, TypeError, ValueError) as error:
        name = folder.resolve().name
        raise DamagedFile(name, file, f"cannot be read: {printable(str(error), 80)}") from error


class Session:
    """One command's view of the runs.

    Args:
        runs: the folder of runs.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.url = store_url(runs)

    @cached_property
    def store(self) -> Store:
        """The store, made if there is none.

        Raises:
            StoreError: if it cannot be used.
        """
        return Store(self.url)

    @property
    def has_store(self) -> bool:
        """Whether there is a store; a database on a server is taken to be there."""
        return not self.store_is_a_file or Path(make_url(self.url).database or "").is_file()

    @property
    def store_is_a_file(self) -> bool:
        """Whether the store is a file on this machine, and no database on a server."""
        return make_url(self.url).get_backend_name() == "sqlite"

    @property
    def shown_url(self) -> str:
        """Where the store is, without a password."""
        return make_url(self.url).render_as_string(hide_password=True)

    def require_store(self) -> None:
        """Open a store that is there, to find out before any work is done whether it is sound."""
        if self.has_store:
            _ = self.store

    def find(self, wanted: str) -> str:
        """The id of a run by id, unambiguous name or start of the id, ``latest``, or its folder.

        Raises:
            RunFolderError: if there is no such run, or several.
        """
        known = self.store.run_ids() if self.has_store else []
        folder = next((p for p in (Path(wanted), self.runs / wanted) if is_run(p)), None)
        if folder is not None:
            wanted = folder.resolve().name
            if wanted not in known:
                raise RunFolderError(
                    f"run '{printable(wanted)}' has a folder, but the store does not know it, as "
                    "after a crash between the two or on another machine; "
                    f"'enclone adopt {printable(str(folder))}' stores it anew, and finds its jobs"
                )
        return choose(known, wanted, f"the store of '{self.runs}'")

    # Beginning a run

    def plan(
        self, config: Given, overrides: Sequence[str] = (), progress: Progress | None = None
    ) -> Plan:
        """A plan that is about to be sent: what would keep it from running is found first.

        Args:
            config: its configuration.
            overrides: ``key.path=value`` each.
            progress: shows how far compiling is.

        Raises:
            UserError: if the configuration, the folder of runs or the store cannot be used.
            BackendError: if the device cannot be opened, or takes no jobs now.
        """
        from runner.config.loading import load_config
        from runner.planning.plan import make_plan, silent

        loaded = load_config(config, overrides)
        self.require_usable()
        return make_plan(
            loaded, overrides, runs=self.runs, progress=progress or silent, to_send=True
        )

    def require_usable(self) -> None:
        """Find out before any work is done whether runs and the store can be written.

        Raises:
            RunFolderError: if no run could be written.
            StoreError: if the store cannot be used.
        """
        require_writable(self.runs)
        self.require_store()

    def require_sendable(self, plan: Plan) -> str:
        """Check the budget, and whether the provider would run so much now.

        Returns:
            What is left at the provider, as one line; empty if it does not tell.

        Raises:
            OverBudget: if the plan costs more than its budget allows.
            Refused: if the provider would not run it now.
        """
        from backends.adapter import Checks

        plan.require_budget()
        if not isinstance(plan.adapter, Checks):
            return ""
        plan.adapter.require_ready(plan.forecast.qpu_seconds)
        return plan.adapter.allowance()

    def begin(self, plan: Plan) -> tuple[str, Adapter]:
        """Write a run into its folder and into the store; from here on it can be resumed.

        Returns:
            Its id, and its opened device.

        Raises:
            RunFolderError: if its folder cannot be made.
            StoreError: if the store cannot be used.
        """
        from backends.adapter import PerRun
        from runner.jobs.storing import store_run
        from runner.planning.circuits import planned_circuits
        from runner.planning.past import left_out_of
        from runner.planning.points import stored_options
        from runner.run_folder import files as folders
        from runner.store.records import RunRecord

        now = folders.utc_now()
        config = plan.config
        document = {
            **folders.describe(
                config,
                plan.source,
                plan.snapshot,
                plan.overrides,
                now,
                plan.past.snapshots,
                left_out_of(plan.points),
            ),
            "planned": planned_circuits(config, plan.snapshot, plan.points),
        }
        while True:
            folder = folders.create(self.runs, config, now)
            document = folders.named(document, folder.name)
            options = stored_options(config, folder.name, self.runs)
            folders.write_inputs(folder, document)
            run = RunRecord(
                folder.name,
                now.timestamp(),
                config.backend.provider,
                cancelled=False,
                document={**document, "options": options},
                device=Path(config.backend.device).name,
            )
            try:
                store_run(self.store, run, config, plan.snapshot, plan.points)
            except RunExists:
                # Another machine with the same store took the name in the same second.
                continue
            except BaseException:
                self._forget_unless_stored(folder)
                raise
            adapter = plan.adapter
            return folder.name, adapter.for_run(options) if isinstance(adapter, PerRun) else adapter

    def _forget_unless_stored(self, folder: Path) -> None:
        """Remove the folder of a run that did not begin: it could not be resumed."""
        with suppress(StoreError):
            if folder.name not in self.store.run_ids():
                shutil.rmtree(folder)

    def restore(self, folder: Path) -> str:
        """Write a run anew into a store that has lost it, from its folder.

        Compiling is deterministic and tags are counted up, so its jobs can be found again.

        Raises:
            RunFolderError: if the folder is damaged.
        """
        from backends.devices.snapshot import DeviceSnapshot
        from runner.config.run_config import run_config
        from runner.jobs.storing import store_run
        from runner.planning.compilation import compile_sweep
        from runner.planning.past import spanning
        from runner.planning.points import stored_options
        from runner.run_folder.archive import read_past
        from runner.run_folder.files import past_files, read_json, read_planned
        from runner.store.records import RunRecord

        run_id = folder.resolve().name
        resolved, provenance = (
            read_json(folder, "resolved.json"),
            read_json(folder, "provenance.json"),
        )
        config = run_config(resolved)
        with _reading(folder, "provenance.json"):
            has_device = bool(provenance["device"])
            started_at = datetime.fromisoformat(provenance["started_at"]).timestamp()
        with _reading(folder, "device.json"):
            device = (folder / "device.json").read_text(encoding="utf-8") if has_device else None
            snapshot = DeviceSnapshot.from_json(json.loads(device)) if device else None
        with _reading(folder, "config.yaml"):
            given = (folder / "config.yaml").read_text(encoding="utf-8")
        document = {
            "config": given,
            "resolved": resolved,
            "device": device,
            "provenance": provenance,
            "options": stored_options(config, run_id, self.runs),
            **({} if (planned := read_planned(folder)) is None else {"planned": planned}),
        }
        past = read_past(folder, provenance)
        if past:
            document["past"] = past_files(past)
        run = RunRecord(
            run_id,
            started_at,
            config.backend.provider,
            cancelled=False,
            document=document,
            device=Path(config.backend.device).name,
        )
        planned_points = spanning(compile_sweep(config, snapshot), snapshot, past)
        store_run(self.store, run, config, snapshot, planned_points)
        return run_id

    # Working on a run

    def adapter(self, run_id: str) -> Adapter:
        """The provider of a run, as the run was planned with it.

        Raises:
            BackendError: if the provider or its device cannot be opened.
        """
        from backends.devices.snapshot import DeviceSnapshot
        from backends.providers.registry import open_adapter
        from runner.config.run_config import run_config

        run = self.store.run(run_id)
        backend = run_config(run.document["resolved"]).backend
        archived = run.document["device"]
        # The calibration that the run was planned with, whatever the name means by now.
        device = DeviceSnapshot.from_json(json.loads(archived)) if archived else backend.device
        stored = run.document["options"]
        options = backend.record.resume_options(stored, self.store.account(run_id).jobs > 0)
        return open_adapter(backend.provider, device, options)

    def is_over(self, run_id: str) -> bool:
        """Whether nothing is left to send or to fetch."""
        return not self.store.tally(run_id).open and not self.store.submissions(run_id, OPEN)

    def has_lost(self, run_id: str) -> bool:
        """Whether a job was given up that may be there after all."""
        return bool(self.store.submissions(run_id, ("lost",)))

    def manager(
        self,
        run_id: str,
        notify: Callable[[str], object],
        on_tally: Callable[[Tally], object],
        adapter: Adapter | None = None,
    ) -> JobManager:
        """A job manager for a run."""
        from runner.jobs.manager import JobManager

        return JobManager(
            self.store,
            adapter or self.adapter(run_id),
            notify=notify,
            on_tally=on_tally,
            answers=self.runs / ".unread" / run_id,
        )

    def work(
        self,
        run_id: str,
        adapter: Adapter,
        *,
        wait: bool = True,
        send: bool = True,
        until: float | None = None,
        notify: Callable[[str], object] = lambda _: None,
        on_tally: Callable[[Tally], object] = lambda _: None,
    ) -> None:
        """Work on a run; if it must not go on, what is there is written into its folder.

        Args:
            run_id: the run.
            adapter: its opened device, which is closed at the end.
            wait: go on until every job has ended.
            send: also send what was not sent yet.
            until: stop waiting at this time, seconds since 1970.
            notify: receives one line of text for each event.
            on_tally: receives the tally of circuits after every round.

        Raises:
            RunIsBusy: if another process works on the run.
            OverBudget: if the next job would exceed the budget.
            ProviderRefused: if the provider refuses to take jobs.
            Unusable: if the account must be mended before the provider says anything.
        """
        from backends.adapter import Unusable
        from runner.jobs.sender import ProviderRefused

        manager = self.manager(run_id, notify, on_tally, adapter)
        with _closing(adapter, notify):
            try:
                manager.work(run_id, wait=wait, send=send, until=until)
            except (OverBudget, ProviderRefused, Unusable):
                self.write(run_id)
                raise

    def write(self, run_id: str) -> list[ResultRow]:
        """Write the run folder from the store, on any machine, however far the run is.

        Raises:
            RunFolderError: if it cannot be written.
        """
        from runner.jobs.collected import collected_points
        from runner.planning.calibration import collected_calibration
        from runner.report.report import draw_and_report
        from runner.run_folder import files as folders

        folder = self.runs / run_id
        folders.write_inputs(folder, self.store.run(run_id).document)
        folders.write_results(
            folder,
            collected_points(self.store, run_id),
            self.outcome(run_id),
            collected_calibration(self.store, run_id),
        )
        return draw_and_report(folder)

    def outcome(self, run_id: str) -> dict[str, Any]:
        """How far a run is, and its forecast beside its bill."""
        account = self.store.account(run_id)
        return {
            "circuits": dict(sorted(self.store.tally(run_id).by_state.items())),
            "cost": {
                "jobs": account.jobs,
                "forecast": asdict(account.forecast),
                "billed": asdict(account.billed),
                "jobs_not_billed_yet": account.unbilled,
            },
        }


@contextmanager
def _closing(adapter: Adapter, notify: Callable[[str], object]) -> Iterator[None]:
    from backends.adapter import Closes, ProviderError

    try:
        yield
    finally:
        if isinstance(adapter, Closes):
            try:
                adapter.close()
            except ProviderError as error:
                notify(f"{error}; the provider closes it by itself in time")
