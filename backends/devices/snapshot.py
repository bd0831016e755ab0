"""Calibration snapshots: all data about a device that predictions use.

A snapshot holds calibration data and nothing else; it is archived with every run. Sources: the
properties of an IBM backend as JSON (the file that the packaged fake backends hold and the service
returns), or any :class:`qiskit.transpiler.Target`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

import rustworkx as rx
from qiskit.circuit import Delay, Gate, IfElseOp, Measure, Parameter, Reset
from qiskit.circuit.library import RXXGate, RZZGate, get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from backends.devices.collective import (
    Interaction,
    LayerCalibration,
    parallel_error_ratio,
    read_interactions,
    read_layers,
)
from backends.errors import DoesNotFit, UnusableDevice

ENTANGLERS = ("cz", "ecr", "cx", "iswap", "rzz", "rxx")
"""Native two-qubit Clifford gates that circuits are compiled to, in order of preference.

``rzz`` and ``rxx`` are rotations by π/2, the gates of trapped ions.
"""

NOT_STATED_SECONDS = 1e9
"""Decay time of a device that states none: no idle noise is predicted then."""

_SHOWN = 6
"""Largest number of broken parts in a message."""

_STATED = ("cz", "ecr", "cx", "iswap")
"""Those whose name alone identifies them in a calibration document or target."""

Operation = Literal["barrier", "delay", "mid-circuit measurement", "reset"]
"""Operations that a device is assumed to have unless it is known to lack them."""

_PULSES = ("sx", "x", "r", "prx", "u", "u3")


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
            why.append(f"broken qubits: {_some(dead)}")
        pairs = {tuple(sorted(c.qubits)) for c in self.couplers if c.error >= 1}
        if broken := [f"{a}-{b}" for a, b in sorted(pairs)]:
            why.append(f"broken couplers: {_some(broken)}")
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
        for later in ("lacks", "recompiles", "layers", "interactions"):
            if not document[later]:
                del document[later]
        for qubit in document["qubits"]:
            if not qubit["readout_asymmetry"]:
                del qubit["readout_asymmetry"]
        return json.dumps(document, sort_keys=True)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DeviceSnapshot:
        """Read the parsed JSON of a snapshot that :meth:`to_json` wrote."""
        fields = dict(document)
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

    @classmethod
    def from_ibm_properties(cls, document: Mapping[str, Any]) -> DeviceSnapshot:
        """Read the properties document of an IBM backend.

        Raises:
            UnusableDevice: if no Clifford two-qubit gate is among its gates.
        """
        gates: dict[tuple[str, tuple[int, ...]], dict[str, float]] = {}
        for gate in document["gates"]:
            gates[gate["gate"], tuple(gate["qubits"])] = _values(gate["parameters"])
        entangler = _first_entangler(document["backend_name"], {name for name, _ in gates})
        qubits = []
        for index, parameters in enumerate(document["qubits"]):
            values = _values(parameters)
            pulse = next((gates[p, (index,)] for p in _PULSES if (p, (index,)) in gates), {})
            readout_error = values.get("readout_error", 1.0)
            qubits.append(
                QubitCalibration(
                    t1_seconds=values.get("T1"),
                    t2_seconds=values.get("T2"),
                    gate_error=pulse.get("gate_error", 1.0),
                    gate_seconds=pulse.get("gate_length", 0.0),
                    readout_error=readout_error,
                    readout_seconds=values.get("readout_length", 0.0),
                    readout_asymmetry=_asymmetry(values, readout_error),
                )
            )
        couplers = [
            CouplerCalibration(
                (pair[0], pair[1]), values.get("gate_error", 1.0), values.get("gate_length", 0.0)
            )
            for (name, pair), values in gates.items()
            if name == entangler
        ]
        return cls(
            name=document["backend_name"],
            calibrated_at=str(document["last_update_date"]),
            entangler=entangler,
            qubits=tuple(qubits),
            couplers=tuple(sorted(couplers, key=lambda c: c.qubits)),
            layers=read_layers(document),
            interactions=read_interactions(document, {tuple(sorted(c.qubits)) for c in couplers}),
        )

    @classmethod
    def from_target(
        cls, target: Target, name: str, calibrated_at: datetime | None = None
    ) -> DeviceSnapshot:
        """Read any Qiskit target.

        An error that the target does not state counts as 0, a qubit without T1 or T2 as one
        that does not work. A target without T1 and T2 of any qubit is one on which nothing decays.

        Raises:
            UnusableDevice: if no Clifford two-qubit gate is among its operations, or if it does not
                say which qubits they join.
        """
        entangler = _first_entangler(name, target.operation_names)
        pulse = next((p for p in _PULSES if p in target.operation_names), None)
        if pulse is None or "measure" not in target.operation_names:
            raise UnusableDevice(
                f"device '{name}' states no single-qubit pulse ({', '.join(_PULSES)}) or no "
                f"measurement; its operations are: {', '.join(sorted(target.operation_names))}"
            )
        pairs = target.qargs_for_operation_name(entangler)
        if pairs is None or target.num_qubits is None:
            raise UnusableDevice(
                f"device '{name}' does not state which qubits '{entangler}' joins: its operations "
                "are for any qubits, as those of an ideal simulator; give its Target a coupling map"
            )
        decays = list(target.qubit_properties or [None] * target.num_qubits)
        if not any(decay and decay.t1 and decay.t2 for decay in decays):
            forever = QubitProperties(NOT_STATED_SECONDS, NOT_STATED_SECONDS)
            decays = [forever] * target.num_qubits
        qubits = []
        for index, decay in enumerate(decays):
            gate_error, gate_seconds = _properties(target, pulse, (index,))
            readout_error, readout_seconds = _properties(target, "measure", (index,))
            qubits.append(
                QubitCalibration(
                    t1_seconds=decay.t1 if decay else None,
                    t2_seconds=decay.t2 if decay else None,
                    gate_error=gate_error,
                    gate_seconds=gate_seconds,
                    readout_error=readout_error,
                    readout_seconds=readout_seconds,
                )
            )
        couplers = [
            CouplerCalibration((pair[0], pair[1]), *_properties(target, entangler, pair))
            for pair in pairs
        ]
        return cls(
            name=name,
            calibrated_at=calibrated_at.isoformat() if calibrated_at else None,
            entangler=entangler,
            qubits=tuple(qubits),
            couplers=tuple(sorted(couplers, key=lambda c: c.qubits)),
            dynamic_circuits="if_else" in target.operation_names,
        )

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


def _values(parameters: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Name → value, times in seconds."""
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    return {p["name"]: p["value"] * scale.get(p.get("unit", ""), 1.0) for p in parameters}


