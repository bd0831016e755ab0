"""Every kind of experiment, compiled and noisy: proofs, two simulators and the exact prediction."""

from dataclasses import replace

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from scipy.stats import chi2, norm

from backends.compiling.certificate import certify
from backends.compiling.compile import StockCompiler, compile_point
from backends.devices.catalog import load_device
from backends.simulation import aer_sampler, stim_sampler
from backends.simulation.prediction import predict_success
from experiments.inputs import PureState
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.correlators import CorrelatorsPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint
from experiments.kinds.leakage import Coalition, LeakagePoint
from experiments.kinds.storage import StoragePoint
from experiments.protocol import Cloning
from experiments.stabilizer.clifford import steps

DEVICE = load_device("fake_kingston")
# Old, noisy and directed: errors that a Heron hides show here.
# With conditions and delays, which its own configuration did not offer.
NOISY = replace(load_device("fake_mumbai"), dynamic_circuits=True, lacks=())
UNLIKELY = 1e-6
TOMOGRAPHY = EntanglementPoint(Cloning(2, 1, "unitary", PureState(50, 20)), "parity")

POINTS = {
    "chsh 2-1": ChshPoint(Cloning(2), "2-1"),
    "chsh 2-2": ChshPoint(Cloning(3), "2-2"),
    "chsh 2-3": ChshPoint(Cloning(2, 0), "2-3"),
    "chsh frame": ChshPoint(Cloning(3, 1, "frame"), "2-2"),
    "chsh 2-1 frame": ChshPoint(Cloning(2, 1, "frame"), "2-1"),
    "chsh feedforward": ChshPoint(Cloning(2, 1, "feedforward"), "2-1"),
    "undecrypted": ChshPoint(Cloning(2), "undecrypted"),
    "iterated": IteratedPoint(2, (1, 3), 1),
    "iterated frame": IteratedPoint(2, (1, 1, 1), 2, 1, "frame", "bsm"),
    "ghz 1": GhzPoint(1),
    "ghz 2": GhzPoint(2),
    "ghz 3": GhzPoint(3),
    "ghz 4": GhzPoint(4),
    "ghz stabilizers": GhzPoint(3, 2, 1, "frame", "stabilizers"),
    "correlators": CorrelatorsPoint(Cloning(2), "after"),
    "storage": StoragePoint(Cloning(3), (2, 3), "depolarize", 20.0),
    "spent key": StoragePoint(Cloning(2, 2), spent_on=1),
    "leakage": LeakagePoint(Coalition.of(3, "S1 S2 S3")),
    "leakage of everything": LeakagePoint(Coalition.of(2, "S1 S2 N1")),
    "tomography": TOMOGRAPHY,
    "tomography frame": EntanglementPoint(Cloning(3, 1, "frame", PureState(110, -40)), "parity"),
    "tomography feedforward": EntanglementPoint(
        Cloning(2, 1, "feedforward", PureState(80, 200)), "parity"
    ),
    "all states": EntanglementPoint(Cloning(2, input="0"), "parity", process=True),
}


@pytest.fixture(scope="module")
def compiled():
    """Compiles a point once for a device."""
    known = {}

    def compile_once(name, device):
        if (name, device.name) not in known:
            point = POINTS[name]
            estimator = point.linear_estimator
            known[name, device.name] = compile_point(
                point.settings(), estimator.value, device, range(1)
            )
        return known[name, device.name]

    return compile_once


@pytest.mark.parametrize("name", POINTS)
def test_compiled_circuits_are_proved(compiled, name):
    found = compiled(name, DEVICE)
    for one in found.settings:
        assert one.certificate.status == "proved", (one.setting.label, one.certificate)
    assert found.settings[0].certificate.two_qubit_layers > 0


@pytest.mark.parametrize("name", POINTS)
def test_sampled_successes_scatter_about_the_exact_prediction(compiled, name):
    device = DEVICE if POINTS[name].num_qubits > 25 else NOISY
    shots = 60_000
    for one in compiled(name, device).settings:
        drawn = stim_sampler.sample(one.circuit, device, shots, seed=5)
        p = one.predicted_success
        deviation = one.setting.successes(drawn) / shots - p
        assert abs(deviation) < norm.isf(UNLIKELY / 2) * np.sqrt(p * (1 - p) / shots) + 1e-12


