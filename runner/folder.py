"""The run folder: everything about a run, on any machine, without the program.

``config.yaml`` as given, ``resolved.json`` with every default, ``provenance.json`` and
``device.json`` (the calibration), ``circuits/`` logical and compiled, ``counts/``,
``results.json`` and ``results.csv``, ``figures/`` and ``report.html``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import qasm3, qpy
from qiskit.circuit import QuantumCircuit

from backends.adapter import CircuitFailure
from backends.snapshot import DeviceSnapshot
from runner import __version__
from runner.config import RunConfig
from runner.errors import RunFolderError, printable
from runner.rows import ResultRow, to_csv
from runner.running import CollectedPoint, RunTimes
from runner.source import Source

RESULTS = "results.json"
_PACKAGES = ("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "stim", "numpy", "scipy")
_FORMAT = 1


def runs_folder(out: str | None) -> Path:
    """Where runs are kept: ``--out``, else ``ENCLONE_RUNS``, else ``./runs``."""
    return Path(out or os.environ.get("ENCLONE_RUNS") or "runs")


def create(runs: Path, config: RunConfig, now: datetime) -> Path:
    """Make the folder of a new run; its name sorts by time.

    Raises:
        RunFolderError: if it cannot be made.
    """
    stem = f"{now:%Y%m%dT%H%M%SZ}-{config.name}"
    for suffix in ("", *(f"-{k:03}" for k in range(2, 1000))):
        folder = runs / (stem + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunFolderError(
                f"the run folder '{folder}' cannot be made: {error.strerror}; choose another "
                "place with --out or ENCLONE_RUNS"
            ) from None
        return folder
    raise RunFolderError(f"there are too many runs named '{stem}' in '{runs}'")


def write_inputs(
    folder: Path,
    config: RunConfig,
    source: Source,
    snapshot: DeviceSnapshot | None,
    overrides: Sequence[str],
    now: datetime,
) -> None:
    """Write what is known before anything runs."""
    _write(folder / "config.yaml", source.text)
    _write_json(folder / "resolved.json", config.model_dump(mode="json"))
    _write_json(
        folder / "provenance.json",
        {
            "format": _FORMAT,
            "started_at": now.isoformat(timespec="seconds"),
            "enclone": __version__,
            "git_commit": _git_commit(),
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in _PACKAGES},
            "config_sha256": hashlib.sha256(source.text.encode()).hexdigest(),
            "overrides": list(overrides),
            "device": None
            if snapshot is None
            else {
                "name": snapshot.name,
                "calibrated_at": snapshot.calibrated_at,
                "sha256": snapshot.fingerprint,
            },
        },
    )
    if snapshot is not None:
        _write(folder / "device.json", snapshot.to_json())


def write_results(folder: Path, collected: Sequence[CollectedPoint], times: RunTimes) -> None:
    """Write circuits, counts and results; ``results.json`` comes last and marks a whole run."""
    index = []
    written: set[str] = set()
    for point in collected:
        for circuit in point.circuits:
            compiled = circuit.compiled
            stem = circuit.name.rsplit("-r", 1)[0]
            if stem not in written:
                written.add(stem)
                _write_circuit(folder / "circuits" / "logical", stem, compiled.setting.circuit)
                _write_circuit(folder / "circuits" / "compiled", stem, compiled.circuit)
            certificate = compiled.certificate
            entry: dict[str, Any] = {
                "name": circuit.name,
                "circuit": stem,
                "identity": circuit.identity,
                "job": circuit.job,
                "checks": [
                    {"bits": list(c.bits), "parity": c.parity} for c in compiled.setting.checks
                ],
                "predicted_success": compiled.predicted_success,
                "transpiler_seed": point.planned.compiled.transpiler_seed,
                "certificate": {
                    "status": certificate.status,
                    "two_qubit_gates": certificate.two_qubit_gates,
                    "two_qubit_layers": certificate.two_qubit_layers,
                    "ran_two_qubit_gates": certificate.ran_two_qubit_gates,
                    "ran_two_qubit_layers": certificate.ran_two_qubit_layers,
                    "checks": dict(certificate.checks),
                    "remark": certificate.remark,
                },
            }
            if isinstance(circuit.shots, CircuitFailure):
                entry["failure"] = {"message": circuit.shots.message, "code": circuit.shots.code}
            else:
                path = folder / "counts" / f"{circuit.name}.npz"
                path.parent.mkdir(exist_ok=True)
                buffer = io.BytesIO()
                np.savez_compressed(
                    buffer,
                    shots=circuit.shots.array,
                    num_bits=np.array(circuit.shots.num_bits),
                )
                path.write_bytes(buffer.getvalue())
                entry["shots"] = circuit.shots.num_shots
            index.append(entry)
    _write_json(folder / "circuits" / "index.json", index)
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    provenance["simulation_seconds"] = round(times.simulation_seconds, 3)
    _write_json(folder / "provenance.json", provenance)
    rows = [point.row for point in collected]
    _write(folder / "results.csv", to_csv(rows))
    _write_json(folder / RESULTS, [row.as_dict() for row in rows])


def read_rows(folder: Path) -> list[ResultRow]:
    """The results of a run.

    Raises:
        RunFolderError: if the run has no results or they cannot be read.
    """
    try:
        document = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        rows = [ResultRow.from_dict(row) for row in document]
    except FileNotFoundError:
        raise RunFolderError(
            f"run '{folder.name}' has no results: it was cut short; run its config.yaml again"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunFolderError(
            f"the results of run '{folder.name}' cannot be read: {printable(str(error))}"
        ) from None
    if not rows:
        raise RunFolderError(f"the results of run '{folder.name}' are damaged: there is no row")
    return rows


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the JSON files of a run folder.

    Raises:
        RunFolderError: if it cannot be read.
    """
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"'{name}' of run '{folder.name}' cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise RunFolderError(f"'{name}' of run '{folder.name}' is damaged: it holds no object")
    return document


