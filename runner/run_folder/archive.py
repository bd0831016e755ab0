"""Reading a run folder, without store and provider, on any machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.devices.snapshot import DeviceSnapshot
from backends.qpy_bytes import from_qpy
from runner.config.run_config import RunConfig, run_config
from runner.errors import DamagedFile, RunFolderError, printable
from runner.results.formats import format_of
from runner.run_folder.files import INDEX, RESULTS, past_path, read_json

PROVENANCE = "provenance.json"
DEVICE = "device.json"
MISSING = "is missing"
_BITS_OF_A_BYTE = 8
_PROVENANCE: dict[str, tuple[type, ...]] = {
    **{"enclone": (str,), "packages": (dict,), "overrides": (list,)},
    "device": (dict, type(None)),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_REQUIRED = ("name", "circuit", "identity", "job")


@dataclass(frozen=True, eq=False)
class ArchivedRun:
    """The content of a run folder, except circuits and counts.

    Attributes:
        folder: path of the folder.
        config: the resolved configuration.
        provenance: content of ``provenance.json``.
        snapshot: calibration of the device; None for a perfect device.
        index: name of each circuit → its entry in ``circuits/index.json``.
        past: past calibrations that the intervals of predictions span, newest first.
    """

    folder: Path
    config: RunConfig
    provenance: Mapping[str, Any]
    snapshot: DeviceSnapshot | None
    index: Mapping[str, Mapping[str, Any]]
    past: tuple[DeviceSnapshot, ...] = ()

    @property
    def run_id(self) -> str:
        """The id of the run; the name of the folder if its provenance has no id."""
        return str(self.provenance.get("run") or self.folder.resolve().name)

    @property
    def format(self) -> int:
        """The format that the folder is written in."""
        return format_of(self.provenance)

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the snapshot that circuits were compiled for; None for a perfect device."""
        stated = (self.provenance.get("device") or {}).get("sha256")
        return stated or (self.snapshot.fingerprint if self.snapshot else None)


def read_archive(folder: Path) -> ArchivedRun:
    """Read a run folder.

    Raises:
        RunFolderError: if the run was cut short before it had any results, or is one of a version
            that this one does not understand.
        DamagedFile: if a file is missing or damaged without which nothing can be recomputed.
    """
    config = run_config(read_json(folder, "resolved.json"))
    if not (folder / RESULTS).exists() and not (folder / INDEX).exists():
        raise RunFolderError(
            f"run '{folder.name}' has no results: it was cut short; go on with "
            f"'enclone resume {folder.name}'"
        )
    provenance = read_json(folder, PROVENANCE)
    for key, kinds in _PROVENANCE.items():
        if key not in provenance or not isinstance(provenance[key], kinds):
            raise DamagedFile(folder.name, PROVENANCE, f"is damaged: it tells no '{key}'")
    has_device = provenance.get("device") is not None
    snapshot = _read_device(folder, DEVICE) if has_device else None
    # Without an index, the circuits can still be compiled again.
    index = read_index(folder) if (folder / INDEX).exists() else {}
    past = read_past(folder, provenance)
    return ArchivedRun(folder, config, provenance, snapshot, index, past)


def read_past(folder: Path, provenance: Mapping[str, Any]) -> tuple[DeviceSnapshot, ...]:
    """The past calibrations of a run, newest first.

    Raises:
        DamagedFile: if one of them, or what the provenance says of them, cannot be read.
    """
    return tuple(_read_device(folder, past_path(date)) for date in past_dates(folder, provenance))


def past_dates(folder: Path, provenance: Mapping[str, Any]) -> list[str]:
    """Days of the past calibrations of a run, newest first; empty if it has none.

    Raises:
        DamagedFile: if the provenance does not say it in the way that it is written.
    """
    stated = provenance.get("past_calibrations") or {"calibrations": [], "left_out": {}}
    try:
        dates = [str(one["date"]) for one in stated["calibrations"]]
        known = all(_DATE.fullmatch(date) for date in dates)
        sound = known and all(type(number) is int for number in stated["left_out"].values())
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise DamagedFile(folder.name, PROVENANCE, "is damaged: it tells no 'past_calibrations'")
    return dates


