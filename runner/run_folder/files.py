"""The run folder: everything about a run, on any machine, without the program.

``config.yaml`` as given, ``resolved.json`` with every default, ``provenance.json``,
``device.json`` (the calibration) and ``calibrations/`` (past ones, if any), ``circuits/`` logical
and compiled, ``counts/``, ``SHA256SUMS`` of all these, ``results.json`` and ``results.csv``,
``figures/`` and ``report.html``.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import qasm3
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.circuit_digest import circuit_digest
from backends.devices.snapshot import DeviceSnapshot
from backends.providers import registry as providers
from backends.qpy_bytes import from_qpy, to_qpy
from runner import __version__
from runner.config.run_config import RunConfig
from runner.config.source import Source
from runner.errors import DamagedFile, RunFolderError, printable
from runner.jobs.collected import CollectedCircuit, CollectedPoint
from runner.kinds import registry as kinds
from runner.planning.calibration import CalibrationCircuit
from runner.planning.decoding import decoding_document
from runner.planning.past import calibration_date
from runner.results.formats import FIRST_FORMAT, FORMAT
from runner.results.rows import ResultRow
from runner.results.tables import to_csv
from runner.run_folder.checksums import write_checksums

RESULTS = "results.json"
RESULTS_CSV = "results.csv"
INDEX = "circuits/index.json"
PLANNED = "circuits/planned.json"
_OF_A_PLAN = frozenset(("name", "circuit", "circuit_sha256", "identity", "shots", "seed"))
PAST = "calibrations"
INPUTS = ("config.yaml", "resolved.json", "device.json")
_PACKAGES = (
    *("qiskit", "qiskit-ibm-runtime", "mthree", "stim", "numpy", "scipy"),
    "matplotlib",
)
"""What every run may stand on; its provider and its kind of experiment add their own."""


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


def describe(
    config: RunConfig,
    source: Source,
    snapshot: DeviceSnapshot | None,
    overrides: Sequence[str],
    now: datetime,
    past: Sequence[DeviceSnapshot] = (),
    left_out: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """All that is known before anything runs; it is kept in the store and in the run folder.

    Args:
        config: the run.
        source: its configuration as given.
        snapshot: the calibration that circuits were compiled for; None for a perfect device.
        overrides: given with the configuration.
        now: when the run begins.
        past: past calibrations that intervals of predictions span.
        left_out: point → number of those that its interval does not span.
    """
    document: dict[str, Any] = {
        "config": source.text,
        "resolved": config.model_dump(mode="json"),
        "device": None if snapshot is None else snapshot.to_json(),
        "provenance": {
            "format": FORMAT,
            "started_at": now.isoformat(timespec="seconds"),
            **maker(_packages_of(config)),
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
    }
    if past:
        document["past"] = past_files(past)
        document["provenance"]["past_calibrations"] = {
            "calibrations": [
                {"date": calibration_date(one), "sha256": one.fingerprint} for one in past
            ],
            "left_out": dict(left_out or {}),
        }
    return document


def past_files(past: Sequence[DeviceSnapshot]) -> dict[str, str]:
    """Path within a run folder → content of the past calibrations of a run."""
    return {past_path(str(calibration_date(one))): one.to_json() for one in past}


def past_path(date: str) -> str:
    """Path of the calibration of a day within a run folder."""
    return f"{PAST}/{date}.json"


def _packages_of(config: RunConfig) -> tuple[str, ...]:
    """Distributions that the provider of a run needs, and those that brought it or the kind."""
    provider, kind = config.backend.record, config.experiment.kind
    return (
        *provider.packages,
        *providers.plugins().packages_of(provider.name),
        *kinds.plugins().packages_of(kind),
    )


def maker(packages: Sequence[str] = ()) -> dict[str, Any]:
    """What the files of a run are made with: versions of this program and of what it stands on.

    Args:
        packages: distributions that only this run needs.
    """
    return {
        "enclone": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "machine": _machine(),
        "packages": {name: _version(name) for name in (*_PACKAGES, *packages)},
    }


def named(document: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """The document of :func:`describe` of the run of that id, whatever its folder is called."""
    return {**document, "provenance": {**document["provenance"], "run": run_id}}


def write_inputs(folder: Path, document: Mapping[str, Any]) -> None:
    """Write what is known before anything runs: the document of :func:`describe`.

    Raises:
        RunFolderError: if the folder cannot be written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "config.yaml", document["config"])
        _write_json(folder / "provenance.json", document["provenance"])
        if document["device"] is not None:
            _write(folder / "device.json", document["device"])
        for name, content in document.get("past", {}).items():
            (folder / name).parent.mkdir(exist_ok=True)
            _write(folder / name, content)
        if "planned" in document:
            (folder / PLANNED).parent.mkdir(exist_ok=True)
            _write_json(folder / PLANNED, document["planned"])
        # Last: it is what makes the folder that of a run.
        _write_json(folder / "resolved.json", document["resolved"])


