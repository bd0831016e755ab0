"""Capabilities documents of Braket devices, read into calibration snapshots.

Vendors state their calibration in three forms: per qubit and pair (IQM, Rigetti), per qubit with
common values for the rest (AQT), and common values for everything (IonQ). Qubit labels are kept: a
label that does not exist is a qubit that does not work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from backends.devices.snapshot import (
    NOT_STATED_SECONDS,
    CouplerCalibration,
    DeviceSnapshot,
    Operation,
    QubitCalibration,
)
from backends.errors import UnusableDevice

OPENQASM = "braket.ir.openqasm.program"
PROGRAM_SET = "braket.ir.openqasm.program_set"

_ENTANGLERS = {"cz": "cz", "zz": "rzz", "ms": "rxx", "xx": "rxx", "iswap": "iswap"}
"""Native gate → its name in a compiled circuit, in order of preference."""

_MISSING = QubitCalibration(None, None, 1.0, 0.0, 1.0, 0.0)
"""Calibration of a label without a qubit."""

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class _Durations:
    """Lengths of operations in seconds."""

    pulse: float
    entangler: float
    readout: float


_USUAL = _Durations(40e-9, 80e-9, 2e-6)
"""For superconducting devices whose capabilities state fidelities but no durations.

Rounded from what vendors publish about their processors; only the noise of idle qubits uses it.
"""


@dataclass(frozen=True)
class Capabilities:
    """A capabilities document, as far as this project reads it.

    Attributes:
        document: the parsed JSON of the whole document.
    """

    document: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> Capabilities:
        """Read them from JSON."""
        return cls(json.loads(text))

    @property
    def has_gates(self) -> bool:
        """Whether it states native gates; simulators and analog devices do not."""
        return "nativeGateSet" in self.document.get("paradigm", {})

    @property
    def is_simulator(self) -> bool:
        """Whether it is one of Braket's own simulators, if it runs circuits at all."""
        return not self.has_gates

    @property
    def native_gates(self) -> frozenset[str]:
        """Names of the native gates in lower case."""
        return frozenset(str(g).lower() for g in self.document["paradigm"]["nativeGateSet"])

    @property
    def is_iqm(self) -> bool:
        """Whether IQM's dialect of conditional gates may apply."""
        return ".iqm." in self.document["braketSchemaHeader"]["name"]

    @property
    def takes_verbatim(self) -> bool:
        """Whether the device runs verbatim programs, without compiling them again."""
        pragmas = self.document["action"].get(OPENQASM, {}).get("supportedPragmas") or ()
        return "verbatim" in pragmas

    @property
    def shots_range(self) -> tuple[int, int]:
        """Smallest and largest number of shots of a circuit."""
        fewest, most = self.document["service"]["shotsRange"]
        return int(fewest), int(most)

    @property
    def program_set(self) -> Mapping[str, Any] | None:
        """Limits of a task with many circuits; None where there are none."""
        found: Mapping[str, Any] | None = self.document["action"].get(PROGRAM_SET)
        return found if found and found["maximumExecutables"] > 1 else None

    @property
    def poll_seconds(self) -> float:
        """Polling interval of a task that the service asks for, in seconds."""
        return float(self.document["service"].get("getTaskPollIntervalMillis") or 1000) / 1000

    @property
    def states_durations(self) -> bool:
        """Whether durations of gates are known; otherwise :data:`_USUAL` is used."""
        return "twoQubitProperties" not in (self.document.get("standardized") or {})

    @property
    def updated_at(self) -> str | None:
        """When the calibration was taken, ISO 8601."""
        found: str | None = self.document["service"].get("updatedAt")
        return found

    def snapshot(self, name: str, *, conditional_gates: bool = False) -> DeviceSnapshot:
        """The device as a calibration snapshot.

        Args:
            name: name of the snapshot.
            conditional_gates: whether to use the experimental conditional gates of IQM devices.

        Raises:
            UnusableDevice: if it has no Clifford two-qubit gate, or states no calibration.
        """
        if not self.has_gates:
            raise UnusableDevice(f"device '{name}' states no native gates: it runs no circuits")
        native = next((g for g in _ENTANGLERS if g in self.native_gates), None)
        if native is None:
            raise UnusableDevice(
                f"device '{name}' has no Clifford two-qubit gate: looked for "
                f"{', '.join(_ENTANGLERS)}, its native gates are: "
                f"{', '.join(sorted(self.native_gates))}"
            )
        try:
            qubits, couplers = self._calibration(native)
        except (KeyError, TypeError, ValueError) as error:
            raise UnusableDevice(
                f"the capabilities of device '{name}' state no calibration that can be read: "
                f"{type(error).__name__}: {error}; Braket may be calibrating it: try again later"
            ) from error
        dynamic = conditional_gates and self.is_iqm
        lacks: tuple[Operation, ...] = ("barrier", "delay")
        return DeviceSnapshot(
            name=name,
            calibrated_at=self.updated_at,
            entangler=_ENTANGLERS[native],
            qubits=tuple(qubits.get(k, _MISSING) for k in range(1 + max(qubits))),
            couplers=tuple(sorted(couplers, key=lambda c: c.qubits)),
            dynamic_circuits=dynamic,
            lacks=lacks if dynamic else (*lacks, "mid-circuit measurement", "reset"),
            recompiles=not self.takes_verbatim,
        )

    def _calibration(
        self, native: str
    ) -> tuple[dict[int, QubitCalibration], list[CouplerCalibration]]:
        standardized = self.document.get("standardized") or {}
        if "twoQubitProperties" in standardized:
            return _per_pair(standardized, native)
        if "twoQubitGateFidelity" in standardized:
            qubits, error, seconds = _per_qubit(standardized)
        else:
            qubits, error, seconds = _one_for_all(
                self.document["provider"], range(self.document["paradigm"]["qubitCount"])
            )
        couplers = [
            CouplerCalibration(pair, error, seconds) for pair in self._connected(sorted(qubits))
        ]
        return qubits, couplers

    @property
    def stated_pairs(self) -> frozenset[tuple[int, int]]:
        """Coupled qubits, each pair in the order stated; empty if all are coupled."""
        connectivity = self.document["paradigm"]["connectivity"]
        if connectivity["fullyConnected"]:
            return frozenset()
        return frozenset(
            (int(a), int(b))
            for a, others in connectivity["connectivityGraph"].items()
            for b in others
        )

    def _connected(self, labels: Sequence[int]) -> Iterator[tuple[int, int]]:
        pairs = self.stated_pairs
        if not pairs:
            return permutations(labels, 2)
        return iter({*pairs, *((b, a) for a, b in pairs)})


