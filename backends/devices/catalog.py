"""Finding a device snapshot by name or file."""

from __future__ import annotations

import json
import stat
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backends.devices.braket_capabilities import Capabilities
from backends.devices.offers import Offers, offers_of_configuration
from backends.devices.snapshot import DeviceSnapshot
from backends.devices.stated import in_words
from backends.errors import UnknownDevice

IDEAL = "ideal"
"""The device without noise or connectivity limits."""

_PREFIX = "fake_"
_LARGEST_FILE = 64 * 2**20


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


def is_device_file(name: str) -> bool:
    """Whether a device is named by its calibration file."""
    return name.lower().endswith(".json")


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
    if is_device_file(name):
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
    if not is_device_file(name):
        return None
    try:
        text = _text(Path(name))
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
    document = _parsed(path, name)
    try:
        if _is_capabilities(document):
            return Capabilities(document).snapshot(Path(name).stem)
        if isinstance(document, dict) and "backend_name" in document:
            return DeviceSnapshot.from_ibm_properties(document, _packaged_offers(path))
        return DeviceSnapshot.from_json(document).judged()
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise UnknownDevice(
            f"device file '{name}' is no properties document of an IBM backend, no capabilities "
            f"document of a Braket device and no device.json of a run: {in_words(error)}"
        ) from error


def _parsed(path: Path, name: str) -> Any:
    """The JSON of a device file.

    Raises:
        UnknownDevice: if it cannot be read, or is none.
    """
    try:
        return json.loads(_text(path))
    except OSError as error:
        raise UnknownDevice(
            f"device file '{name}' cannot be read: {error.strerror or error}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UnknownDevice(f"device file '{name}' is not JSON: {error}") from error


def _text(path: Path) -> str:
    """The text of a file, with or without a byte order mark.

    Raises:
        OSError: if it is no file that can be read, or too large for a device.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is no regular file")
    if found.st_size > _LARGEST_FILE:
        raise OSError(f"it has {found.st_size} bytes, more than any calibration")
    return path.read_text(encoding="utf-8-sig")


def _packaged_offers(properties: Path) -> Offers | None:
    """What the configuration beside a packaged calibration says; None where there is none."""
    if properties not in _packaged_files().values():
        return None
    file = properties.with_name(f"conf_{properties.stem.removeprefix('props_')}.json")
    return offers_of_configuration(json.loads(_text(file))) if file.is_file() else None
