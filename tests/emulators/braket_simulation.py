"""Running a vendor's program with the noise that its capabilities state.

Clifford programs run on stim; others, whose readouts are turned, as density matrices of up to
ten qubits. Gates are followed by depolarizing noise of the stated infidelity, idle qubits relax
and dephase, everything happens as late as possible, and readouts flip.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import stim
from braket.devices import LocalSimulator
from braket.ir.openqasm import Program
from braket_programs import Gate, Invalid, Parsed, unitary
from numpy.typing import NDArray

_FREE = ("rz",)
_MOST_QUBITS = 10
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PAULIS = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}


class Noise:
    """Error rates and durations of a device, by qubit and pair."""

    def __init__(self, device: dict[str, Any]) -> None:
        self._device = device
        stated = device.get("standardized") or {}
        self._stated = stated
        provider = device.get("provider") or {}
        if "twoQubitProperties" in stated:
            self.pulse_seconds, self.pair_seconds, self.readout_seconds = 40e-9, 80e-9, 2e-6
        elif stated:
            durations = [
                stated[k]["value"] * _UNITS[stated[k]["unit"]]
                for k in ("singleQubitGateDuration", "twoQubitGateDuration", "readoutDuration")
            ]
            self.pulse_seconds, self.pair_seconds, self.readout_seconds = durations
        else:
            timing = provider["timing"]
            self.pulse_seconds, self.pair_seconds = timing["1Q"], timing["2Q"]
            self.readout_seconds = timing["readout"]
        self._mean = provider.get("fidelity")

    def pulse(self, qubit: int) -> float:
        """Probability of any Pauli error after a pulse."""
        return 1.5 * (1 - self._one(qubit, 0))

    def readout(self, qubit: int) -> float:
        """Probability of a wrong outcome."""
        if self._mean:
            return 1 - self._mean["spam"]["mean"]
        if "readoutFidelity" in self._stated:
            return 1 - self._stated["readoutFidelity"][0]["fidelity"]
        return 1 - self._one(qubit, 1)

    def _one(self, qubit: int, kind: int) -> float:
        if self._mean:
            return float(self._mean["1Q"]["mean"])
        values = self._stated["oneQubitProperties"][str(qubit)]["oneQubitFidelity"]
        return float(values[kind]["fidelity"])

    def pair(self, a: int, b: int) -> float:
        """Probability of any Pauli error after a two-qubit gate."""
        if self._mean:
            fidelity = self._mean["2Q"]["mean"]
        elif "twoQubitGateFidelity" in self._stated:
            fidelity = self._stated["twoQubitGateFidelity"][0]["fidelity"]
        else:
            pairs = self._stated["twoQubitProperties"]
            name = f"{a}-{b}" if f"{a}-{b}" in pairs else f"{b}-{a}"
            fidelity = pairs[name]["twoQubitGateFidelity"][0]["fidelity"]
        return 1.25 * (1 - float(fidelity))

    def idle(self, qubit: int, seconds: float) -> dict[str, float]:
        """Probabilities of X, Y and Z after idling so long: the Pauli twirl of T1 and T2."""
        t1, t2 = self._decay(qubit)
        x = (1 - math.exp(-seconds / t1)) / 4
        z = (1 - math.exp(-seconds / min(t2, 2 * t1))) / 2 - x
        return {"X": x, "Y": x, "Z": max(z, 0.0)}

    def _decay(self, qubit: int) -> tuple[float, float]:
        if self._mean:
            timing = self._device["provider"]["timing"]
            return timing["T1"], timing["T2"]
        where = self._stated
        if "T1" not in where:
            where = where["oneQubitProperties"][str(qubit)]
        t1, t2 = (where[k]["value"] * _UNITS[where[k]["unit"]] for k in ("T1", "T2"))
        return t1, t2

    def seconds(self, gate: Gate) -> float:
        if gate.name in _FREE:
            return 0.0
        if gate.name == "measure_ff":
            return float(self.readout_seconds)
        return float(self.pair_seconds if len(gate.qubits) == 2 else self.pulse_seconds)


def idles(program: Parsed, noise: Noise) -> tuple[list[tuple[float, ...]], dict[int, float]]:
    """Idle time before each gate on each of its qubits, and before each final readout."""
    ready: dict[Any, float] = {q: noise.readout_seconds for _, q in program.measured}
    starts = []
    for gate in reversed(program.gates):
        used = [*gate.qubits, *_feedback(gate)]
        start = max((ready.get(one, 0.0) for one in used), default=0.0) + noise.seconds(gate)
        if gate.name not in _FREE:
            ready.update(dict.fromkeys(used, start))
        starts.append(start)
    starts.reverse()
    busy_until: dict[int, float] = {}
    waits = []
    for gate, start in zip(program.gates, starts, strict=True):
        if gate.name in _FREE:
            waits.append((0.0,) * len(gate.qubits))
            continue
        waits.append(tuple(max(0.0, busy_until.get(q, start) - start) for q in gate.qubits))
        for q in gate.qubits:
            busy_until[q] = start - noise.seconds(gate)
    last = {
        q: max(0.0, busy_until.get(q, noise.readout_seconds) - noise.readout_seconds)
        for _, q in program.measured
    }
    return waits, last


def _feedback(gate: Gate) -> list[str]:
    if gate.name == "measure_ff":
        return [f"key{int(gate.params[0])}"]
    return [f"key{int(gate.params[2])}"] if gate.name == "cc_prx" else []


def run(
    program: Parsed, device: dict[str, Any], shots: int, draw: np.random.Generator
) -> NDArray[np.bool_]:
    """Outcomes, shape (shots, measurements), in the order in which the program measures."""
    noise = Noise(device)
    try:
        return _with_stim(program, noise, shots, draw)
    except _NotCliffordError:
        return _with_matrices(program, noise, shots, draw)


def simulated(source: str, program: Parsed, shots: int) -> NDArray[np.bool_]:
    """The same without noise and with any gate, by the SDK's own simulator."""
    result = LocalSimulator("braket_sv").run(Program(source=source), shots=shots).result()
    column = {int(q): k for k, q in enumerate(result.measured_qubits)}
    order = [column[qubit] for _, qubit in program.measured]
    return np.asarray(result.measurements, dtype=bool)[:, order]


