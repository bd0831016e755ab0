"""Calibration snapshots: all data about a device that predictions use.

A snapshot holds calibration data and nothing else; it is archived with every run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import rustworkx as rx
from qiskit.circuit import Delay, Gate, IfElseOp, Measure, Parameter, Reset
from qiskit.circuit.library import RXXGate, RZZGate, get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from backends.devices.archived import require_archived
from backends.devices.collective import Interaction, LayerCalibration, parallel_error_ratio
from backends.devices.ibm_properties import stated_by_ibm
from backends.devices.offers import Offers
from backends.devices.stated import (
    MOST_QUBITS,
    NOT_STATED_SECONDS,
    Operation,
    Reading,
    StatedCoupler,
    StatedDevice,
    StatedQubit,
    Time,
    number,
    some,
)
from backends.devices.target_reading import stated_by_target
from backends.errors import DoesNotFit, UnusableDevice

ENTANGLERS = ("cz", "ecr", "cx", "iswap", "rzz", "rxx")
"""Native two-qubit Clifford gates that circuits are compiled to, in order of preference.

``rzz`` and ``rxx`` are rotations by π/2, the gates of trapped ions.
"""


@dataclass(frozen=True, slots=True)
class QubitCalibration:
    """Calibration of one qubit.

    Attributes:
        t1_seconds: relaxation time; None where the calibration has none.
        t2_seconds: dephasing time (Hahn echo); None where the calibration has none.
        gate_error: average infidelity of one pulse (√X or X).
        gate_seconds: length of one pulse.
        readout_error: probability of a wrong outcome, averaged over |0> and |1>.
        readout_seconds: length of a measurement.
        readout_asymmetry: probability of reading |1> as 0 less that of reading |0> as 1; 0 where
            the calibration does not tell them apart.
    """

    t1_seconds: float | None
    t2_seconds: float | None
    gate_error: float
    gate_seconds: float
    readout_error: float
    readout_seconds: float
    readout_asymmetry: float = 0.0

    @property
    def works(self) -> bool:
        """Whether the qubit is calibrated: an error of 1 is how a broken gate is reported."""
        return (
            self.gate_error < 1
            and self.readout_error < 1
            and bool(self.t1_seconds)
            and bool(self.t2_seconds)
        )


NO_QUBIT = QubitCalibration(None, None, 1.0, 0.0, 1.0, 0.0)
"""Calibration of an index that no qubit has."""


@dataclass(frozen=True, slots=True)
class CouplerCalibration:
    """Calibration of the native two-qubit gate on one ordered pair.

    Attributes:
        qubits: the pair in the order in which the gate is native.
        error: average infidelity of the gate.
        gate_seconds: its length.
    """

    qubits: tuple[int, int]
    error: float
    gate_seconds: float


@dataclass(frozen=True, eq=False)
class DeviceSnapshot:
    """A device at the time of a calibration.

    Two snapshots are equal when their fingerprints are: snapshots are keys of caches, and
    comparing thousands of calibration values at every look-up would cost more than it saves.

    Attributes:
        name: the device's own name, such as ``ibm_kingston``.
        calibrated_at: ISO date and time of the calibration, or None if unknown.
        entangler: the native two-qubit gate, one of :data:`ENTANGLERS`.
        qubits: calibration of each qubit, by index.
        couplers: calibration of each ordered pair, sorted.
        dynamic_circuits: whether a gate may depend on an earlier outcome.
        lacks: operations that the device does not have. Without ``barrier`` the stages of a
            circuit keep their order, but are not separated in time.
        recompiles: whether the provider may compile circuits again, so that nothing is proved
            about the circuit that ran.
        layers: fidelities of gates in parallel, the shortest chain first; empty where the
            calibration has none.
        interactions: of coupled qubits, sorted; pairs without a rate are left out.
        remarks: what of the source was not used as it is stated, counted; no part of the
            snapshot's identity, and not archived.
    """

    name: str
    calibrated_at: str | None
    entangler: str
    qubits: tuple[QubitCalibration, ...]
    couplers: tuple[CouplerCalibration, ...]
    dynamic_circuits: bool = True
    lacks: tuple[Operation, ...] = ()
    recompiles: bool = False
    layers: tuple[LayerCalibration, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    remarks: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSnapshot) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def num_qubits(self) -> int:
        """Number of all qubits, working or not."""
        return len(self.qubits)

    @cached_property
    def working_couplers(self) -> dict[tuple[int, int], CouplerCalibration]:
        """Ordered pair → calibration, for couplers whose gate and both qubits work."""
        return {
            c.qubits: c
            for c in self.couplers
            if c.error < 1 and all(self.qubits[q].works for q in c.qubits)
        }

    def with_mean_readout(self) -> DeviceSnapshot:
        """The same device with readouts that are wrong for |0> as often as for |1>."""
        return replace(
            self, qubits=tuple(replace(qubit, readout_asymmetry=0.0) for qubit in self.qubits)
        )

    @cached_property
    def neighbours(self) -> dict[int, frozenset[int]]:
        """Qubit → the qubits that share a coupler with it, working or not."""
        found: dict[int, set[int]] = {}
        for coupler in self.couplers:
            first, second = coupler.qubits
            found.setdefault(first, set()).add(second)
            found.setdefault(second, set()).add(first)
        return {qubit: frozenset(others) for qubit, others in found.items()}

    @cached_property
    def interaction_hertz(self) -> dict[int, tuple[float, ...]]:
        """Qubit → rates of its interactions with neighbours that are never switched off."""
        found: dict[int, tuple[float, ...]] = {}
        for one in self.interactions:
            for qubit in one.qubits:
                found[qubit] = (*found.get(qubit, ()), one.hertz)
        return found

    @cached_property
    def parallel_error_ratio(self) -> float | None:
        """How many times larger errors of two-qubit gates are in parallel than alone.

        See :func:`~backends.devices.collective.parallel_error_ratio`.
        """
        return parallel_error_ratio(
            self.layers, {pair: gate.error for pair, gate in self.working_couplers.items()}
        )

    @cached_property
    def regions(self) -> tuple[frozenset[int], ...]:
        """Sets of qubits connected by working couplers, the largest first; broken qubits alone."""
        graph = rx.PyGraph(multigraph=False)
        graph.add_nodes_from(range(self.num_qubits))
        graph.add_edges_from_no_data(list(self.working_couplers))
        found = [frozenset(region) for region in rx.connected_components(graph)]
        return tuple(sorted(found, key=lambda region: (-len(region), min(region))))

    @property
    def largest_region(self) -> frozenset[int]:
        """The largest set of qubits connected by working couplers."""
        return self.regions[0]

    @property
    def what_is_connected(self) -> str:
        """Number of qubits that can be used together, and what separates the others.

        >>> qubit = QubitCalibration(1e-4, 1e-4, 1e-4, 3e-8, 1e-2, 2e-6)
        >>> errors = (2e-3, 2e-3, 1.0, 2e-3)
        >>> pairs = tuple(CouplerCalibration((a, a + 1), e, 7e-8) for a, e in enumerate(errors))
        >>> print(DeviceSnapshot("toy", None, "cz", (qubit,) * 5, pairs).what_is_connected)
        3 that work and are connected (of 5; it falls into parts of 3, 2; broken couplers: 2-3)
        """
        sizes = [len(region) for region in self.regions if len(region) > 1]
        why = [f"of {self.num_qubits}"]
        if len(sizes) > 1:
            why.append(f"it falls into parts of {', '.join(map(str, sizes))}")
        if dead := [str(k) for k, q in enumerate(self.qubits) if not q.works]:
            why.append(f"broken qubits: {some(dead)}")
        pairs = {tuple(sorted(c.qubits)) for c in self.couplers if c.error >= 1}
        if broken := [f"{a}-{b}" for a, b in sorted(pairs)]:
            why.append(f"broken couplers: {some(broken)}")
        return f"{len(self.largest_region)} that work and are connected ({'; '.join(why)})"

    def require_room(self, qubits: int) -> None:
        """Raise :class:`DoesNotFit`, with the causes, if fewer qubits are connected."""
        if qubits > len(self.largest_region):
            raise DoesNotFit(
                f"the circuit needs {qubits} connected qubits, but device '{self.name}' has "
                f"{self.what_is_connected}; choose a smaller n or a larger device"
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical content (sorted keys), in hexadecimal.

        >>> qubit = QubitCalibration(1e-4, 1e-4, 1e-4, 3e-8, 1e-2, 2e-6)
        >>> pair = CouplerCalibration((0, 1), 2e-3, 7e-8)
        >>> DeviceSnapshot("toy", None, "cz", (qubit, qubit), (pair,)).fingerprint[:12]
        'a08c08027473'
        """
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON of the whole snapshot.

        Fields that were added later are left out if empty, so that every old snapshot keeps its
        fingerprint.
        """
        document = asdict(self)
        del document["remarks"]
        for later in ("lacks", "recompiles", "layers", "interactions"):
            if not document[later]:
                del document[later]
        for qubit in document["qubits"]:
            if not qubit["readout_asymmetry"]:
                del qubit["readout_asymmetry"]
        return json.dumps(document, sort_keys=True)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DeviceSnapshot:
        """Read the parsed JSON of a snapshot that :meth:`to_json` wrote, with all its values.

        Raises:
            ValueError: if it is no such document.
        """
        require_archived(document, ENTANGLERS)
        fields = dict(document)
        try:
            fields["qubits"] = tuple(QubitCalibration(**q) for q in document["qubits"])
            fields["couplers"] = tuple(
                CouplerCalibration(tuple(c["qubits"]), c["error"], c["gate_seconds"])
                for c in document["couplers"]
            )
            fields["lacks"] = tuple(document.get("lacks", ()))
            fields["layers"] = tuple(
                LayerCalibration(tuple(one["qubits"]), one["fidelity"])
                for one in document.get("layers", ())
            )
            fields["interactions"] = tuple(
                Interaction(tuple(one["qubits"]), one["hertz"])
                for one in document.get("interactions", ())
            )
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError("it has other keys than this version knows") from error

    @classmethod
    def read(cls, stated: StatedDevice) -> DeviceSnapshot:
        """Judge what a source states, by the rules of docs/calibration.md.

        Raises:
            UnusableDevice: if it states more qubits than can be meant.
        """
        if len(stated.qubits) > MOST_QUBITS:
            raise UnusableDevice(
                f"device '{stated.name}' states {len(stated.qubits)} qubits; at most {MOST_QUBITS} "
                "can be read"
            )
        reading = Reading()
        reading.unreadable(stated.unreadable)
        qubits = _read_qubits(stated.qubits, reading)
        in_order = sorted(stated.couplers, key=lambda coupler: coupler.qubits)
        couplers = [_read_coupler(coupler, reading) for coupler in in_order]
        date = reading.date(stated.date)
        return cls(
            name=stated.name,
            calibrated_at=date,
            entangler=stated.entangler,
            qubits=qubits,
            couplers=tuple(couplers),
            dynamic_circuits=stated.dynamic_circuits,
            lacks=stated.lacks,
            recompiles=stated.recompiles,
            layers=stated.layers,
            interactions=stated.interactions,
            remarks=reading.remarks(
                sum(qubit is not None for qubit in stated.qubits),
                len({frozenset(coupler.qubits) for coupler in couplers}),
            ),
        )

    def judged(self) -> DeviceSnapshot:
        """The same by the rules of docs/calibration.md: for a snapshot of another origin."""
        read = DeviceSnapshot.read(
            StatedDevice(
                self.name,
                self.calibrated_at,
                self.entangler,
                [_restated(qubit) for qubit in self.qubits],
                [StatedCoupler(c.qubits, c.error, Time(c.gate_seconds)) for c in self.couplers],
            )
        )
        return replace(
            read,
            dynamic_circuits=self.dynamic_circuits,
            lacks=self.lacks,
            recompiles=self.recompiles,
            layers=self.layers,
            interactions=self.interactions,
        )

    @classmethod
    def from_ibm_properties(
        cls, document: Mapping[str, Any], offers: Offers | None = None
    ) -> DeviceSnapshot:
        """Read the properties document of an IBM backend.

        Args:
            document: the parsed JSON.
            offers: what else the device says that it can run.

        Raises:
            ValueError: if it is no such document.
            UnusableDevice: if no Clifford two-qubit gate is among its gates.
        """
        return cls.read(stated_by_ibm(document, offers))

    @classmethod
    def from_target(
        cls, target: Target, name: str, calibrated_at: datetime | None = None
    ) -> DeviceSnapshot:
        """Read any Qiskit target.

        Raises:
            UnusableDevice: if no Clifford two-qubit gate is among its operations, or if it does not
                say which qubits they join.
        """
        return cls.read(stated_by_target(target, name, calibrated_at))

    def to_target(self) -> Target:
        """Build a Qiskit target of the working parts: broken couplers and qubits have no gates.

        It is built once and shared, since building takes long: copy it before you change it.

        Raises:
            UnusableDevice: if no coupler works.
        """
        return _target(self)


@lru_cache(maxsize=16)
def _target(device: DeviceSnapshot) -> Target:
    if not device.working_couplers:
        raise UnusableDevice(
            f"device '{device.name}' has no working coupler: each of its "
            f"{len(device.couplers)} two-qubit gates is reported broken (error 1) or touches "
            "a qubit without calibration; take another snapshot or another device"
        )
    target = Target(
        num_qubits=device.num_qubits,
        qubit_properties=[QubitProperties(q.t1_seconds, q.t2_seconds) for q in device.qubits],
    )
    gates = get_standard_gate_name_mapping()
    working = [k for k, q in enumerate(device.qubits) if q.works]
    pulses = {
        (k,): InstructionProperties(device.qubits[k].gate_seconds, device.qubits[k].gate_error)
        for k in working
    }
    target.add_instruction(gates["sx"], dict(pulses))
    target.add_instruction(gates["x"], dict(pulses))
    virtual = {(k,): InstructionProperties(0.0, 0.0) for k in working}
    target.add_instruction(gates["rz"], virtual)
    target.add_instruction(
        _entangling_gate(device.entangler),
        {
            pair: InstructionProperties(c.gate_seconds, c.error)
            for pair, c in device.working_couplers.items()
        },
    )
    readout = {
        (k,): InstructionProperties(
            device.qubits[k].readout_seconds, device.qubits[k].readout_error
        )
        for k in working
    }
    target.add_instruction(Measure(), readout)
    if "reset" not in device.lacks:
        target.add_instruction(Reset(), {(k,): None for k in working})
    target.add_instruction(Delay(Parameter("t")), {(k,): None for k in working})
    if device.dynamic_circuits:
        target.add_instruction(IfElseOp, name="if_else")
    return target


def _entangling_gate(name: str) -> Gate:
    turns = {"rxx": RXXGate(math.pi / 2), "rzz": RZZGate(math.pi / 2)}
    return turns.get(name) or get_standard_gate_name_mapping()[name]


def _read_qubits(
    stated: Sequence[StatedQubit | None], reading: Reading
) -> tuple[QubitCalibration, ...]:
    there = [qubit for qubit in stated if qubit is not None]
    if not any(_is_stated(qubit.t1) for qubit in there):
        reading.not_stated("T1")
        there = [replace(qubit, t1=Time(NOT_STATED_SECONDS)) for qubit in there]
    if not any(_is_stated(qubit.t2) for qubit in there):
        reading.not_stated("T2")
        there = [replace(qubit, t2=Time(NOT_STATED_SECONDS)) for qubit in there]
    judged = iter(there)
    return tuple(
        NO_QUBIT if qubit is None else _read_qubit(str(index), next(judged), reading)
        for index, qubit in enumerate(stated)
    )


def _is_stated(time: Time | None) -> bool:
    return time is not None and time.value is not None


def _read_qubit(part: str, stated: StatedQubit, reading: Reading) -> QubitCalibration:
    if stated.out_of_order:
        reading.unusable("qubits", part, stated.out_of_order)
    gate_error = reading.error("qubits", part, "gate error", stated.gate_error)
    gate_seconds = reading.length("qubits", part, "gate length", stated.gate_time)
    readout_error = reading.error("qubits", part, "readout error", stated.readout_error)
    readout_seconds = reading.length("qubits", part, "readout length", stated.readout_time)
    if stated.out_of_order or gate_seconds is None or readout_seconds is None:
        gate_error = 1.0
    most = 2 * min(readout_error, 1 - readout_error)
    return QubitCalibration(
        t1_seconds=reading.decay(part, "T1", stated.t1),
        t2_seconds=reading.decay(part, "T2", stated.t2),
        gate_error=gate_error,
        gate_seconds=gate_seconds or 0.0,
        readout_error=readout_error,
        readout_seconds=readout_seconds or 0.0,
        readout_asymmetry=max(-most, min(most, number(stated.readout_asymmetry) or 0.0)),
    )


def _read_coupler(stated: StatedCoupler, reading: Reading) -> CouplerCalibration:
    part = "-".join(map(str, sorted(stated.qubits)))
    if stated.out_of_order:
        reading.unusable("couplers", part, stated.out_of_order)
    error = reading.error("couplers", part, "gate error", stated.error)
    seconds = reading.length("couplers", part, "gate length", stated.time)
    if stated.out_of_order or seconds is None:
        error = 1.0
    return CouplerCalibration(stated.qubits, error, seconds or 0.0)


def _restated(qubit: QubitCalibration) -> StatedQubit | None:
    """What an archived calibration states of a qubit; None where there is no qubit."""
    if qubit == NO_QUBIT:
        return None
    return StatedQubit(
        t1=Time(qubit.t1_seconds),
        t2=Time(qubit.t2_seconds),
        gate_error=qubit.gate_error,
        gate_time=Time(qubit.gate_seconds),
        readout_error=qubit.readout_error,
        readout_time=Time(qubit.readout_seconds),
        readout_asymmetry=qubit.readout_asymmetry,
    )
