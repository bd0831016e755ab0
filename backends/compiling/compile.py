"""Compilation of logical circuits to native circuits that stay Clifford.

Strategy ``stock`` uses the stock transpiler. Strategy ``protocol`` also uses the compiler that
distinguishes encryption, key and clone (:mod:`backends.compiling.protocol`), and chooses the
circuits with the better prediction. Of several transpiler seeds the one with the best predicted
value is chosen; predictions use the calibration snapshot alone. Settings that differ only in
single-qubit gates before readout are compiled together and share a layout.
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
from backends.compiling.decoupling import insert_pulse_trains
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.decoding.decoder import Decoder
from backends.simulation.decoding.error_model import ErrorModel
from backends.simulation.noise_models import LAYERS
from backends.simulation.prediction import Successes, predict_bounds, predict_setting
from backends.simulation.pulse_trains import Decoupling
from experiments.settings import Check, Setting
from experiments.stabilizer.clifford import Step, early_measurements, steps

Compiler = Literal["stock", "protocol"]


MOVES_PER_SECOND = 200_000
"""Moves of the search per second of budget: the speed of about two cores of a laptop of 2024."""


@dataclass(frozen=True)
class Search:
    """The search budget of the protocol compiler.

    Attributes:
        moves: number of changes of a placement to try; equal numbers give equal circuits.
        seed: seed of the search.
        workers: number of threads, without an effect on the result; None for one per core.
    """

    moves: int
    seed: int = 0
    workers: int | None = None


@dataclass(frozen=True, eq=False)
class CompiledSetting:
    """A compiled setting.

    Attributes:
        setting: the logical setting.
        circuit: its native circuit, on the device's qubits.
        certificate: proof that the native circuit is the logical one.
        predicted_success: exact probability of success under the snapshot's noise.
        refocused_success: the same with perfect decoupling assumed; None without decoupling.
        success_bounds: the same under the pessimistic and the optimistic noise model
            (:mod:`backends.simulation.noise_models`); None where these are not asked for.
        error_model: what the calibration knows of errors in it; None if unused qubits are not
            read.
        by_calibration: predictions by today's calibration and by each past one, None where the
            circuit would not have run; empty where no past calibration is known.
    """

    setting: Setting
    circuit: QuantumCircuit
    certificate: Certificate
    predicted_success: float
    refocused_success: float | None = None
    success_bounds: tuple[float, float] | None = None
    error_model: ErrorModel | None = None
    by_calibration: tuple[Successes | None, ...] = ()


@dataclass(frozen=True, eq=False)
class CompiledPoint:
    """The compiled settings of a point.

    Attributes:
        settings: one compiled setting for each setting, in the estimator's order.
        predicted: predicted value of the point.
        transpiler_seed: the seed with the best prediction; None without a device or if the
            protocol compiler made the circuits.
        candidates: prediction (``expected``) of every transpiler seed, in order.
        compiler: the compiler of the circuits, ``stock`` or ``protocol``.
        alternative: prediction for the circuits of the other compiler; None without such circuits.
        remark: why the circuits are not those of the protocol compiler, if it was to be used;
            empty otherwise.
        refocused: value predicted with perfect decoupling assumed, an upper bound; None without
            decoupling. ``predicted``, with white dephasing, is a lower bound then.
        predicted_low: lower end of the interval of the prediction
            (:func:`with_predictions`); None where it is not asked for.
        predicted_high: its upper end.
        lowest_of_layouts: the lower end for the circuits of the transpiler seed that is predicted
            worst; None where the circuits of other seeds are not known.
        left_out: number of past calibrations that are not in the interval, since a qubit or
            coupler that the circuits use did not work; None where no past calibration is known.
        decoder: how its shots are corrected and post-selected; None if unused qubits are not read.
    """

    settings: tuple[CompiledSetting, ...]
    predicted: float
    transpiler_seed: int | None
    candidates: tuple[float, ...]
    compiler: Compiler = "stock"
    alternative: float | None = None
    remark: str = ""
    refocused: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None
    lowest_of_layouts: float | None = None
    left_out: int | None = None
    decoder: Decoder | None = None

    @property
    def expected(self) -> float:
        """The prediction by which circuits are chosen; with decoupling it is assumed perfect."""
        return self.predicted if self.refocused is None else self.refocused


def compile_point(
    settings: Sequence[Setting],
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot | None,
    transpiler_seeds: Sequence[int],
    search: Search | None = None,
    decoupling: Decoupling = "none",
) -> CompiledPoint:
    """Compile the settings of a point for a device.

    With ``search`` the protocol compiler is used too, and the circuits with the better prediction
    are chosen. With ``decoupling`` idles get pulse trains where these improve the prediction, and
    circuits are compared under the assumption that pulse trains refocus all dephasing.

    Args:
        settings: the logical settings.
        value: the point's estimator, from success probabilities to a value to be maximized.
        snapshot: the device; None decomposes the gates of the logical circuits, no more.
        transpiler_seeds: seeds to try.
        search: search budget of the protocol compiler; None for the stock transpiler alone.
        decoupling: the sequence of pulses.

    Raises:
        DoesNotFit: if the device is too small or lacks an operation.
    """
    if snapshot is None:
        return _evaluate(
            settings, [with_elementary_gates(s.circuit) for s in settings], value, None, None
        )
    require_fit(settings, snapshot)
    stock = _compile_by_stock(settings, value, snapshot, transpiler_seeds, decoupling)
    if search is None:
        return stock
    return _compile_by_protocol(stock, settings, value, snapshot, search, decoupling)


def _compile_by_protocol(
    stock: CompiledPoint,
    settings: Sequence[Setting],
    value: Callable[[Sequence[float]], float],
    snapshot: DeviceSnapshot,
    search: Search,
    decoupling: Decoupling,
) -> CompiledPoint:
    """The circuits of the protocol compiler, or those of the stock one if these are better."""
    # Imported here: loading its machine code takes time.
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
    trains = [insert_pulse_trains(circuit, snapshot, decoupling) for circuit in circuits]
    protocol = _evaluate(settings, trains, value, snapshot, None, decoupling)
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
        lowest_of_layouts=stock.lowest_of_layouts,
    )


def _compile_by_stock(
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
            insert_pulse_trains(circuit, snapshot, decoupling)
            for circuit in compiler.compile_all([s.circuit for s in settings])
        ]
        chances = [
            predict_setting(s, c, snapshot, refocusing=decoupling != "none")
            for c, s in zip(circuits, settings, strict=True)
        ]
        candidates.append((value(chances), circuits))
    best = max(range(len(candidates)), key=lambda k: candidates[k][0])
    point = _evaluate(
        settings, candidates[best][1], value, snapshot, compilers[best].transpiler_seed, decoupling
    )
    worst = min(range(len(candidates)), key=lambda k: candidates[k][0])
    lowest = point.predicted_low
    if worst != best:
        pessimistic = [
            predict_setting(s, c, snapshot, model=LAYERS)
            for c, s in zip(candidates[worst][1], settings, strict=True)
        ]
        lowest = min(value(pessimistic), candidates[worst][0], point.predicted_low or 0.0)
    return replace(point, candidates=tuple(v for v, _ in candidates), lowest_of_layouts=lowest)


def require_fit(settings: Sequence[Setting], snapshot: DeviceSnapshot) -> None:
    """Check, before compilation, that a device has the qubits and operations of some settings.

    Raises:
        DoesNotFit: if it has too few connected qubits or lacks an operation.
    """
    snapshot.require_room(max(s.circuit.num_qubits for s in settings))
    for setting in settings:
        for needed_operation in _required_operations(list(steps(setting.circuit))):
            if needed_operation in _missing_operations(snapshot):
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


def _missing_operations(snapshot: DeviceSnapshot) -> set[str]:
    conditions = set() if snapshot.dynamic_circuits else {"condition"}
    return conditions | set(snapshot.lacks)


def _required_operations(operations: Sequence[Step]) -> Iterator[str]:
    """Operations of a circuit beyond gates and final readout, most specific first."""
    if any(step.condition for step in operations):
        yield "condition"
    for name in ("reset", "delay"):
        if any(step.name == name for step in operations):
            yield name
    if early_measurements(operations):
        yield "mid-circuit measurement"


class StockCompiler:
    """Layout and routing of Qiskit's level 3, then an optimization that stays Clifford.

    Attributes:
        transpiler_seed: seed of layout and routing; equal seeds give equal circuits.
    """

    def __init__(self, target: Target, transpiler_seed: int) -> None:
        self.transpiler_seed = transpiler_seed
        self._passes = generate_preset_pass_manager(
            optimization_level=3, target=target, seed_transpiler=transpiler_seed
        )
        # The first stage would resynthesize blocks with general angles.
        self._passes.init = None
        # Blocks are collected from any gates, so translating once, at the end, is enough.
        self._passes.translation = None
        self._passes.optimization = clifford_optimization(target)
        self._native = PassManager(native_gates(target))

    def compile_all(self, circuits: Sequence[QuantumCircuit]) -> list[QuantumCircuit]:
        """Compile circuits.

        Those that agree with the first one up to the last labelled barrier share its layout, if
        only single-qubit gates and readout follow.
        """
        first, *others = [with_elementary_gates(c) for c in circuits]
        compiled = [self._passes.run(first)]
        for other in others:
            cut = _end_of_stages(other)
            local = (
                all(
                    len(i.qubits) == 1 or i.name == "barrier"
                    for circuit in (first, other)
                    for i in circuit.data[_end_of_stages(circuit) + 1 :]
                )
                and first.cregs == other.cregs
                and _same_start(first, other, cut)
            )
            compiled.append(
                self._with_readout(compiled[0], other) if local else self._passes.run(other)
            )
        return compiled

    def _with_readout(self, like: QuantumCircuit, logical: QuantumCircuit) -> QuantumCircuit:
        """``like`` up to its last labelled barrier, then the readout of ``logical``."""
        cut, logical_cut = _end_of_stages(like), _end_of_stages(logical)
        physical: dict[Qubit, Qubit] = dict(
            zip(logical.data[logical_cut].qubits, like.data[cut].qubits, strict=True)
        )
        tail = like.copy_empty_like()
        for instruction in logical.data[logical_cut + 1 :]:
            bits = [tail.clbits[logical.find_bit(c).index] for c in instruction.clbits]
            tail.append(instruction.operation, [physical[q] for q in instruction.qubits], bits)
        out = like.copy()
        del out.data[cut + 1 :]
        for instruction in self._native.run(tail).data:
            out.append(instruction)
        return out


@lru_cache(maxsize=64)
def _stock_compiler(snapshot: DeviceSnapshot, transpiler_seed: int) -> StockCompiler:
    return StockCompiler(snapshot.to_target(), transpiler_seed)


def _evaluate(
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
            predict_setting(setting, circuit, snapshot),
            None
            if decoupling == "none"
            else predict_setting(setting, circuit, snapshot, refocusing=True),
            predict_bounds(setting, circuit, snapshot),
        )
        for setting, circuit in zip(settings, circuits, strict=True)
    )
    predicted = value([c.predicted_success for c in compiled])
    return with_predictions(
        CompiledPoint(compiled, predicted, transpiler_seed, (predicted,)), value
    )


def with_predictions(
    point: CompiledPoint, value: Callable[[Sequence[float]], float]
) -> CompiledPoint:
    """A point with all of its predicted values, from those of its settings.

    The interval is the range of the values under the pessimistic and the optimistic noise model
    and the calibration as it stands, with decoupling assumed perfect if there is any: no estimator
    has to be monotonic in the noise. Where past calibrations are known, it is the range over all
    calibrations in which the circuits would have run; no drift is assumed then.
    """
    settings = point.settings
    predicted = value([one.predicted_success for one in settings])
    chances = [s.refocused_success for s in settings if s.refocused_success is not None]
    refocused = value(chances) if len(chances) == len(settings) else None
    bounds = [one.success_bounds for one in settings if one.success_bounds is not None]
    if len(bounds) < len(settings):
        return replace(point, predicted=predicted, refocused=refocused)
    values = [value([low for low, _ in bounds]), value([high for _, high in bounds])]
    left_out = None
    if settings and settings[0].by_calibration:
        found, left_out = _values_by_calibration(settings, value)
        # The first calibration is today's.
        if left_out < len(settings[0].by_calibration) - 1:
            values = found
    values.append(predicted)
    if refocused is not None:
        values.append(refocused)
    return replace(
        point,
        predicted=predicted,
        refocused=refocused,
        predicted_low=min(values),
        predicted_high=max(values),
        left_out=left_out,
    )


def _values_by_calibration(
    settings: Sequence[CompiledSetting], value: Callable[[Sequence[float]], float]
) -> tuple[list[float], int]:
    """Values by today's calibration and the usable past ones; how many were not usable."""
    found: list[float] = []
    left_out = 0
    for successes in zip(*(one.by_calibration for one in settings), strict=True):
        known = [one for one in successes if one is not None]
        if len(known) < len(settings):
            left_out += 1
            continue
        found += [value(chances) for chances in zip(*known, strict=True)]
    return found, left_out


def certified(
    logical: QuantumCircuit,
    compiled: QuantumCircuit,
    snapshot: DeviceSnapshot | None,
    detectors: Sequence[Check] = (),
) -> Certificate:
    """The certificate of a compiled circuit; ``unverified`` if the device may recompile it."""
    certificate = certify(logical, compiled, detectors)
    if snapshot is None or not snapshot.recompiles or certificate.status != "proved":
        return certificate
    return replace(
        certificate,
        status="unverified",
        remark=f"device '{snapshot.name}' may change what it is sent, so nothing is proved about "
        "what ran",
    )


def with_elementary_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """Replace the gates of the protocol by their definitions."""
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
