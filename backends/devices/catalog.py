"""Finding a device snapshot by name or file."""

from __future__ import annotations

import json
import math
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backends.devices.braket_capabilities import Capabilities
from backends.devices.snapshot import ENTANGLERS, DeviceSnapshot
from backends.errors import UnknownDevice

IDEAL = "ideal"
"""The device without noise or connectivity limits."""

_PREFIX = "fake_"


@cache
def _packaged_files() -> dict[str, Path]:
    # Found without importing the package: its import takes longer than a whole prediction.
    spec = find_spec("qiskit_ibm_runtime")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "fake_provider" / "backends"
    files = {_PREFIX + p.stem.removeprefix("props_"): p for p in folder.glob("*/props_*.json")}
    return dict(sorted(files.items()))


def packaged_devices() -> tuple[str, ...]:
    """Names of the snapshots that qiskit-ibm-runtime ships, such as ``fake_kingston``."""
    return tuple(_packaged_files())


def load_device(name: str) -> DeviceSnapshot:
    """The snapshot of a packaged fake backend, or of a JSON file.

    A file may hold the properties document of an IBM backend, the capabilities document of a
    Braket device, or a snapshot that a run archived (``device.json``).

    >>> load_device("fake_kingston").num_qubits
    156

    Raises:
        UnknownDevice: if there is no such device or the file cannot be read as one.
        UnusableDevice: if the device cannot run Clifford circuits.
    """
    if name.endswith(".json"):
        return _read(Path(name), name, _version(Path(name)))
    if name not in packaged_devices():
        near = get_close_matches(name, packaged_devices(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UnknownDevice(
            f"unknown device '{name}'{hint} (a name from 'enclone devices', or the path of a "
            "calibration file that ends in .json)"
        )
    file = _packaged_files()[name]
    return _read(file, name, _version(file))


def as_snapshot(device: str | DeviceSnapshot) -> DeviceSnapshot | None:
    """A snapshot as it is, by name or by file; None for the ideal device.

    Raises:
        UnknownDevice: if there is no such device or the file cannot be read as one.
        UnusableDevice: if the device cannot run Clifford circuits.
    """
    if isinstance(device, DeviceSnapshot):
        return device
    return None if device == IDEAL else load_device(device)


def capabilities_text(name: str) -> str | None:
    """The capabilities document of a Braket device in a file; None if it holds none."""
    if not name.endswith(".json"):
        return None
    try:
        text = Path(name).read_text(encoding="utf-8")
        return text if _is_capabilities(json.loads(text)) else None
    except (OSError, ValueError):
        return None  # load_device raises an error for it


def _is_capabilities(document: Any) -> bool:
    return isinstance(document, dict) and "device_capabilities" in str(
        document.get("braketSchemaHeader")
    )


def _version(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written anew; None if there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None  # reading it tells what is wrong
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=32)
def _read(path: Path, name: str, version: tuple[int, int] | None) -> DeviceSnapshot:
    """The device of a file; each version of the file is read once."""
    del version
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownDevice(
            f"device file '{name}' cannot be read: {error.strerror or error}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UnknownDevice(f"device file '{name}' is not JSON: {error}") from error
    try:
        if _is_capabilities(document):
            return _checked(Capabilities(document).snapshot(Path(name).stem))
        if "backend_name" in document:
            return _checked(DeviceSnapshot.from_ibm_properties(document))
        return _checked(DeviceSnapshot.from_json(document))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise UnknownDevice(
            f"device file '{name}' is no properties document of an IBM backend, no capabilities "
            f"document of a Braket device and no device.json of a run: {type(error).__name__}: "
            f"{error}"
        ) from error


def _checked(device: DeviceSnapshot) -> DeviceSnapshot:
    """Raise ``TypeError`` or ``ValueError`` where a value cannot be a calibration."""
    if device.entangler not in ENTANGLERS:
        raise ValueError(f"the two-qubit gate '{device.entangler}' is not one of {ENTANGLERS}")
    if not device.qubits:
        raise ValueError("a device has qubits")
    for qubit in device.qubits:
        for value in (qubit.t1_seconds, qubit.t2_seconds):
            _require_number("a decay time", 0.0 if value is None else value, math.inf)
        _require_number("a gate error", qubit.gate_error, 1.0)
        _require_number("a readout error", qubit.readout_error, 1.0)
        _require_number(
            "a readout asymmetry",
            abs(qubit.readout_asymmetry),
            2 * min(qubit.readout_error, 1 - qubit.readout_error) + 1e-12,
        )
        _require_number("a duration", qubit.gate_seconds, math.inf)
        _require_number("a duration", qubit.readout_seconds, math.inf)
    for layer in device.layers:
        _require_number("a layer fidelity", layer.fidelity, 1.0)
    for interaction in device.interactions:
        _require_number("an interaction", interaction.hertz, math.inf)
    for coupler in device.couplers:
        _require_number("a gate error", coupler.error, 1.0)
        _require_number("a duration", coupler.gate_seconds, math.inf)
        if len(set(coupler.qubits)) != 2 or not set(coupler.qubits) <= set(
            range(device.num_qubits)
        ):
            raise ValueError(f"a coupler joins {coupler.qubits} of {device.num_qubits} qubits")
    return device


def _require_number(what: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{what} of {value}")