IN_AER = [name for name, point in POINTS.items() if point.num_qubits <= 8]


@pytest.mark.parametrize("name", IN_AER)
def test_aer_and_stim_agree_with_noise(compiled, name):
    for one in compiled(name, NOISY).settings[-2:]:
        shots = 800
        first = stim_sampler.sample(one.circuit, NOISY, 40 * shots, seed=1)
        second = aer_sampler.sample(one.circuit, NOISY, shots, seed=2)
        a = one.setting.successes(first) / (40 * shots)
        b = one.setting.successes(second) / shots
        spread = np.sqrt(max(a * (1 - a), 1e-4) / shots)
        assert abs(a - b) < norm.isf(UNLIKELY / 2) * spread, one.setting.label


@pytest.mark.parametrize("name", ["ghz 3", "ghz 4", "chsh 2-2", "chsh 2-1 frame", "tomography"])
def test_aer_and_stim_draw_every_outcome_alike_without_noise(name):
    """The whole joint law of turned readouts, not only its parity."""
    shots = 20_000
    for setting in POINTS[name].settings():
        first = stim_sampler.sample(setting.circuit, None, shots, seed=1).get_int_counts()
        second = aer_sampler.sample(setting.circuit, None, shots, seed=2).get_int_counts()
        for key in first.keys() | second.keys():
            a, b = first.get(key, 0), second.get(key, 0)
            assert abs(a - b) < norm.isf(UNLIKELY / 2) * np.sqrt(a + b) + 5, (setting.label, key)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("radians", [(0.3, 0.3, 0.3, 0.3), (0.2, -0.9, 1.4, 2.0)])
def test_aer_and_stim_draw_every_noisy_outcome_of_a_turned_ghz_state_alike(size, radians):
    """The law of docs/physics.md against density matrices, readout errors included."""
    circuit = QuantumCircuit(size, size)
    circuit.h(0)
    for k in range(1, size):
        circuit.cx(k - 1, k)
    circuit.x(size - 1)
    circuit.barrier(label="prepared")
    for k, turn in enumerate(radians[:size]):
        circuit.rz(turn, k)
        circuit.h(k)
    circuit.measure(range(size), range(size))
    compiled = StockCompiler(NOISY.to_target(), 0).compile_all([circuit])[0]
    shots = 30_000
    first = stim_sampler.sample(compiled, NOISY, shots, seed=1).get_int_counts()
    second = aer_sampler.sample(compiled, NOISY, shots, seed=2, method="density_matrix")
    keys = range(2**size)
    a = np.array([first.get(key, 0) for key in keys])
    b = np.array([second.get_int_counts().get(key, 0) for key in keys])
    statistic = float(((a - b) ** 2 / (a + b)).sum())
    assert chi2.sf(statistic, len(keys) - 1) > UNLIKELY
    if size > 1:
        # Not uniform: there is something to agree on.
        assert a.std() > 3 * np.sqrt(shots / len(keys))


@pytest.mark.parametrize("device", [DEVICE, NOISY], ids=["heron", "falcon"])
def test_a_single_outcome_of_a_turned_readout_is_a_fair_coin(compiled, device):
    """Readout errors included: only the parity of all of them says anything."""
    shots = 20_000
    one = compiled("ghz 3", device).settings[1]
    drawn = stim_sampler.sample(one.circuit, device, shots, seed=3).to_bool_array(order="little")
    for size in (1, 2):
        parity = np.bitwise_xor.reduce(drawn[:, :size], axis=1)
        assert abs(parity.mean() - 0.5) < norm.isf(UNLIKELY / 2) * 0.5 / np.sqrt(shots)