class _NotCliffordError(Exception):
    pass


def _with_stim(
    program: Parsed, noise: Noise, shots: int, draw: np.random.Generator
) -> NDArray[np.bool_]:
    circuit = stim.Circuit()
    waits, last = idles(program, noise)
    keys: dict[int, int] = {}
    for gate, wait in zip(program.gates, waits, strict=True):
        for qubit, seconds in zip(gate.qubits, wait, strict=True):
            _idle(circuit, qubit, noise, seconds)
        if gate.name == "measure_ff":
            keys[int(gate.params[0])] = circuit.num_measurements
            circuit.append("M", gate.qubits, noise.readout(gate.qubits[0]))
            continue
        if gate.name == "cc_prx":
            record = keys[int(gate.params[2])] - circuit.num_measurements
            pauli = _conditional_pauli(gate)
            circuit.append(f"C{pauli}", [stim.target_rec(record), gate.qubits[0]])
        else:
            _append_unitary(circuit, gate)
        if gate.name in _FREE:
            continue
        if len(gate.qubits) == 2:
            circuit.append("DEPOLARIZE2", gate.qubits, noise.pair(*gate.qubits))
        else:
            circuit.append("DEPOLARIZE1", gate.qubits, noise.pulse(*gate.qubits))
    before = circuit.num_measurements
    for _, qubit in program.measured:
        _idle(circuit, qubit, noise, last[qubit])
        circuit.append("M", [qubit], noise.readout(qubit))
    sampler = circuit.compile_sampler(seed=int(draw.integers(2**62)))
    return np.asarray(sampler.sample(shots)[:, before:], dtype=bool)


def _idle(circuit: stim.Circuit, qubit: int, noise: Noise, seconds: float) -> None:
    if seconds > 0:
        chances = noise.idle(qubit, seconds)
        circuit.append("PAULI_CHANNEL_1", [qubit], [chances[p] for p in "XYZ"])