def read_circuit(folder: Path, stage: str, stem: str) -> QuantumCircuit:
    """A circuit of a run.

    Args:
        folder: the run folder.
        stage: ``logical`` or ``compiled``.
        stem: its name.

    Raises:
        DamagedFile: if it is missing or cannot be read.
    """
    path = circuit_path(stage, stem, "qpy")
    try:
        return from_qpy((folder / path).read_bytes())
    except FileNotFoundError:
        raise DamagedFile(folder.name, path, MISSING) from None
    except Exception as error:
        # A damaged file may raise any exception in the reader.
        raise _unreadable(folder, path, error) from error


def circuit_path(stage: str, stem: str, suffix: str) -> str:
    """Path of a circuit within a run folder."""
    return f"circuits/{stage}/{stem}.{suffix}"


def counts_path(name: str) -> str:
    """Path of the shots of a circuit within a run folder."""
    return f"counts/{name}.npz"


def read_shots(folder: Path, name: str) -> BitArray:
    """The shots of a circuit of a run.

    Raises:
        DamagedFile: if they are missing or cannot be read.
    """
    path = counts_path(name)
    try:
        with np.load(folder / path) as stored:
            array, num_bits = stored["shots"], int(stored["num_bits"])
    except FileNotFoundError:
        raise DamagedFile(folder.name, path, MISSING) from None
    except Exception as error:
        # A damaged file may raise any exception in the reader.
        raise _unreadable(folder, path, error) from error
    width = -(-num_bits // _BITS_OF_A_BYTE)
    unused = width * _BITS_OF_A_BYTE - num_bits
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != width:
        problem = f"{array.dtype} of shape {array.shape} are no shots of {num_bits} bits"
    elif not len(array):
        problem = "there is no shot"
    elif unused and np.any(array[:, 0] >> (_BITS_OF_A_BYTE - unused)):
        problem = f"a shot has more than {num_bits} bits"
    else:
        return BitArray(array, num_bits)
    raise DamagedFile(folder.name, path, f"is damaged: {problem}")


@dataclass(frozen=True)
class CountsOrigin:
    """The circuit that shots say they are of.

    Attributes:
        name: of the circuit.
        circuit_sha256: its hash, see :mod:`backends.circuit_digest`.
    """

    name: str
    circuit_sha256: str


def read_origin(folder: Path, name: str) -> CountsOrigin | None:
    """What the shots of a circuit say that they are of; None where they do not tell.

    Raises:
        DamagedFile: if the file cannot be read.
    """
    path = counts_path(name)
    try:
        with np.load(folder / path) as stored:
            if not {"circuit", "circuit_sha256"} <= set(stored.files):
                return None
            return CountsOrigin(str(stored["circuit"]), str(stored["circuit_sha256"]))
    except Exception as error:
        # A damaged file may raise any exception in the reader.
        raise _unreadable(folder, path, error) from error


def read_index(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Read ``circuits/index.json``: name of each circuit → its entry.

    Raises:
        DamagedFile: if it is missing or cannot be read.
    """
    try:
        entries = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if any(not isinstance(entry.get("failure", {}), dict) for entry in entries):
            raise DamagedFile(folder.name, INDEX, "is damaged: a failure has no message and code")
        lacking = [key for entry in entries for key in _REQUIRED if key not in entry]
        if lacking:
            raise DamagedFile(folder.name, INDEX, f"is damaged: an entry has no '{lacking[0]}'")
        return {str(entry["name"]): entry for entry in entries}
    except FileNotFoundError:
        raise DamagedFile(folder.name, INDEX, MISSING) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _unreadable(folder, INDEX, error) from error


def _read_device(folder: Path, path: str) -> DeviceSnapshot:
    try:
        document = json.loads((folder / path).read_text(encoding="utf-8"))
        return DeviceSnapshot.from_json(document)
    except FileNotFoundError:
        raise DamagedFile(folder.name, path, MISSING) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(folder, path, error) from error


def _unreadable(folder: Path, path: str, error: Exception) -> DamagedFile:
    text = printable(f"{type(error).__name__}: {error}")
    return DamagedFile(folder.name, path, f"cannot be read: {text}")