def _asymmetry(values: Mapping[str, float], readout_error: float) -> float:
    """Asymmetry of a readout; the mean error stays the one that is stated."""
    if not {"prob_meas0_prep1", "prob_meas1_prep0"} <= values.keys():
        return 0.0
    most = 2 * min(readout_error, 1 - readout_error)
    return max(-most, min(most, values["prob_meas0_prep1"] - values["prob_meas1_prep0"]))


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and the number of others."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _first_entangler(device: str, names: Iterable[str]) -> str:
    known = set(names)
    for entangler in _STATED:
        if entangler in known:
            return entangler
    raise UnusableDevice(
        f"device '{device}' has no Clifford two-qubit gate: looked for {', '.join(_STATED)}, "
        f"found {', '.join(sorted(known)) or 'no gates'}"
    )


def _properties(target: Target, name: str, qargs: tuple[int, ...]) -> tuple[float, float]:
    """(error, seconds); 1 where the operation is missing, 0 where it states nothing."""
    table = target[name]
    if qargs not in table:
        return 1.0, 0.0
    properties = table[qargs]
    if properties is None:
        return 0.0, 0.0
    error = 0.0 if properties.error is None else properties.error
    seconds = 0.0 if properties.duration is None else properties.duration
    return (1.0 if math.isnan(error) else error), seconds