def _conditional_pauli(gate: Gate) -> str:
    angle, phase, _ = gate.params
    quarter = round(phase / (math.pi / 2))
    if abs(abs(angle) - math.pi) > 1e-9 or abs(phase - quarter * math.pi / 2) > 1e-9:
        raise _NotCliffordError
    return "XY"[quarter % 2]


def _append_unitary(circuit: stim.Circuit, gate: Gate) -> None:
    try:
        tableau = stim.Tableau.from_unitary_matrix(unitary(gate), endian="big")
    except ValueError as error:
        raise _NotCliffordError from error
    for instruction in tableau.to_circuit():
        targets = [gate.qubits[t.value] for t in instruction.targets_copy()]
        circuit.append(instruction.name, targets)


def _with_matrices(
    program: Parsed, noise: Noise, shots: int, draw: np.random.Generator
) -> NDArray[np.bool_]:
    used = sorted({q for g in program.gates for q in g.qubits} | {q for _, q in program.measured})
    if len(used) > _MOST_QUBITS or any(g.name in ("measure_ff", "cc_prx") for g in program.gates):
        raise Invalid(f"this emulator runs at most {_MOST_QUBITS} qubits that are not Clifford")
    axis = {q: k for k, q in enumerate(used)}
    n = len(used)
    state = np.zeros((2,) * (2 * n), dtype=np.complex64)
    state[(0,) * (2 * n)] = 1.0
    waits, last = idles(program, noise)
    for gate, wait in zip(program.gates, waits, strict=True):
        for qubit, seconds in zip(gate.qubits, wait, strict=True):
            state = _wait(state, axis[qubit], noise.idle(qubit, seconds), n)
        on = [axis[q] for q in gate.qubits]
        state = _apply(state, unitary(gate), on, n)
        if gate.name not in _FREE:
            chance = noise.pair(*gate.qubits) if len(on) == 2 else noise.pulse(*gate.qubits)
            state = _depolarized(state, on, chance, n)
    for _, qubit in program.measured:
        state = _wait(state, axis[qubit], noise.idle(qubit, last[qubit]), n)
    chances = np.real(np.diag(state.reshape(2**n, 2**n))).clip(min=0).astype(float)
    drawn = draw.choice(2**n, size=shots, p=chances / chances.sum())
    columns = []
    for _, qubit in program.measured:
        outcome = (drawn >> (n - 1 - axis[qubit])) & 1
        columns.append(outcome.astype(bool) ^ (draw.random(shots) < noise.readout(qubit)))
    return np.stack(columns, axis=1)


def _apply(state: NDArray[Any], matrix: NDArray[Any], on: list[int], n: int) -> NDArray[Any]:
    size = len(on)
    tensor = matrix.astype(np.complex64).reshape((2,) * (2 * size))
    for axes, factor in ((on, tensor), ([k + n for k in on], tensor.conj())):
        state = np.tensordot(factor, state, axes=(range(size, 2 * size), axes))
        state = np.moveaxis(state, range(size), axes)
    return state


def _wait(state: NDArray[Any], axis: int, chances: dict[str, float], n: int) -> NDArray[Any]:
    if sum(chances.values()) <= 0:
        return state
    kept = (1 - sum(chances.values())) * state
    for letter, chance in chances.items():
        kept = kept + chance * _apply(state, _PAULIS[letter], [axis], n)
    return kept


def _depolarized(state: NDArray[Any], on: list[int], chance: float, n: int) -> NDArray[Any]:
    dimension = 2 ** len(on)
    lost = chance * dimension**2 / (dimension**2 - 1)
    traced = state
    for k in sorted(on, reverse=True):
        width = traced.ndim // 2
        traced = np.trace(traced, axis1=k, axis2=k + width)
    mixed = traced
    for k in sorted(on):
        width = mixed.ndim // 2
        mixed = np.multiply.outer(mixed, np.eye(2, dtype=np.complex64) / 2)
        mixed = np.moveaxis(mixed, (-2, -1), (k, k + width + 1))
    return (1 - lost) * state + lost * mixed
