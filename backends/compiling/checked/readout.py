"""Compiled points whose unused qubits are read too, and the decoder of their shots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, pairwise

from qiskit.circuit import ClassicalRegister, QuantumCircuit

from backends.compiling.certificate.sites import unused_sites
from backends.compiling.checked.modes import Checks
from backends.compiling.clifford_passes import clifford_optimization
from backends.compiling.compile import (
    CompiledPoint,
    CompiledSetting,
    certified,
    with_predictions,
)
from backends.devices.snapshot import DeviceSnapshot
from backends.simulation.decoding.decoder import Decoder
from backends.simulation.decoding.error_model import (
    MOST_EXACT,
    ErrorModel,
    build_error_model,
    most_telling,
)
from backends.simulation.decoding.rules import ALL_PASSED, Keep
from backends.simulation.prediction import predict_bounds, predict_setting
from experiments.settings import Setting
from experiments.stabilizer.clifford import steps
from experiments.statistics.estimators import LinearEstimator
from experiments.unused_qubits import (
    REGISTER,
    BellPair,
    Readout,
    Single,
    SpentState,
    append_readouts,
    choose_readouts,
    find_corrections,
    find_detectors,
    key_bits,
)


def read_unused_qubits(
    point: CompiledPoint,
    estimator: LinearEstimator,
    snapshot: DeviceSnapshot | None,
    checks: Checks,
    keep: Keep = ALL_PASSED,
) -> CompiledPoint:
    """The same compiled point with its unused qubits read, and a decoder.

    Unused qubits are read in the same way in every setting. With ``pairs`` neighbours may be read
    as Bell pairs; they are where the corrected value is predicted to be better for it.

    Args:
        point: the compiled point.
        estimator: how success probabilities make up its value.
        snapshot: the device; None for a perfect one.
        checks: which readouts there are; ``none`` returns the point as it is.
        keep: what post-selection keeps.

    Raises:
        DoesNotFit: if the shots of the point cannot be corrected.
    """
    if checks == "none":
        return point
    sites = [unused_sites(one.setting.circuit, one.circuit) for one in point.settings]
    common = sorted(set.intersection(*(set(one) for one in sites)))
    places = [{qubit: one[qubit] for qubit in common} for one in sites]
    states = [
        SpentState.of(
            tuple(steps(one.circuit)), list(place.values()), key_bits(one.setting.circuit)
        )
        for one, place in zip(point.settings, places, strict=True)
    ]
    # By their logical numbers, since each setting may have them elsewhere.
    states = [replace(state, unused=tuple(common)) for state in states]
    found = [_checked(point, estimator, snapshot, keep, places, choose_readouts(states))]
    if checks == "pairs" and (couplings := list(_neighbours(places, snapshot))):
        readouts = choose_readouts(states, couplings)
        if any(isinstance(one, BellPair) for one in readouts):
            found.append(_checked(point, estimator, snapshot, keep, places, readouts))
    best = max(found, key=_corrected)
    settings = tuple(_proved(one, snapshot) for one in best.settings)
    return with_predictions(replace(best, settings=settings), estimator.value)


def _corrected(point: CompiledPoint) -> float:
    return point.decoder.prediction.corrected if point.decoder else point.predicted


def _neighbours(
    places: Sequence[Mapping[int, int]], snapshot: DeviceSnapshot | None
) -> Iterable[tuple[int, int]]:
    """Unused qubits that a two-qubit gate can join in every setting."""
    unused = list(places[0])
    if snapshot is None:
        yield from pairwise(unused)
        return
    couplers = snapshot.working_couplers
    for first, second in combinations(unused, 2):
        on = [(place[first], place[second]) for place in places]
        if all(pair in couplers or pair[::-1] in couplers for pair in on):
            yield first, second


def _checked(
    point: CompiledPoint,
    estimator: LinearEstimator,
    snapshot: DeviceSnapshot | None,
    keep: Keep,
    places: Sequence[Mapping[int, int]],
    readouts: Sequence[Readout],
) -> CompiledPoint:
    circuits = [
        _read(one.circuit, [_moved(readout, place) for readout in readouts], snapshot)
        for one, place in zip(point.settings, places, strict=True)
    ]
    plain = point.settings[0].setting.circuit
    extra = (1 << circuits[0].num_clbits) - (1 << plain.num_clbits)
    detectors = find_detectors(circuits, key_bits(plain) | extra)
    settings = [
        replace(one.setting, detectors=own)
        for one, own in zip(point.settings, detectors, strict=True)
    ]
    models = [
        _error_model(setting, circuit, snapshot)
        for setting, circuit in zip(settings, circuits, strict=True)
    ]
    most = MOST_EXACT + 1 - max(model.observables for model in models)
    if models[0].detectors > most:
        chosen = most_telling(models, most)
        models = [model.restricted(chosen) for model in models]
        settings = [
            replace(one, detectors=tuple(one.detectors[k] for k in chosen)) for one in settings
        ]
    compiled = tuple(
        replace(one, setting=setting, circuit=circuit, error_model=model)
        for one, setting, circuit, model in zip(
            point.settings, settings, circuits, models, strict=True
        )
    )
    return replace(point, settings=compiled, decoder=Decoder(tuple(models), estimator, keep))


def _proved(one: CompiledSetting, snapshot: DeviceSnapshot | None) -> CompiledSetting:
    """A setting with certificate and predictions of the circuit that runs.

    A stage ends for all qubits at once: where a spent clone is turned before its readout and the
    returned one is not, the returned one waits for as long as a pulse takes.
    """
    setting, circuit = one.setting, one.circuit
    refocused = one.refocused_success
    if refocused is not None:
        refocused = predict_setting(setting, circuit, snapshot, refocusing=True)
    return replace(
        one,
        certificate=certified(setting.circuit, circuit, snapshot, setting.detectors),
        predicted_success=predict_setting(setting, circuit, snapshot),
        refocused_success=refocused,
        success_bounds=predict_bounds(setting, circuit, snapshot),
    )


def rebuilt_error_model(compiled: CompiledSetting, snapshot: DeviceSnapshot | None) -> ErrorModel:
    """The error model of a setting whose unused qubits are read, from the calibration.

    Raises:
        DoesNotFit: if its shots cannot be corrected.
    """
    return _error_model(compiled.setting, compiled.circuit, snapshot)


def _error_model(
    setting: Setting, circuit: QuantumCircuit, snapshot: DeviceSnapshot | None
) -> ErrorModel:
    corrections = find_corrections(setting.circuit, setting.checks)
    return build_error_model(tuple(steps(circuit)), setting, corrections, snapshot)


def _moved(readout: Readout, place: Mapping[int, int]) -> Readout:
    if isinstance(readout, Single):
        return Single(place[readout.qubit], readout.letter)
    first, second = readout.qubits
    return BellPair((place[first], place[second]), readout.matching)


def _read(
    circuit: QuantumCircuit, readouts: Sequence[Readout], snapshot: DeviceSnapshot | None
) -> QuantumCircuit:
    """The native circuit with unused qubits read at its end."""
    tail = append_readouts(circuit.copy_empty_like(), readouts)
    if snapshot is not None:
        tail = clifford_optimization(snapshot.to_target()).run(tail)
    out = circuit.copy()
    (register,) = (r for r in tail.cregs if r.name == REGISTER)
    out.add_register(ClassicalRegister(bits=list(register), name=REGISTER))
    for instruction in tail.data:
        on = [out.qubits[tail.find_bit(qubit).index] for qubit in instruction.qubits]
        bits = [out.clbits[tail.find_bit(bit).index] for bit in instruction.clbits]
        out.append(instruction.operation, on, bits)
    return out


def decoder_of(
    settings: Sequence[CompiledSetting], estimator: LinearEstimator, keep: Keep
) -> Decoder | None:
    """The decoder of compiled settings; None if their unused qubits are not read.

    Args:
        settings: in the order of the estimator's weights.
        estimator: how success probabilities make up the value of the point.
        keep: what post-selection keeps.
    """
    models = tuple(one.error_model for one in settings if one.error_model is not None)
    if not models or len(models) < len(estimator.weights):
        return None
    return _decoder(models, estimator, keep)


@lru_cache(maxsize=4)
def _decoder(models: tuple[ErrorModel, ...], estimator: LinearEstimator, keep: Keep) -> Decoder:
    return Decoder(models, estimator, keep)
