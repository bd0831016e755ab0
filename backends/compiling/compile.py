"""From logical circuits to native ones, kept Clifford.

Strategy ``stock`` is the stock transpiler, ``protocol`` the compiler that knows what is encryption,
key and clone (:mod:`backends.compiling.protocol`), and whichever of the two is predicted to do
better. Several transpiler seeds are tried and the one with the best predicted value wins; the
prediction uses the calibration snapshot alone. Settings that differ only in single-qubit gates
before readout are compiled once and share one layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from qiskit.circuit import QuantumCircuit, Qubit
from qiskit.transpiler import PassManager, Target, generate_preset_pass_manager

from backends.compiling.certificate import Certificate, certify
from backends.compiling.clifford_passes import clifford_optimization, native_gates
from backends.compiling.decoupling import decoupled
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.prediction import predicted_setting
from backends.simulation.pulse_trains import Decoupling
from experiments.settings import Setting
from experiments.stabilizer.clifford import Step, early_measurements, steps

Compiler = Literal["stock", "protocol"]


MOVES_PER_SECOND = 200_000
"""What a second of budget stands for: about what two cores of a laptop of 2024 do."""


@dataclass(frozen=True)
class Search:
    """The budget of the protocol compiler.

    Attributes:
        moves: changes of a placement that are tried; equal numbers give equal circuits.
        seed: of the search.
        workers: threads that search, which changes no result; None takes one for each core.
    """

    moves: int
    seed: int = 0
    workers: int | None = None


@dataclass(frozen=True, eq=False)
class CompiledSetting:
    """A setting ready to be sent.

    Attributes:
        setting: the logical setting.
        circuit: its native circuit, on the device's qubits.
        certificate: proof that it still is the protocol.
        predicted_success: exact probability of success under the snapshot's noise.
        refocused_success: the same with decoupling assumed perfect; None without decoupling.
    """

    setting: Setting
    circuit: QuantumCircuit
    certificate: Certificate
    predicted_success: float
    refocused_success: float | None = None


@dataclass(frozen=True, eq=False)
class CompiledPoint:
    """All settings of one point, compiled alike.

    Attributes:
        settings: one a setting, in the estimator's order.
        predicted: the point's predicted value.
        transpiler_seed: the seed that gave the best prediction; None without a device.
        candidates: predicted value of every seed that was tried, in order (``expected``).
        compiler: which one made the circuits, ``stock`` or ``protocol``.
        alternative: predicted value of the other compiler's circuits; None if it was not asked or
            has none.
        remark: why the protocol compiler was asked and did not make them; empty otherwise.
        refocused: the point's value predicted with decoupling assumed perfect, an upper bound;
            None without decoupling. Then ``predicted``, for which dephasing is white, is a lower
            bound.
    """

    settings: tuple[CompiledSetting, ...]
    predicted: float
    transpiler_seed: int | None
    candidates: tuple[float, ...]
    compiler: Compiler = "stock"
    alternative: float | None = None
    remark: str = ""
    refocused: float | None = None

    @property
    def expected(self) -> float:
        """The prediction by which circuits are chosen: who decouples assumes that it works."""
        return self.predicted if self.refocused is None else self.refocused


def compile_point(
    settings: Sequence[Setting],
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot | None,
    transpiler_seeds: Sequence[int],
    search: Search | None = None,
    decoupling: Decoupling = "none",
) -> CompiledPoint:
    """Compile the settings of one point for a device.

    With ``search`` the protocol compiler is tried too, and the better prediction wins. With
    ``decoupling`` waits get pulse trains where they pay, and predictions that choose between
    circuits assume that these refocus all dephasing.

    Args:
        settings: the logical settings.
        value: the point's estimator, from success probabilities to a value to be maximized.
        snapshot: the device; None runs the logical circuits as they are, gates decomposed.
        transpiler_seeds: seeds to try.
        search: the budget of the protocol compiler; None leaves it out.
        decoupling: which pulse trains.

    Raises:
        DoesNotFit: if the device is too small or lacks an operation.
    """
    if snapshot is None:
        return _evaluated(
            settings, [with_elementary_gates(s.circuit) for s in settings], value, None, None
        )
    require_fit(settings, snapshot)
    stock = _by_stock(settings, value, snapshot, transpiler_seeds, decoupling)
    if search is None:
        return stock
    # Imported here: whoever does not ask for it does not wait for its machine code.
    from backends.compiling.protocol import compiler

    try:
        circuits = compiler.compile_protocol(
            [s.circuit for s in settings],
            snapshot,
            search.moves,
            search.seed,
            search.workers,
            decoupling,
        )
    except (compiler.NotRecognised, DoesNotFit) as reason:
        return replace(stock, remark=f"compiled by the stock transpiler: {reason}")
    trains = [decoupled(circuit, snapshot, decoupling) for circuit in circuits]
    protocol = _evaluated(settings, trains, value, snapshot, None, decoupling)
    if protocol.expected < stock.expected:
        return replace(
            stock,
            alternative=protocol.expected,
            remark="compiled by the stock transpiler, which is predicted to do better "
            f"({stock.expected:.4f}) than the protocol compiler ({protocol.expected:.4f})",
        )
    return replace(
        protocol,
        compiler="protocol",
        alternative=stock.expected,
        candidates=stock.candidates,
    )


def _by_stock(
    settings: Sequence[Setting],
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot,
    transpiler_seeds: Sequence[int],
    decoupling: Decoupling,
) -> CompiledPoint:
    compilers = [_stock_compiler(snapshot, seed) for seed in transpiler_seeds]
    candidates = []
    for compiler in compilers:
        circuits = [
            decoupled(circuit, snapshot, decoupling)
            for circuit in compiler.compile_all([s.circuit for s in settings])
        ]
        chances = [
            predicted_setting(s, c, snapshot, refocusing=decoupling != "none")
            for c, s in zip(circuits, settings, strict=True)
        ]
        candidates.append((value(chances), circuits))
    best = max(range(len(candidates)), key=lambda k: candidates[k][0])
    point = _evaluated(
        settings, candidates[best][1], value, snapshot, compilers[best].transpiler_seed, decoupling
    )
    return replace(point, candidates=tuple(v for v, _ in candidates))


def require_fit(settings: Sequence[Setting], snapshot: DeviceSnapshot) -> None:
    """Raise :class:`DoesNotFit` where it is plain before compiling that a device will not do."""
    snapshot.require_room(max(s.circuit.num_qubits for s in settings))
    for setting in settings:
        for needed_operation in _asked_for(list(steps(setting.circuit))):
            if needed_operation in _lacking(snapshot):
                raise DoesNotFit(
                    f"setting '{setting.label}' needs {_NEEDS[needed_operation]}, which device "
                    f"'{snapshot.name}' does not offer; {_INSTEAD[needed_operation]}"
                )


_NEEDS = {
    "condition": "gates conditioned on outcomes (strategy 'feedforward')",
    "reset": "a reset",
    "delay": "a delay",
    "mid-circuit measurement": "a measurement before the end of the circuit",
}
_INSTEAD = {
    "condition": "strategy 'frame' gives the same clone up to a known Pauli without them",
    "reset": "lose servers by 'loss: measure' on a device that can measure early, or run this "
    "on another device",
    "delay": "leave out the idle time, or run this on another device",
    "mid-circuit measurement": "read everything at the end (CHSH scenario '2-2'), or run this on "
    "another device",
}


def _lacking(snapshot: DeviceSnapshot) -> set[str]:
    conditions = set() if snapshot.dynamic_circuits else {"condition"}
    return conditions | set(snapshot.lacks)


def _asked_for(operations: Sequence[Step]) -> Iterator[str]:
    """What a circuit needs beyond gates and a readout at the end, most telling first."""
    if any(step.condition for step in operations):
        yield "condition"
    for name in ("reset", "delay"):
        if any(step.name == name for step in operations):
            yield name
    if early_measurements(operations):
        yield "mid-circuit measurement"


class StockCompiler:
    """Qiskit's level-3 layout and routing, then an optimization that stays Clifford.

    Attributes:
        transpiler_seed: seed of layout and routing; equal seeds give equal circuits.
    """

    def __init__(self, target: Target, transpiler_seed: int) -> None:
        self.transpiler_seed = transpiler_seed
        self._passes = generate_preset_pass_manager(
            optimization_level=3, target=target, seed_transpiler=transpiler_seed
        )
        # The first stage would resynthesize with general angles.
        self._passes.init = None
        # Blocks are collected from any gates, so translating once, at the end, is enough.
        self._passes.translation = None
        self._passes.optimization = clifford_optimization(target)
        self._native = PassManager(native_gates(target))

    def compile_all(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Compile circuits; those that agree up to the end of their last stage share one layout.

        That is where what follows it is single-qubit gates and readout.
        """
        first, *others = [with_elementary_gates(c) for c in circuits]
        compiled = [self._passes.run(first)]
        for other in others:
            cut = _end_of_stages(other)
            local = (
                all(
                    len(i.qubits) == 1 or i.name == "barrier"
                    for one in (first, other)
                    for i in one.data[_end_of_stages(one) + 1 :]
                )
                and first.cregs == other.cregs
                and _same_start(first, other, cut)
            )
            compiled.append(
                self._with_readout(compiled[0], other) if local else self._passes.run(other)
            )
        return compiled

    def _with_readout(self, like: QuantumCircuit, logical: QuantumCircuit) -> QuantumCircuit:
        """``like`` up to the end of its last stage, then the readout of ``logical``."""
        cut, logical_cut = _end_of_stages(like), _end_of_stages(logical)
        place: dict[Qubit, Qubit] = dict(
            zip(logical.data[logical_cut].qubits, like.data[cut].qubits, strict=True)
        )
        tail = like.copy_empty_like()
        for instruction in logical.data[logical_cut + 1 :]:
            bits = [tail.clbits[logical.find_bit(c).index] for c in instruction.clbits]
            tail.append(instruction.operation, [place[q] for q in instruction.qubits], bits)
        out = like.copy()
        del out.data[cut + 1 :]
        for instruction in self._native.run(tail).data:
            out.append(instruction)
        return out