def _per_pair(
    standardized: Mapping[str, Any], native: str
) -> tuple[dict[int, QubitCalibration], list[CouplerCalibration]]:
    """IQM, Rigetti: every qubit and pair has its own values."""
    qubits = {
        int(label): QubitCalibration(
            t1_seconds=_seconds(values["T1"]),
            t2_seconds=_seconds(values["T2"]),
            gate_error=_error(values["oneQubitFidelity"], _PULSE_FIDELITIES),
            gate_seconds=_USUAL.pulse,
            readout_error=_error(values["oneQubitFidelity"], ("READOUT",)),
            readout_seconds=_USUAL.readout,
        )
        for label, values in standardized["oneQubitProperties"].items()
    }
    couplers = []
    for pair, values in standardized["twoQubitProperties"].items():
        a, b = (int(label) for label in pair.split("-"))
        stated = [
            gate["fidelity"]
            for gate in values["twoQubitGateFidelity"]
            if gate["gateName"].lower() == native
        ]
        if stated:
            # CZ, iSWAP and the like are the same in both directions.
            coupler = CouplerCalibration((a, b), 1 - max(stated), _USUAL.entangler)
            couplers += [coupler, replace(coupler, qubits=(b, a))]
    return qubits, couplers


def _per_qubit(
    standardized: Mapping[str, Any],
) -> tuple[dict[int, QubitCalibration], float, float]:
    """AQT: pulses have values for each qubit; all other values are the same for all qubits."""
    (readout, *_) = standardized["readoutFidelity"]
    (pair, *_) = standardized["twoQubitGateFidelity"]
    qubits = {
        int(label): QubitCalibration(
            t1_seconds=_seconds(standardized.get("T1")),
            t2_seconds=_seconds(standardized.get("T2")),
            gate_error=1 - float(values["oneQubitFidelity"][0]["fidelity"]),
            gate_seconds=_seconds(standardized["singleQubitGateDuration"]),
            readout_error=1 - float(readout["fidelity"]),
            readout_seconds=_seconds(standardized["readoutDuration"]),
        )
        for label, values in standardized["oneQubitProperties"].items()
    }
    return qubits, 1 - float(pair["fidelity"]), _seconds(standardized["twoQubitGateDuration"])


def _one_for_all(
    provider: Mapping[str, Any], labels: Iterable[int]
) -> tuple[dict[int, QubitCalibration], float, float]:
    """IonQ: the same values for all qubits and pairs; times in seconds."""
    fidelity, timing = provider["fidelity"], provider["timing"]
    qubit = QubitCalibration(
        t1_seconds=float(timing.get("T1") or NOT_STATED_SECONDS),
        t2_seconds=float(timing.get("T2") or NOT_STATED_SECONDS),
        gate_error=1 - float(fidelity["1Q"]["mean"]),
        gate_seconds=float(timing["1Q"]),
        readout_error=1 - float(fidelity["spam"]["mean"]),
        readout_seconds=float(timing["readout"]),
    )
    return dict.fromkeys(labels, qubit), 1 - float(fidelity["2Q"]["mean"]), float(timing["2Q"])


_PULSE_FIDELITIES = ("SIMULTANEOUS_RANDOMIZED_BENCHMARKING", "RANDOMIZED_BENCHMARKING")
"""In order of preference: circuits run gates simultaneously."""


def _error(fidelities: Iterable[Mapping[str, Any]], wanted: Sequence[str]) -> float:
    """One minus the first fidelity of these types; 1, a broken qubit, if none is stated."""
    stated = {f["fidelityType"]["name"]: float(f["fidelity"]) for f in fidelities}
    return next((1 - stated[name] for name in wanted if name in stated), 1.0)


def _seconds(time: Mapping[str, Any] | None) -> float:
    if time is None:
        return NOT_STATED_SECONDS
    return float(time["value"]) * _UNITS[str(time["unit"]).lower()]
