"""What the commands share: the folder of runs, the store, and a provider for a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from runner.run_folder.locations import choose, is_run
from runner.store.database import StoreError, store_url
from runner.store.records import Tally
from runner.store.run_tables import RunExists
from runner.store.store import Store

if TYPE_CHECKING:
    # Commands that only look at the store must not wait for Qiskit to be imported.
    from backends.adapter import Adapter
    from runner.config.run_config import RunConfig
    from runner.config.source import Source
    from runner.jobs.manager import JobManager
    from runner.planning.points import PlannedPoint
    from runner.results.rows import ResultRow


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
        url = make_url(self.url)
        return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()

    @property
    def shown_url(self) -> str:
        """Where the store is, without a password."""
        return make_url(self.url).render_as_string(hide_password=True)

    def require_store(self) -> None:
        """Open a store that is there, to find out before any work is done whether it is sound."""
        if self.has_store:
            _ = self.store

    def find(self, wanted: str) -> str:
        """The id of a run by id, unambiguous prefix, ``latest``, or the path of its folder.

        Raises:
            RunFolderError: if there is no such run, or several.
        """
        known = self.store.run_ids() if self.has_store else []
        if is_run(Path(wanted)):
            wanted = Path(wanted).resolve().name
        return choose(known, wanted, f"the store of '{self.runs}'")

    # Beginning a run

    def planning_adapter(self, config: RunConfig) -> Adapter:
        """The provider of a run that does not exist yet."""
        from backends.providers.registry import open_adapter

        backend = config.backend
        return open_adapter(backend.provider, backend.device, self._options(config, "plan"))

    def begin(
        self,
        config: RunConfig,
        source: Source,
        overrides: Sequence[str],
        adapter: Adapter,
        planned: Sequence[PlannedPoint],
    ) -> str:
        """Write a run into its folder and into the store; from here on it can be resumed.

        Returns:
            Its id.

        Raises:
            RunFolderError: if its folder cannot be made.
            StoreError: if the store cannot be used.
        """
        from runner.jobs.storing import store_run
        from runner.run_folder import files as folders
        from runner.store.records import RunRecord

        now = folders.utc_now()
        snapshot = adapter.snapshot()
        document = folders.describe(config, source, snapshot, overrides, now)
        backend = config.backend
        while True:
            place = folders.create(self.runs, config, now)
            document = folders.named(document, place.name)
            options = self._options(config, place.name)
            folders.write_inputs(place, document)
            run = RunRecord(
                place.name,
                now.timestamp(),
                backend.provider,
                cancelled=False,
                document={**document, "options": options},
                device=Path(backend.device).name,
            )
            try:
                store_run(self.store, run, config, snapshot, planned)
            except RunExists:
                # Another machine with the same store took the name in the same second.
                continue
            except BaseException:
                self._forget_unless_stored(place)
                raise
            return place.name

    def _forget_unless_stored(self, place: Path) -> None:
        """Remove the folder of a run that did not begin: nobody could go on with it."""
        with suppress(StoreError):
            if place.name not in self.store.run_ids():
                shutil.rmtree(place)

    def restore(self, place: Path) -> str:
        """Write a run anew into a store that has lost it, from its folder.

        Compiling is deterministic and tags are counted up, so its jobs can be found again.

        Raises:
            RunFolderError: if the folder is damaged.
        """
        from backends.devices.snapshot import DeviceSnapshot
        from runner.config.run_config import run_config
        from runner.jobs.storing import store_run
        from runner.planning.compilation import compile_sweep
        from runner.run_folder.files import read_json
        from runner.store.records import RunRecord

        run_id = place.resolve().name
        resolved, provenance = (
            read_json(place, "resolved.json"),
            read_json(place, "provenance.json"),
        )
        config = run_config(resolved)
        device = (
            (place / "device.json").read_text(encoding="utf-8") if provenance["device"] else None
        )
        snapshot = DeviceSnapshot.from_json(json.loads(device)) if device else None
        document = {
            "config": (place / "config.yaml").read_text(encoding="utf-8"),
            "resolved": resolved,
            "device": device,
            "provenance": provenance,
            "options": self._options(config, run_id),
        }
        run = RunRecord(
            run_id,
            datetime.fromisoformat(provenance["started_at"]).timestamp(),
            config.backend.provider,
            cancelled=False,
            document=document,
            device=Path(config.backend.device).name,
        )
        store_run(self.store, run, config, snapshot, compile_sweep(config, snapshot))
        return run_id

    def _options(self, config: RunConfig, run_id: str) -> dict[str, Any]:
        """Options with which the provider of a run is opened."""
        from runner.planning.points import stored_options

        return stored_options(config, run_id, self.runs)

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

    def manager(
        self,
        run_id: str,
        tell: Callable[[str], object],
        tallied: Callable[[Tally], object],
        adapter: Adapter | None = None,
    ) -> JobManager:
        """A job manager for a run."""
        from runner.jobs.manager import JobManager

        return JobManager(
            self.store, adapter or self.adapter(run_id), notify=tell, on_tally=tallied
        )

    def write(self, run_id: str) -> list[ResultRow]:
        """Write the run folder from the store, on any machine, however far the run is.

        Raises:
            RunFolderError: if it cannot be written.
        """
        from runner.jobs.collected import collected_points
        from runner.planning.calibration import collected_calibration
        from runner.report.report import draw_and_report
        from runner.run_folder import files as folders

        place = self.runs / run_id
        folders.write_inputs(place, self.store.run(run_id).document)
        folders.write_results(
            place,
            collected_points(self.store, run_id),
            self.outcome(run_id),
            collected_calibration(self.store, run_id),
        )
        return draw_and_report(place)

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