def test_reading_the_reference_early_costs_idling_and_nothing_else(compiled):
    """Scenario 2-1 waits for a readout in the middle: its predicted S is lower, idling alone."""
    values = {}
    for scenario in ("2-1", "2-2", "2-3"):
        found = compile_point(
            ChshPoint(Cloning(2), scenario).settings(),
            ChshPoint(Cloning(2), scenario).linear_estimator.value,
            DEVICE,
            range(1),
        )
        values[scenario] = {
            causes: ChshPoint(Cloning(2), scenario).linear_estimator.value(
                [
                    predict_success(
                        tuple(steps(one.circuit)), one.setting.checks, DEVICE, causes=causes
                    )
                    for one in found.settings
                ]
            )
            for causes in (("idle",), ("gate", "readout"), ("gate", "idle", "readout"))
        }
    for early in ("2-1", "2-3"):
        assert values[early]["idle",] < values["2-2"]["idle",] - 0.01
        assert values[early]["gate", "idle", "readout"] < values["2-2"]["gate", "idle", "readout"]
    assert values["2-1"]["idle",] != pytest.approx(values["2-3"]["idle",], abs=1e-3)
    assert values["2-1"]["gate", "readout"] == pytest.approx(values["2-2"]["gate", "readout"])


def changed(circuit, change):
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        for one in change(instruction):
            out.append(one)
    return out


def turned_by(radians, number):
    """Adds to the number-th turn of a readout."""
    seen = []

    def change(instruction):
        if instruction.name == "rz" and abs(instruction.params[0]) not in (0,):
            seen.append(instruction)
            if len(seen) == number:
                turn = instruction.operation.to_mutable()
                turn.params = [turn.params[0] + radians]
                return [instruction.replace(operation=turn)]
        return [instruction]

    return change


def test_an_input_whose_turns_round_to_more_than_a_turn_is_predicted():
    # Turns about Z are made without a pulse, so that no noise shortens the Bloch vector.
    phase = 119.39999999999999
    one = EntanglementPoint(Cloning(2, input=PureState(0.0, phase)), "parity")
    plain = EntanglementPoint(Cloning(2, input=PureState(0.0, 0.0)), "parity")
    turned, straight = (
        compile_point(p.settings(), p.linear_estimator.value, DEVICE, [0]).predicted
        for p in (one, plain)
    )
    assert turned == pytest.approx(straight, abs=1e-9)


@pytest.mark.parametrize("name", ["ghz 3", "chsh 2-2", "tomography"])
def test_a_wrong_angle_is_no_proof(compiled, name):
    one = compiled(name, DEVICE).settings[-1]
    number = sum(i.name == "rz" for i in one.circuit.data)
    caught = 0
    for k in range(1, number + 1):
        wrong = changed(one.circuit, turned_by(0.3, k))
        status = certify(one.setting.circuit, wrong).status
        caught += status != "proved"
        # What still is proved has no effect: the outcome law is the same.
        if status == "proved":
            shots = stim_sampler.sample(wrong, None, 4000, seed=1)
            p = one.setting.ideal_success()
            found = one.setting.successes(shots) / 4000
            assert abs(found - p) < 5 * np.sqrt(p * (1 - p) / 4000) + 1e-9
    assert caught > number / 2


def test_a_loss_that_was_left_out_is_no_proof(compiled):
    one = compiled("storage", DEVICE).settings[0]
    wrong = changed(one.circuit, lambda i: [] if i.name == "reset" else [i])
    assert certify(one.setting.circuit, wrong).status == "failed"


def test_encryption_of_one_instance_that_was_cancelled_is_no_proof(compiled):
    """Of four instances one was compiled away: the state after encryption tells."""
    one = compiled("iterated", DEVICE).settings[0]
    labels = [i.label if i.name == "barrier" else None for i in one.circuit.data]
    start = labels.index("preparation")
    seen = []

    def drop_first_gate_of_encryption(instruction):
        seen.append(instruction)
        if (
            len(seen) > start
            and len(instruction.qubits) == 2
            and not drop_first_gate_of_encryption.done
        ):
            drop_first_gate_of_encryption.done = True
            return []
        return [instruction]

    drop_first_gate_of_encryption.done = False
    wrong = changed(one.circuit, drop_first_gate_of_encryption)
    assert certify(one.setting.circuit, wrong).status == "failed"
