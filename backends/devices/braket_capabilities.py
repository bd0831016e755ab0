"""Capabilities documents of Braket devices, read into calibration snapshots.

Vendors state their calibration in three forms: per qubit and pair (IQM, Rigetti), per qubit with
common values for the rest (AQT), and common values for everything (IonQ). Qubit labels are kept: a
label that does not exist is a qubit that does not work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from backends.devices.snapshot import DeviceSnapshot
from backends.devices.stated import (
    MOST_QUBITS,
    Operation,
    StatedCoupler,
    StatedDevice,
    StatedQubit,
    Time,
    in_words,
    infidelity,
    number,
)
from backends.errors import UnusableDevice

OPENQASM = "braket.ir.openqasm.program"
PROGRAM_SET = "braket.ir.openqasm.program_set"

_ENTANGLERS = {"cz": "cz", "zz": "rzz", "ms": "rxx", "xx": "rxx", "iswap": "iswap"}
"""Native gate → its name in a compiled circuit, in order of preference."""

_MOST_COUPLED = 500
"""Most qubits of which each may be coupled with all others."""


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
            qubits, couplers, unreadable = self._calibration(native)
            labels = range(1 + max(qubits))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise UnusableDevice(
                f"the capabilities of device '{name}' state no calibration that can be read: "
                f"{in_words(error)}; Braket may be calibrating it: try again later"
            ) from error
        dynamic = conditional_gates and self.is_iqm
        lacks: tuple[Operation, ...] = ("barrier", "delay")
        return DeviceSnapshot.read(
            StatedDevice(
                name=name,
                date=self.updated_at,
                entangler=_ENTANGLERS[native],
                qubits=[qubits.get(label) for label in labels],
                couplers=couplers,
                dynamic_circuits=dynamic,
                lacks=lacks if dynamic else (*lacks, "mid-circuit measurement", "reset"),
                recompiles=not self.takes_verbatim,
                unreadable=unreadable,
            )
        )

    def _calibration(
        self, native: str
    ) -> tuple[dict[int, StatedQubit], list[StatedCoupler], list[str]]:
        """Label → qubit, the couplers, and entries that name none."""
        standardized = self.document.get("standardized") or {}
        if "twoQubitProperties" in standardized:
            return self._per_pair(standardized, native)
        unreadable: list[str] = []
        if "twoQubitGateFidelity" in standardized:
            qubits, error, time, unreadable = _per_qubit(standardized)
        else:
            count = self.document["paradigm"]["qubitCount"]
            if type(count) is not int or not 0 < count <= MOST_QUBITS:
                raise ValueError(f"a 'qubitCount' of {count!r}")
            qubits, error, time = _one_for_all(self.document["provider"], range(count))
        pairs = self._connected(sorted(qubits))
        return qubits, [StatedCoupler(pair, error, time) for pair in pairs], unreadable

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
            if len(labels) > _MOST_COUPLED:
                raise ValueError(f"{len(labels)} qubits that are all coupled")
            return permutations(labels, 2)
        known = set(labels)
        return (
            (a, b) for a, b in {*pairs, *((b, a) for a, b in pairs)} if {a, b} <= known and a != b
        )

    def _per_pair(
        self, standardized: Mapping[str, Any], native: str
    ) -> tuple[dict[int, StatedQubit], list[StatedCoupler], list[str]]:
        """IQM, Rigetti: every qubit and pair has its own values."""
        qubits, unreadable = _by_label(
            standardized,
            lambda values: StatedQubit(
                t1=_time(values.get("T1")),
                t2=_time(values.get("T2")),
                gate_error=_error(values.get("oneQubitFidelity"), _PULSE_FIDELITIES),
                gate_time=Time(_USUAL.pulse),
                readout_error=_error(values.get("oneQubitFidelity"), ("READOUT",)),
                readout_time=Time(_USUAL.readout),
            ),
        )
        graph = self._graph()
        couplers = []
        for pair, values in standardized["twoQubitProperties"].items():
            joined = tuple(map(_label, str(pair).split("-")))
            if len(set(joined)) != 2 or len(joined) != 2 or not set(joined) <= qubits.keys():
                unreadable.append(f"pair {pair}")
                continue
            gates = values.get("twoQubitGateFidelity") if isinstance(values, Mapping) else None
            stated = [
                gate.get("fidelity")
                for gate in (gates if isinstance(gates, list) else ())
                if isinstance(gate, Mapping) and str(gate.get("gateName")).lower() == native
            ]
            if not stated:
                continue
            best = max(stated, key=lambda value: number(value) or 0.0)
            missing = graph is not None and frozenset(joined) not in graph
            coupler = StatedCoupler(
                (joined[0], joined[1]),
                infidelity(best),
                Time(_USUAL.entangler),
                "not in the connectivity graph" if missing else "",
            )
            # CZ, iSWAP and the like are the same in both directions.
            couplers += [coupler, replace(coupler, qubits=(joined[1], joined[0]))]
        return qubits, couplers, unreadable

    def _graph(self) -> frozenset[frozenset[int]] | None:
        """Pairs of coupled qubits; None where the document does not say, or all are coupled."""
        try:
            return frozenset(map(frozenset, self.stated_pairs)) or None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


def _by_label(
    standardized: Mapping[str, Any], read: Callable[[Mapping[str, Any]], StatedQubit]
) -> tuple[dict[int, StatedQubit], list[str]]:
    """Label → qubit, and the entries that name none."""
    qubits, unreadable = {}, []
    for label, values in standardized["oneQubitProperties"].items():
        index = _label(label)
        if index < 0:
            unreadable.append(f"qubit {label}")
        else:
            qubits[index] = read(values if isinstance(values, Mapping) else {})
    return qubits, unreadable


def _label(stated: str) -> int:
    """The number of a qubit; -1 if it is none."""
    index = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 7 else -1
    return index if index < MOST_QUBITS else -1


def _per_qubit(
    standardized: Mapping[str, Any],
) -> tuple[dict[int, StatedQubit], object, Time | None, list[str]]:
    """AQT: pulses have values for each qubit; all other values are the same for all qubits."""
    (readout, *_) = standardized["readoutFidelity"]
    (pair, *_) = standardized["twoQubitGateFidelity"]
    qubits, unreadable = _by_label(
        standardized,
        lambda values: StatedQubit(
            t1=_time(standardized.get("T1")),
            t2=_time(standardized.get("T2")),
            gate_error=_first_error(values.get("oneQubitFidelity")),
            gate_time=_time(standardized.get("singleQubitGateDuration")),
            readout_error=infidelity(readout.get("fidelity")),
            readout_time=_time(standardized.get("readoutDuration")),
        ),
    )
    time = _time(standardized.get("twoQubitGateDuration"))
    return qubits, infidelity(pair.get("fidelity")), time, unreadable


def _one_for_all(
    provider: Mapping[str, Any], labels: Iterable[int]
) -> tuple[dict[int, StatedQubit], object, Time | None]:
    """IonQ: the same values for all qubits and pairs; times in seconds."""
    fidelity, timing = provider["fidelity"], provider["timing"]
    qubit = StatedQubit(
        t1=Time(timing.get("T1")),
        t2=Time(timing.get("T2")),
        gate_error=infidelity(fidelity["1Q"]["mean"]),
        gate_time=Time(timing.get("1Q")),
        readout_error=infidelity(fidelity["spam"]["mean"]),
        readout_time=Time(timing.get("readout")),
    )
    return dict.fromkeys(labels, qubit), infidelity(fidelity["2Q"]["mean"]), Time(timing.get("2Q"))


_PULSE_FIDELITIES = ("SIMULTANEOUS_RANDOMIZED_BENCHMARKING", "RANDOMIZED_BENCHMARKING")
"""In order of preference: circuits run gates simultaneously."""


def _error(fidelities: object, wanted: Sequence[str]) -> object:
    """One minus the first fidelity of these types; None if none is stated."""
    stated: dict[str, object] = {}
    for one in fidelities if isinstance(fidelities, list) else ():
        kind = one.get("fidelityType") if isinstance(one, Mapping) else None
        if isinstance(kind, Mapping):
            stated[str(kind.get("name"))] = one.get("fidelity")
    found = [stated[name] for name in wanted if stated.get(name) is not None]
    return infidelity(found[0]) if found else None


def _first_error(fidelities: object) -> object:
    """One minus the first fidelity of all; None if none is stated."""
    first = fidelities[0] if isinstance(fidelities, list) and fidelities else None
    return infidelity(first.get("fidelity")) if isinstance(first, Mapping) else None


def _time(stated: object) -> Time | None:
    """A time with its unit; None where none is stated."""
    if not isinstance(stated, Mapping):
        return None if stated is None else Time(stated, "")
    return Time(stated.get("value"), stated.get("unit"))