def write_results(
    folder: Path,
    collected: Iterable[CollectedPoint],
    outcome: Mapping[str, Any],
    calibration: Iterable[CalibrationCircuit] = (),
) -> None:
    """Write circuits, counts and results; ``results.json`` comes last.

    Args:
        folder: the run folder, with its inputs.
        collected: the points, which may be read one by one.
        outcome: how far the run is and what it cost, for ``provenance.json``.
        calibration: circuits that calibrate the readout.

    Raises:
        RunFolderError: if the folder cannot be written.
    """
    index: list[dict[str, Any]] = []
    rows: list[ResultRow] = []
    written: dict[str, str] = {}
    with _writing(folder):
        for point in collected:
            rows.append(point.row)
            for circuit in point.circuits:
                if circuit.stem not in written:
                    written[circuit.stem] = circuit_digest(circuit.compiled.circuit)
                    logical, compiled = circuit.compiled.setting.circuit, circuit.compiled.circuit
                    _write_circuit(folder / "circuits" / "logical", circuit.stem, logical)
                    _write_circuit(folder / "circuits" / "compiled", circuit.stem, compiled)
                    if document := decoding_document(circuit.compiled):
                        decoder = folder / decoder_path(circuit.stem)
                        decoder.parent.mkdir(exist_ok=True)
                        _write_json(decoder, document)
                if not isinstance(circuit.shots, CircuitFailure):
                    _write_counts(folder, circuit.name, circuit.shots, written[circuit.stem])
                index.append(index_entry(point, circuit))
        for one in calibration:
            _write_circuit(folder / "circuits" / "compiled", one.stem, one.circuit)
            if one.shots is not None:
                _write_counts(folder, one.name, one.shots, circuit_digest(one.circuit))
        _write_json(folder / INDEX, index)
        stored = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        provenance = {**stored, **outcome}
        if lists_provenance(provenance):
            _write_json(folder / "provenance.json", provenance)
            write_checksums(folder, with_provenance=True)
        else:
            sums = {"checksums_sha256": write_checksums(folder, with_provenance=False)}
            _write_json(folder / "provenance.json", {**provenance, **sums})
        _write(folder / RESULTS_CSV, to_csv(rows))
        _write_json(folder / RESULTS, [row.as_dict() for row in rows])


def index_entry(point: CollectedPoint, circuit: CollectedCircuit) -> dict[str, Any]:
    """What ``circuits/index.json`` says of a circuit."""
    compiled = circuit.compiled
    certificate = compiled.certificate
    entry: dict[str, Any] = {
        "name": circuit.name,
        "circuit": circuit.stem,
        "identity": circuit.identity,
        "job": circuit.job,
        "checks": [{"bits": list(c.bits), "parity": c.parity} for c in compiled.setting.checks],
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
        entry["shots"] = circuit.shots.num_shots
    return entry


def lists_provenance(provenance: Mapping[str, Any]) -> bool:
    """Whether ``SHA256SUMS`` has the hash of ``provenance.json``, and not the other way around."""
    return bool(provenance.get("format", FIRST_FORMAT) > FIRST_FORMAT)


def decoder_path(stem: str) -> str:
    """Path of detectors and error model of a circuit, within the run folder."""
    return f"circuits/decoders/{stem}.json"


def _write_counts(folder: Path, name: str, shots: BitArray, circuit_sha256: str) -> None:
    """The shots, with the circuit that they are of."""
    path = folder / "counts" / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        shots=shots.array,
        num_bits=np.array(shots.num_bits),
        circuit=np.array(name),
        circuit_sha256=np.array(circuit_sha256),
    )
    path.write_bytes(buffer.getvalue())


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"the run folder '{folder}' cannot be written: {error.strerror}; make room, or choose "
            f"another place with --out. Nothing that was paid for is lost: it is in the store, and "
            f"'enclone collect {folder.name}' writes the folder again"
        ) from error


def read_rows(folder: Path) -> list[ResultRow]:
    """The results of a run.

    Raises:
        RunFolderError: if the run has no results or they cannot be read.
    """
    try:
        document = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        rows = [kinds.row_from_dict(row) for row in document]
    except FileNotFoundError:
        raise RunFolderError(
            f"run '{folder.name}' has no results: it was cut short; go on with "
            f"'enclone resume {folder.name}'"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunFolderError(
            f"the results of run '{folder.name}' cannot be read: {printable(str(error))}"
        ) from None
    if not rows:
        raise RunFolderError(f"the results of run '{folder.name}' are damaged: there is no row")
    return rows


def read_planned(folder: Path) -> list[dict[str, Any]] | None:
    """What was planned before anything was sent; None in a folder that does not tell.

    Raises:
        DamagedFile: if it cannot be read.
    """
    if not (folder / PLANNED).exists():
        return None
    try:
        document = json.loads((folder / PLANNED).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(folder.name, PLANNED, f"cannot be read: {error}") from None
    if not isinstance(document, list) or not all(
        isinstance(one, dict) and one.keys() >= _OF_A_PLAN for one in document
    ):
        raise DamagedFile(folder.name, PLANNED, "is damaged: it lists no circuits")
    return document


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the JSON files of a run folder.

    Raises:
        DamagedFile: if it cannot be read.
    """
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(folder.name, name, f"cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise DamagedFile(folder.name, name, "is damaged: it holds no object")
    return document


def utc_now() -> datetime:
    """The time that names a run."""
    return datetime.now(UTC)


def _write_circuit(folder: Path, name: str, circuit: QuantumCircuit) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{name}.qasm", qasm3.dumps(circuit))
    file = folder / f"{name}.qpy"
    # Qiskit orders registers and definitions by hashes that differ in each process: a file that
    # holds the circuit already stays as it is.
    if not _holds(file, circuit):
        file.write_bytes(to_qpy(circuit))


def _holds(file: Path, circuit: QuantumCircuit) -> bool:
    """Whether a QPY file can be read and holds this circuit."""
    try:
        stored = from_qpy(file.read_bytes())
    except Exception:
        # Missing, or damaged in any way that makes the reader stumble: it is written anew.
        return False
    return bool(stored == from_qpy(to_qpy(circuit)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_json(path: Path, document: Any) -> None:
    _write(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


@cache
def _machine() -> str:
    """The kind of processor: samplers draw other shots from a seed where its words are wider."""
    try:
        from stim._detect_machine_architecture import _UNSTABLE_detect_march as words_of
    except ImportError:
        return platform.machine()
    return f"{platform.machine()} {words_of()}"


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
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
