"""Shots that are corrected and post-selected by what unused qubits say."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit

from backends.compiling.certificate import certify
from backends.compiling.certificate.sites import unused_sites, without_extra_readouts
from backends.compiling.checked.readout import read_unused_qubits
from backends.compiling.compile import CompiledPoint, compile_point
from backends.devices.catalog import load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.decoding.decoder import Decoder, decode_shots
from backends.simulation.decoding.error_model import ErrorModel, Mechanism
from backends.simulation.decoding.rules import Keep
from backends.simulation.stim_sampler import sample
from experiments.inputs import PureState
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.correlators import CorrelatorsPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint
from experiments.kinds.storage import StoragePoint
from experiments.point import Point
from experiments.protocol import Cloning
from experiments.settings import Check, wrong_parities
from experiments.statistics.estimators import THREE_STABILIZERS, Counts

KINGSTON = load_device("fake_kingston")
FRAME = EntanglementPoint(Cloning(3, 1, "frame"), "parity")

EVERY_KIND: list[Point] = [
    EntanglementPoint(Cloning(3, 2, "unitary"), "parity"),
    EntanglementPoint(Cloning(4, 0, "unitary"), "bsm"),
    EntanglementPoint(Cloning(3, 1, "feedforward"), "bsm"),
    FRAME,
    EntanglementPoint(Cloning(4, 1, "frame", "+i"), "parity"),
    EntanglementPoint(Cloning(3, 1, "frame", PureState(110, 200)), "parity"),
    EntanglementPoint(Cloning(3, 1, "unitary", "0"), "parity", process=True),
    ChshPoint(Cloning(2, 1, "unitary"), "2-1"),
    ChshPoint(Cloning(3, 1, "frame"), "2-2"),
    ChshPoint(Cloning(3, 1, "feedforward"), "2-3"),
    IteratedPoint(2, (1, 1), 1, strategy="frame"),
    GhzPoint(3, strategy="unitary", estimator="stabilizers"),
    GhzPoint(2, strategy="frame", estimator="parity"),
    StoragePoint(Cloning(4, 1, "frame"), lost=(3,), loss="measure"),
]


@cache
def compiled(point: Point, snapshot: DeviceSnapshot | None = KINGSTON) -> CompiledPoint:
    return compile_point(point.settings(), point.linear_estimator.value, snapshot, [1])


@cache
def checked(
    point: Point, snapshot: DeviceSnapshot | None = KINGSTON, keep: Keep = "all-passed"
) -> CompiledPoint:
    return read_unused_qubits(
        compiled(point, snapshot), point.linear_estimator, snapshot, "read", keep
    )


def decoder_of(point: CompiledPoint) -> Decoder:
    assert point.decoder is not None
    return point.decoder


@pytest.mark.parametrize("point", EVERY_KIND, ids=lambda p: p.label)
def test_every_kind_has_detectors_that_are_proved(point: Point) -> None:
    plain = compiled(point, None)
    for checks in ("read", "pairs"):
        found = read_unused_qubits(plain, point.linear_estimator, None, checks)
        assert {s.certificate.status for s in found.settings} == {"proved"}
        numbers = {len(s.setting.detectors) for s in found.settings}
        assert len(numbers) == 1
        assert 0 not in numbers
        prediction = decoder_of(found).prediction
        assert prediction.corrected == pytest.approx(plain.predicted, abs=1e-9)
        assert prediction.postselected == pytest.approx(plain.predicted, abs=1e-9)
        assert prediction.kept == pytest.approx(1.0, abs=1e-9)


def test_nothing_is_read_unless_it_is_asked_for() -> None:
    plain = compiled(FRAME)
    assert read_unused_qubits(plain, FRAME.linear_estimator, KINGSTON, "none") is plain


@pytest.mark.parametrize(
    "point",
    [
        StoragePoint(Cloning(3, 2), spent_on=1),
        ChshPoint(Cloning(2), "undecrypted"),
        GhzPoint(3, strategy="unitary", estimator="parity"),
    ],
    ids=lambda p: p.label,
)
def test_what_cannot_be_corrected_is_refused(point: Point) -> None:
    plain = compiled(point, None)
    with pytest.raises(DoesNotFit, match="checks: none"):
        read_unused_qubits(plain, point.linear_estimator, None, "read")


def test_reading_what_is_unused_gains() -> None:
    plain, found = compiled(FRAME), checked(FRAME)
    prediction = decoder_of(found).prediction
    # The clone waits at most for a pulse on a spent one.
    assert found.predicted == pytest.approx(plain.predicted, abs=5e-4)
    assert plain.predicted < prediction.corrected < prediction.postselected
    assert 0.5 < prediction.kept < 1


def successes(
    point: CompiledPoint, shots: int, seed: int, *, coin: bool = False, scrambled: bool = False
) -> tuple[list[float], list[float], float]:
    """Corrected and post-selected fractions of success by setting, and the fraction kept."""
    decoder = decoder_of(point)
    corrected, among, kept = [], [], []
    draw = np.random.default_rng(seed)
    for k, one in enumerate(point.settings):
        circuits = [scramble(one.circuit, p) for p in "ixyz"] if scrambled else [one.circuit]
        values = np.concatenate(
            [
                sample(c, KINGSTON, shots // len(circuits), seed + j).to_bool_array(order="little")
                for j, c in enumerate(circuits)
            ]
        )
        if coin:
            values[:, 0] = draw.random(len(values)) < 0.5
        decoded = decoder.decode(k, wrong_parities(one.setting.detectors, values))
        good = ~(wrong_parities(one.setting.checks, values) ^ decoded.flips).any(axis=1)
        corrected.append(float(good.mean()))
        among.append(float(good[decoded.kept].mean()))
        kept.append(float(decoded.kept.mean()))
    return corrected, among, sum(kept) / len(kept)


def scramble(circuit: QuantumCircuit, pauli: str) -> QuantumCircuit:
    """The circuit with a Pauli on A when preparation is over."""
    out = circuit.copy_empty_like()
    for one in circuit.data:
        out.append(one)
        if one.name == "barrier" and one.label == "preparation" and pauli != "i":
            # A is the second logical qubit; X, Y, Z by native gates.
            gates = {"x": ("x",), "y": ("x", "z"), "z": ("z",)}[pauli]
            for gate in gates:
                if gate == "x":
                    out.x(one.qubits[1])
                else:
                    out.rz(np.pi, one.qubits[1])
    return out


@pytest.mark.parametrize("keep", ["all-passed", 0.5])
def test_sampled_shots_agree_with_the_exact_values(keep: Keep) -> None:
    point = checked(FRAME, KINGSTON, keep)
    prediction = decoder_of(point).prediction
    shots = 40_000
    corrected, among, kept = successes(point, shots, 11)
    for found, wanted in zip(corrected, prediction.corrected_successes, strict=True):
        assert abs(found - wanted) < 4.5 * np.sqrt(wanted * (1 - wanted) / shots)
    for found, wanted in zip(among, prediction.kept_successes, strict=True):
        assert abs(found - wanted) < 4.5 * np.sqrt(wanted * (1 - wanted) / shots / kept)
    assert abs(kept - prediction.kept) < 4.5 * np.sqrt(0.25 / shots / 3)


@pytest.mark.parametrize("how", ["coin", "scrambled"])
def test_a_useless_clone_stays_useless(how: str) -> None:
    point = checked(FRAME)
    value = FRAME.linear_estimator.value
    corrected, among, _ = successes(
        point, 40_000, 5, coin=how == "coin", scrambled=how == "scrambled"
    )
    # Three settings of 40,000 shots: one standard error is .002.
    assert value(corrected) == pytest.approx(0.25, abs=0.01)
    assert value(among) == pytest.approx(0.25, abs=0.012)


def scaled(model: ErrorModel, factor: float) -> ErrorModel:
    mechanisms = tuple(replace(m, probability=m.probability * factor) for m in model.mechanisms)
    return replace(model, mechanisms=mechanisms)


def test_a_wrong_decoder_never_claims_more() -> None:
    right = decoder_of(checked(FRAME))
    best = right.prediction
    draw = np.random.default_rng(3)
    for factor in (0.1, 0.5, 1.5, None):
        models = []
        for model in right.models:
            if factor is not None:
                models.append(scaled(model, factor))
                continue
            shuffled = draw.permutation([m.probability for m in model.mechanisms]).tolist()
            mechanisms = tuple(
                replace(m, probability=p) for m, p in zip(model.mechanisms, shuffled, strict=True)
            )
            models.append(replace(model, mechanisms=mechanisms))
        wrong = replace(right, models=tuple(models))
        found = wrong.prediction_under(right.models)
        assert found.corrected <= best.corrected + 1e-12
        assert found.postselected == pytest.approx(best.postselected, abs=0.02)


def test_the_same_pauli_corrects_every_setting() -> None:
    # One Pauli in five is the likeliest flip of each setting by itself, but of no Pauli.
    chances = {"X": 0.3, "Z": 0.3}
    flips = {"X": (1, 1, 0), "Z": (0, 1, 1)}  # of ZZ, YY and XX
    models = tuple(
        ErrorModel(
            0,
            1,
            tuple(Mechanism(chances[p], 0, 1) for p in chances if flips[p][k]),
            (flips["X"][k], flips["Z"][k]),
        )
        for k in range(3)
    )
    decoder = Decoder(models, THREE_STABILIZERS)
    none = np.zeros((1, 0), dtype=bool)
    found = [bool(decoder.decode(k, none).flips[0, 0]) for k in range(3)]
    assert sum(found) % 2 == 0
    # The best of four Paulis after independent X and Z: the one that is there most often.
    assert decoder.prediction.corrected == pytest.approx(0.7 * 0.7)


def test_a_fraction_is_kept_by_the_same_rule_in_every_setting() -> None:
    for keep in (0.3, 0.8, 1.0):
        found = decoder_of(checked(FRAME, KINGSTON, keep)).prediction
        assert found.kept >= keep - 1e-9
    assert found.kept == pytest.approx(1.0, abs=1e-9)
    assert found.postselected == pytest.approx(found.corrected, abs=1e-9)


def test_decoders_are_saved_and_read() -> None:
    for model in decoder_of(checked(FRAME)).models:
        assert ErrorModel.from_json(model.to_json()) == model


# What the certificate refuses


def failures(logical: QuantumCircuit, circuit: QuantumCircuit, *detectors: Check) -> str:
    certificate = certify(logical, circuit, detectors)
    assert certificate.status == "failed"
    return certificate.remark


def test_no_detector_holds_the_outcome_of_r_or_of_the_clone() -> None:
    one = checked(FRAME).settings[0]
    logical = one.setting.circuit
    honest = one.setting.detectors
    assert certify(logical, one.circuit, honest).status == "proved"
    # The check of success is certain, and so is its product with a detector.
    success = one.setting.checks[0]
    smuggled = Check.of_mask(success.mask ^ honest[0].mask, success.parity ^ honest[0].parity)
    assert smuggled.bits[0] in (0, 1)
    remark = failures(logical, one.circuit, *honest[1:], smuggled)
    assert remark == "does not hold: detectors hold nothing of R and the clone"


def test_a_detector_that_is_not_certain_is_refused() -> None:
    one = checked(FRAME).settings[0]
    wrong = replace(one.setting.detectors[0], parity=1 - one.setting.detectors[0].parity)
    remark = failures(one.setting.circuit, one.circuit, wrong)
    assert remark == "does not hold: detectors are certain"


def extra_readout_of(site: int, circuit: QuantumCircuit) -> QuantumCircuit:
    out = circuit.copy()
    bits = ClassicalRegister(1, "unused")
    out.add_register(bits)
    out.barrier([site], label="unused")
    out.measure([site], bits)
    return out


def test_only_unused_qubits_are_read() -> None:
    plain = compiled(FRAME).settings[0]
    logical = plain.setting.circuit
    unused = unused_sites(logical, plain.circuit)
    (honest, *_) = unused.values()
    assert certify(logical, extra_readout_of(honest, plain.circuit)).status == "proved"
    read = [
        plain.circuit.find_bit(i.qubits[0]).index for i in plain.circuit.data if i.name == "measure"
    ]
    for site in read:
        remark = failures(logical, extra_readout_of(site, plain.circuit))
        assert "only unused qubits are read beside" in remark


def test_nothing_else_is_done_after_the_extra_readouts() -> None:
    one = checked(FRAME).settings[0]
    circuit = one.circuit.copy()
    read = next(i for i in circuit.data if i.name == "measure")
    circuit.x(read.qubits[0])
    assert "only unused" in failures(one.setting.circuit, circuit, *one.setting.detectors)


def test_the_circuit_without_extra_readouts_is_the_plain_one() -> None:
    plain, found = compiled(FRAME).settings[0], checked(FRAME).settings[0]
    taken_apart = without_extra_readouts(found.circuit)
    assert taken_apart is not None
    assert taken_apart[0].data == plain.circuit.data


def test_correlators_leave_no_qubit_unused() -> None:
    point = CorrelatorsPoint(Cloning(2), "after")
    setting = compiled(point, None).settings[0]
    assert unused_sites(setting.setting.circuit, setting.circuit) == {}


@pytest.mark.parametrize("shots", [8, 30, 400])
def test_intervals_of_all_three_values_cover(shots: int) -> None:
    """Also where about 20 shots are kept: 3 settings, of 8 or 30 shots each."""
    point = checked(FRAME)
    decoder, estimator = decoder_of(point), FRAME.linear_estimator
    prediction = decoder.prediction
    truths = (point.predicted, prediction.corrected, prediction.postselected)
    runs, covered = 400, np.zeros(3)
    # Each setting is sampled once, and cut into runs.
    cut: list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = []
    for k, one in enumerate(point.settings):
        values = sample(one.circuit, KINGSTON, runs * shots, 100 + k).to_bool_array(order="little")
        plain = ~wrong_parities(one.setting.checks, values).any(axis=1)
        good, kept = decode_shots(decoder, k, one.setting, values)
        pieces = [np.split(array, runs) for array in (plain, good, kept)]
        cut.append(list(zip(*pieces, strict=True)))
    for run in zip(*cut, strict=True):
        fewest = min(int(kept.sum()) for _, _, kept in run)
        counts = (
            [Counts(int(plain.sum()), shots) for plain, _, _ in run],
            [Counts(int(good.sum()), shots) for _, good, _ in run],
            [Counts(int(good[kept][:fewest].sum()), fewest) for _, good, kept in run],
        )
        for k, (found, truth) in enumerate(zip(counts, truths, strict=True)):
            estimate = estimator.estimate(found)
            covered[k] += estimate.ci_low <= truth <= estimate.ci_high
    # 95 % promised; three standard errors of 400 runs are .03.
    assert (covered / runs >= 0.92).all(), covered / runs