def find(runs: Path, wanted: str) -> Path:
    """A run folder by path, id, unambiguous prefix, or ``latest``.

    Raises:
        RunFolderError: if there is no such run, or several.
    """
    if _is_run(Path(wanted)):
        return Path(wanted)
    known = sorted(p.name for p in (runs.iterdir() if runs.is_dir() else ()) if _is_run(p))
    if not known:
        raise RunFolderError(
            f"there is no run in '{runs}'; start one with 'enclone run CONFIG', or name another "
            "place with --out or ENCLONE_RUNS"
        )
    if wanted == "latest":
        return runs / known[-1]
    matching = [name for name in known if name.startswith(wanted)]
    if wanted in matching:
        matching = [wanted]
    if len(matching) == 1:
        return runs / matching[0]
    if not matching:
        raise RunFolderError(
            f"no run in '{runs}' starts with '{wanted}'; the latest is '{known[-1]}'"
        )
    raise RunFolderError(
        f"'{wanted}' could be any of {len(matching)} runs, from '{matching[0]}' to "
        f"'{matching[-1]}'; give more of the name"
    )


def require_place(runs: Path) -> None:
    """Raise :class:`RunFolderError` where no run could be written, before any work is done."""
    place = runs.absolute()
    nearest = next(p for p in (place, *place.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise RunFolderError(
            f"the run folder '{runs}/' cannot be made: '{nearest.name}' is no folder that may be "
            "written to; choose another place with --out or ENCLONE_RUNS"
        )


def _is_run(place: Path) -> bool:
    try:
        return (place / "resolved.json").is_file()
    except OSError:
        return False  # such a name cannot exist


def utc_now() -> datetime:
    """The time that names a run."""
    return datetime.now(UTC)


def _write_circuit(folder: Path, name: str, circuit: QuantumCircuit) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{name}.qasm", qasm3.dumps(circuit))
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    (folder / f"{name}.qpy").write_bytes(buffer.getvalue())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_json(path: Path, document: Any) -> None:
    _write(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the source tree this package runs from, if it is one."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    commit = done.stdout.strip()
    return commit if re.fullmatch(r"[0-9a-f]{40,64}", commit) else None