@lru_cache(maxsize=64)
def _stock_compiler(snapshot: DeviceSnapshot, transpiler_seed: int) -> StockCompiler:
    return StockCompiler(snapshot.to_target(), transpiler_seed)


def _evaluated(
    settings: Sequence[Setting],
    circuits: Sequence[QuantumCircuit],
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot | None,
    transpiler_seed: int | None,
    decoupling: Decoupling = "none",
) -> CompiledPoint:
    compiled = tuple(
        CompiledSetting(
            setting,
            circuit,
            certified(setting.circuit, circuit, snapshot),
            predicted_setting(setting, circuit, snapshot),
            None
            if decoupling == "none"
            else predicted_setting(setting, circuit, snapshot, refocusing=True),
        )
        for setting, circuit in zip(settings, circuits, strict=True)
    )
    predicted = value([c.predicted_success for c in compiled])
    chances = [c.refocused_success for c in compiled if c.refocused_success is not None]
    return CompiledPoint(
        compiled,
        predicted,
        transpiler_seed,
        (predicted,),
        refocused=value(chances) if chances else None,
    )


def certified(
    logical: QuantumCircuit, compiled: QuantumCircuit, snapshot: DeviceSnapshot | None
) -> Certificate:
    """The certificate of a compiled circuit, as far as the device runs what it is sent."""
    certificate = certify(logical, compiled)
    if snapshot is None or not snapshot.recompiles or certificate.status != "proved":
        return certificate
    return replace(
        certificate,
        status="unverified",
        remark=f"device '{snapshot.name}' may change what it is sent, so nothing is proved about "
        "what ran",
    )


def with_elementary_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with the protocol's gates replaced by their definitions."""
    return circuit.decompose(["encrypt", "decrypt"])


def _end_of_stages(circuit: QuantumCircuit) -> int:
    """Index of the last labelled barrier."""
    return max(k for k, i in enumerate(circuit.data) if i.name == "barrier" and i.label)


def _same_start(first: QuantumCircuit, other: QuantumCircuit, cut: int) -> bool:
    """Whether two circuits on the same qubits agree up to and including an instruction."""

    def described(circuit: QuantumCircuit) -> list[tuple[object, ...]]:
        return [
            (
                i.operation,
                tuple(circuit.find_bit(q).index for q in i.qubits),
                tuple(circuit.find_bit(c).index for c in i.clbits),
            )
            for i in circuit.data[: cut + 1]
        ]

    return described(first) == described(other)
