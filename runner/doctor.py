"""``enclone doctor``: what is set up, what is missing, and what mends it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.providers.record import Finding
from runner.errors import RunFolderError
from runner.run_folder.locations import require_writable
from runner.store.database import StoreError

if TYPE_CHECKING:
    from backends.plugins import Plugins

_NEEDED = {
    "qiskit": "compiles circuits",
    "stim": "simulates them",
    "qiskit-ibm-runtime": "packaged calibration snapshots",
    "matplotlib": "figures",
    "mthree": "readout mitigation",
}
"""What every run may need; providers name the packages of their own."""


def examine(runs: Path) -> list[Finding]:
    """Look at everything that a run needs; asks a cloud only where there is an account for it."""
    local = [_python(), *_packages(), _snapshots(), _simulation(), _runs(runs), _store(runs)]
    return [*local, *_plugins(), *_providers()]


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        "Python", good, platform.python_version(), "" if good else "install Python 3.11 or newer"
    )


def _packages() -> Iterator[Finding]:
    from backends.providers.registry import providers

    uses = {name: [use] for name, use in _NEEDED.items()}
    for record in providers().values():
        for name in record.packages:
            uses.setdefault(name, []).append(f"provider {record.name}")
    for name, found in uses.items():
        use = ", ".join(found)
        try:
            yield Finding(name, True, f"{version(name)} ({use})")
        except PackageNotFoundError:
            yield Finding(name, False, f"not installed ({use})", "make setup")


def _snapshots() -> Finding:
    from backends.devices.catalog import packaged_devices

    found = len(packaged_devices())
    return Finding(
        "calibration snapshots",
        found > 0,
        f"{found} packaged devices",
        "" if found else "make setup",
    )


def _simulation() -> Finding:
    """Clone one qubit and look at the result: the whole chain in a tenth of a second."""
    try:
        from backends.simulation.stim_sampler import sample
        from experiments.protocol import Cloning
        from experiments.readout import build_settings

        shots = 100
        good = all(
            s.successes(sample(s.circuit, None, shots, seed=1)) == shots
            for s in build_settings(Cloning(2), "parity")
        )
    except ImportError as error:
        return Finding("simulation", False, f"cannot start: {error}", "make setup")
    detail = "an ideal clone comes back with fidelity 1" if good else "an ideal clone is wrong"
    return Finding("simulation", good, detail, "" if good else "report this as a bug")


def _plugins() -> Iterator[Finding]:
    """What other packages bring, and what of it is broken."""
    from backends.providers.registry import plugins as provider_plugins
    from runner.kinds.registry import plugins as experiment_plugins

    brought: dict[str, Plugins[Any]] = {
        "provider": provider_plugins(),
        "experiment": experiment_plugins(),
    }
    for what, found in brought.items():
        for plugin in found.sound:
            detail = f"from {plugin.package} {plugin.version}"
            yield Finding(f"{what} {plugin.record.name}", True, detail)
        for broken in found.broken:
            yield Finding(
                f"{what} {broken.name}",
                False,
                f"skipped: '{broken.target}' of {broken.package}: {broken.problem}",
                f"mend or uninstall {broken.package.split()[0]}",
            )


def _providers() -> Iterator[Finding]:
    """What each provider finds of itself."""
    from backends.providers.registry import providers

    for record in providers().values():
        try:
            yield from record.diagnose()
        except Exception as error:
            # Other people's code may raise anything; the others are still asked.
            yield Finding(
                f"provider {record.name}",
                False,
                f"its diagnosis failed: {type(error).__name__}: {error}",
                "report this to those who make the provider",
            )


def _runs(runs: Path) -> Finding:
    try:
        require_writable(runs)
    except RunFolderError as error:
        return Finding("run folder", False, str(error), "--out or ENCLONE_RUNS")
    return Finding("run folder", True, f"{runs} (writable)")


def _store(runs: Path) -> Finding:
    from runner.session import Session

    try:
        session = Session(runs)
        place = session.shown_url
        if not session.has_store:
            return Finding("store", True, f"{place}: made with the first run")
        count = len(session.store.run_ids())
    except StoreError as error:
        detail, _, remedy = str(error).rpartition("; ")
        return Finding("store", False, detail, remedy)
    return Finding("store", True, f"{place}: {count} run{'' if count == 1 else 's'}")
