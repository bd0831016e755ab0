"""Devices of the emulated service: packaged calibration data, served as the service does."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qiskit.transpiler import Target
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import (
    configuration_from_server_data,
    properties_from_server_data,
)

from backends.devices.ibm_properties import readable_properties
from backends.devices.snapshot import DeviceSnapshot


@dataclass(frozen=True)
class Device:
    """One emulated processor.

    Attributes:
        name: as the service lists it, such as ``ibm_kingston``.
        configuration: what does not change.
        properties: the calibration.
        online: whether it answers at all.
        status: ``active``, ``maintenance``, ``internal`` …, in the service's words.
        queue_length: pending jobs of other people.
        past: earlier calibrations, in any order.
    """

    name: str
    configuration: dict[str, Any] = field(repr=False)
    properties: dict[str, Any] = field(repr=False)
    online: bool = True
    status: str = "active"
    queue_length: int = 3
    past: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    @classmethod
    def packaged(cls, name: str, **changes: Any) -> Device:
        """The device ``ibm_x`` from the snapshot of ``fake_x`` that qiskit-ibm-runtime ships."""
        spec = find_spec("qiskit_ibm_runtime")
        assert spec is not None
        assert spec.origin is not None
        short = name.removeprefix("ibm_")
        folder = Path(spec.origin).parent / "fake_provider" / "backends" / short
        configuration = json.loads((folder / f"conf_{short}.json").read_text())
        properties = json.loads((folder / f"props_{short}.json").read_text())
        configuration["backend_name"] = properties["backend_name"] = name
        return cls(name, configuration, properties, **changes)

    def properties_before(self, updated_before: str) -> dict[str, Any]:
        """The newest calibration that is older than a time; empty if there is none."""

        def made(document: dict[str, Any]) -> datetime:
            return datetime.fromisoformat(document["last_update_date"])

        limit = datetime.fromisoformat(updated_before)
        older = [one for one in (self.properties, *self.past) if made(one) < limit]
        return max(older, key=made, default={})

    @property
    def dt_seconds(self) -> float:
        """The clock tick of its electronics."""
        return float(self.configuration["dt"]) * 1e-9

    @property
    def default_rep_delay_seconds(self) -> float:
        """Waiting time between shots where the job states none."""
        return float(self.configuration.get("default_rep_delay", 250.0)) * 1e-6

    @cached_property
    def target(self) -> Target:
        """What it can run, by the client's own reading of its data."""
        raw = copy.deepcopy(self.configuration)
        configuration = configuration_from_server_data(raw, use_fractional_gates=None)
        configured = {g["name"] for g in raw["gates"] if g.get("coupling_map")}
        properties = properties_from_server_data(
            readable_properties(self.properties, configured), use_fractional_gates=None
        )
        return convert_to_target(configuration=configuration, properties=properties)

    @cached_property
    def snapshot(self) -> DeviceSnapshot:
        """The noise it has."""
        return DeviceSnapshot.from_ibm_properties(self.properties)

    def listed(self) -> dict[str, Any]:
        """Its line in the list of devices."""
        return {
            "name": self.name,
            "status": {"name": "online" if self.online else "offline", "reason": self.status},
            "qubits": self.configuration["n_qubits"],
            "queue_length": self.queue_length,
            "is_simulator": False,
            "processor_type": self.configuration.get("processor_type", {}),
        }

    def state(self) -> dict[str, Any]:
        """Its status document."""
        return {
            "state": self.online,
            "status": self.status,
            "message": "available" if self.online else "offline",
            "length_queue": self.queue_length,
            "backend_version": self.configuration["backend_version"],
        }
