"""What a calibration states, and what of it is believed: one set of rules for every source.

Documents of IBM backends, capabilities of Braket devices, targets of Qiskit and archived snapshots
are taken apart by their own modules into a :class:`StatedDevice`, in which nothing is judged yet.
A :class:`Reading` then judges every value by the same rules, which docs/calibration.md explains.
One bad value costs one qubit or one coupler, never the device.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from backends.devices.collective import Interaction, LayerCalibration

NOT_STATED_SECONDS = 1e9
"""Decay time of a device that states none: no idle noise is predicted then."""

MOST_QUBITS = 100_000
"""Larger labels of qubits cannot be meant."""

_ROUNDING = 0.01
"""Errors this far below 0 are estimates of a good gate, and count as 0."""

_LONGEST_OPERATION_SECONDS = 1000.0
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "μs": 1e-6, "ns": 1e-9, "ps": 1e-12}
"""Unit → seconds. The micro sign is turned into the Greek letter before it is looked up."""

_FREQUENCIES = {name.lower(): name for name in ("Hz", "kHz", "MHz", "GHz")}

_SHOWN = 6
"""Most names of parts in one line."""

_CAUSES = 4
"""Most causes in one line."""

Operation = Literal["barrier", "delay", "mid-circuit measurement", "reset"]
"""Operations that a device is assumed to have unless it is known to lack them."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time as it is stated.

    Attributes:
        value: should be a number; None where none is stated.
        unit: should be one of s, ms, us, µs, ns, ps.
    """

    value: object
    unit: object = "s"


@dataclass(frozen=True, slots=True)
class StatedQubit:
    """What a source states of one qubit; None where it states nothing.

    Attributes:
        t1: relaxation time.
        t2: dephasing time.
        gate_error: average infidelity of a pulse.
        gate_time: length of a pulse.
        readout_error: probability of a wrong outcome.
        readout_time: length of a measurement.
        out_of_order: why the source says that the qubit is not to be used; empty if it does not.
        readout_asymmetry: probability of reading |1> as 0 less that of reading |0> as 1.
    """

    t1: Time | None
    t2: Time | None
    gate_error: object
    gate_time: Time | None
    readout_error: object
    readout_time: Time | None
    out_of_order: str = ""
    readout_asymmetry: object = None


@dataclass(frozen=True, slots=True)
class StatedCoupler:
    """What a source states of the two-qubit gate on one ordered pair; None for nothing.

    Attributes:
        qubits: the pair.
        error: average infidelity of the gate.
        time: its length.
        out_of_order: why the source says that it is not to be used; empty if it does not.
    """

    qubits: tuple[int, int]
    error: object
    time: Time | None
    out_of_order: str = ""


@dataclass(frozen=True)
class StatedDevice:
    """What a source states of a device, before anything of it is judged.

    Attributes:
        name: the device's own name.
        date: of the calibration, should be ISO 8601; None where none is stated.
        entangler: name of the native two-qubit gate.
        qubits: by index; None where no qubit has this index.
        couplers: of ordered pairs.
        dynamic_circuits: whether a gate may depend on an earlier outcome.
        lacks: operations that the device does not have.
        recompiles: whether the provider may compile circuits again.
        unreadable: entries of the source that name no qubit or coupler, in a few words each.
        layers: fidelities of gates in parallel.
        interactions: of coupled qubits.
    """

    name: str
    date: object
    entangler: str
    qubits: Sequence[StatedQubit | None]
    couplers: Sequence[StatedCoupler]
    dynamic_circuits: bool = True
    lacks: tuple[Operation, ...] = ()
    recompiles: bool = False
    unreadable: Sequence[str] = ()
    layers: tuple[LayerCalibration, ...] = ()
    interactions: tuple[Interaction, ...] = ()


def number(stated: object) -> float | None:
    """A stated number; None if it is none, or not finite.

    >>> number(0.5), number("0.5"), number(True), number(float("nan"))
    (0.5, None, None, None)
    """
    if isinstance(stated, bool) or not isinstance(stated, (int, float)):
        return None
    try:
        value = float(stated)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def in_words(error: Exception) -> str:
    """What an exception says of a document, without the words of Python.

    >>> in_words(KeyError("fidelity"))
    "it lacks 'fidelity'"
    """
    if isinstance(error, KeyError):
        return f"it lacks '{error.args[0]}'"
    if isinstance(error, ValueError):
        return str(error)
    return "a part of it has another form than it should have"


def infidelity(stated: object) -> object:
    """One minus a stated fidelity; what is no number stays as it is, to be judged as an error."""
    fidelity = number(stated)
    return stated if fidelity is None else 1 - fidelity


class Reading:
    """Judges the values of one device, and remembers what it could not use."""

    def __init__(self) -> None:
        self._unusable: dict[str, dict[str, str]] = {"qubits": {}, "couplers": {}}
        self._clipped: list[str] = []
        self._not_stated: dict[str, list[str]] = {}
        self._remarks: list[str] = []

    def unusable(self, kind: Literal["qubits", "couplers"], part: str, cause: str) -> None:
        """Remember that a qubit or coupler is not used; its first cause is the one shown."""
        self._unusable[kind].setdefault(part, cause)

    def decay(self, part: str, name: str, time: Time | None) -> float | None:
        """A decay time of a qubit in seconds; None makes the qubit unusable."""
        if time is None or time.value is None:
            self.unusable("qubits", part, f"no {name}")
            return None
        if time.value in (math.inf, -math.inf):
            seconds: float | None = math.inf if time.value == math.inf else None
        else:
            seconds = _seconds(time)
        if seconds is None or seconds < 0:
            self.unusable("qubits", part, f"{name} {_shown(time)}")
            return None
        if seconds == 0:
            self.unusable("qubits", part, f"{name} 0")
        if seconds > NOT_STATED_SECONDS:
            self._clipped.append(f"{name} of qubit {part}")
            return NOT_STATED_SECONDS
        return seconds

    def error(
        self, kind: Literal["qubits", "couplers"], part: str, name: str, stated: object
    ) -> float:
        """The error of an operation; 1 makes the qubit or coupler unusable."""
        if stated is None:
            self.unusable(kind, part, f"no {name}")
            return 1.0
        value = number(stated)
        if value is None or value < -_ROUNDING or value >= 1:
            self.unusable(kind, part, f"{name} {_shown(stated)}")
            return 1.0
        if value < 0:
            self._clipped.append(f"{name} of {part}")
            return 0.0
        return value

    def length(
        self, kind: Literal["qubits", "couplers"], part: str, name: str, time: Time | None
    ) -> float | None:
        """The length of an operation in seconds; None makes the qubit or coupler unusable."""
        if time is None or time.value is None:
            self._not_stated.setdefault(name, []).append(part)
            return 0.0
        seconds = _seconds(time)
        if seconds is None or not 0 <= seconds <= _LONGEST_OPERATION_SECONDS:
            self.unusable(kind, part, f"{name} {_shown(time)}")
            return None
        return seconds

    def date(self, stated: object) -> str | None:
        """The date of the calibration as it is stated; None if it is none."""
        if isinstance(stated, datetime):
            return stated.isoformat()
        if stated is None:
            return None
        try:
            datetime.fromisoformat(stated if isinstance(stated, str) else "")
        except ValueError:
            self._remarks.append(f"its date cannot be read: {_shown(stated)}")
            return None
        return str(stated)

    def not_stated(self, name: str) -> None:
        """Remember that no qubit states a decay time, so that none is predicted."""
        self._remarks.append(f"{name} is not stated of any qubit, and counts as infinite")

    def unreadable(self, entries: Sequence[str]) -> None:
        """Remember entries that name no qubit or coupler of the device."""
        if entries:
            what = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
            self._remarks.append(f"{what} cannot be read: {some(entries)}")

    def remarks(self, qubits: int, couplers: int) -> tuple[str, ...]:
        """What was not used as it is stated, counted, in lines for the user.

        Args:
            qubits: number of all qubits.
            couplers: number of all pairs with a gate, in whatever order.
        """
        lines = []
        for kind, number_of_all in (("qubits", qubits), ("couplers", couplers)):
            if parts := self._unusable[kind]:
                verb = "is" if len(parts) == 1 else "are"
                lines.append(
                    f"{len(parts)} of {number_of_all} {kind} {verb} unusable: {_by_cause(parts)}"
                )
        if clipped := self._clipped:
            what = "1 value is" if len(clipped) == 1 else f"{len(clipped)} values are"
            lines.append(f"{what} clipped: {some(clipped)}")
        for name, parts_without in self._not_stated.items():
            lines.append(
                f"{name} is not stated of {len(parts_without)} ({some(parts_without)}), and "
                "counts as 0 s"
            )
        return tuple(f"calibration: {line}" for line in (*lines, *self._remarks))


def client_unit(stated: object) -> str | None:
    """A stated unit as clients spell it, empty for none; None if it is unknown.

    >>> client_unit("µs"), client_unit(""), client_unit("GHz"), client_unit("fortnights")
    ('us', '', 'GHz', None)
    """
    if stated is None or stated == "":
        return ""
    unit = _plain_unit(stated)
    return unit.replace("μ", "u") if unit in _SECONDS else _FREQUENCIES.get(unit)


def _plain_unit(stated: object) -> str:
    return unicodedata.normalize("NFKC", str(stated)).strip().lower()


def _seconds(time: Time) -> float | None:
    value, unit = number(time.value), _plain_unit(time.unit)
    return None if value is None or unit not in _SECONDS else value * _SECONDS[unit]


def _shown(stated: object) -> str:
    """A value in a few characters."""
    if isinstance(stated, Time):
        unit = f" {_shown(stated.unit)}" if stated.unit not in ("", None) else " without unit"
        return f"{_shown(stated.value)}{unit}"
    if isinstance(stated, float):
        return f"{stated:g}"
    text = stated if isinstance(stated, str) else repr(stated)
    return text if len(text) <= 20 else f"{text[:17]}..."


def _by_cause(parts: dict[str, str]) -> str:
    causes: dict[str, list[str]] = {}
    for part, cause in parts.items():
        causes.setdefault(cause, []).append(part)
    lines = [f"{cause} ({some(names)})" for cause, names in list(causes.items())[:_CAUSES]]
    more = f" and {len(causes) - _CAUSES} other causes" if len(causes) > _CAUSES else ""
    return ", ".join(lines) + more


def some(names: Sequence[str]) -> str:
    """The first names of a list, and the number of others."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
