"""Compiled circuits stay Clifford, stay the protocol, and carry a proof that cannot be fooled."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Clifford, Operator, random_clifford
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit.transpiler.passes import Collect2qBlocks, ConsolidateBlocks

from backends.compiling.certificate import certify, two_qubit_gates, two_qubit_layers
from backends.compiling.clifford_passes import CliffordBlocks
from backends.compiling.compile import Search, compile_point, with_elementary_gates
from backends.devices.catalog import load_device
from backends.devices.snapshot import (
    ENTANGLERS,
    CouplerCalibration,
    DeviceSnapshot,
    QubitCalibration,
)
from backends.errors import DoesNotFit
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import STRATEGIES, Cloning
from experiments.stabilizer.clifford import steps

DEVICE = load_device("fake_kingston")
GOOD = QubitCalibration(2e-4, 1e-4, 2e-4, 32e-9, 0.01, 2e-6)


def complete(size, *, dynamic=True):
    """A device on which every pair is coupled."""
    couplers = tuple(
        CouplerCalibration((a, b), 2e-3, 68e-9) for a in range(size) for b in range(size) if a != b
    )
    return DeviceSnapshot("complete", None, "cz", (GOOD,) * size, couplers, dynamic)


def point(n, strategy="unitary", estimator="parity", clone=1):
    return EntanglementPoint(Cloning(n, clone, strategy), estimator)


def compiled(one, device=DEVICE, seeds=(0,)):
    return compile_point(one.settings(), one.linear_estimator.value, device, seeds)


def flat(circuit):
    """Every instruction, those of conditional blocks included."""
    for instruction in circuit.data:
        if instruction.name == "if_else":
            for block in instruction.operation.blocks:
                yield from flat(block)
        else:
            yield instruction


@given(
    n=st.integers(2, 9),
    strategy=st.sampled_from(STRATEGIES),
    estimator=st.sampled_from(["bsm", "parity"]),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_compiled_circuit_is_native_clifford_and_proved(n, strategy, estimator, seed, data):
    clone = data.draw(st.integers(n % 2, n))
    estimator = "parity" if strategy == "witness" else estimator
    result = compiled(point(n, strategy, estimator, clone), seeds=(seed,))
    for one in result.settings:
        names = {i.name for i in flat(one.circuit)}
        assert names <= {"rz", "sx", "x", "cz", "measure", "barrier"}
        turns = [i.params[0] / (math.pi / 2) for i in flat(one.circuit) if i.name == "rz"]
        assert np.allclose(turns, np.round(turns), atol=1e-9)
        for instruction in flat(one.circuit):
            if instruction.name == "cz":
                pair = tuple(one.circuit.find_bit(q).index for q in instruction.qubits)
                assert pair in DEVICE.working_couplers
        assert one.certificate.status == "proved", one.certificate.remark
        assert one.setting.ideal_success() == 1
        assert 0 < one.predicted_success < 1
    assert 0 < result.predicted < 1


@pytest.mark.parametrize("name", ["fake_sherbrooke", "fake_mumbai", "fake_nighthawk"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_other_entanglers_and_lattices_are_compiled_and_proved(name, strategy):
    # With conditions, which not every configuration offers.
    device = replace(load_device(name), dynamic_circuits=True)
    for one in compiled(point(4, strategy), device).settings:
        assert one.certificate.status == "proved"
        used = {i.name for i in flat(one.circuit) if len(i.qubits) == 2 and i.name != "barrier"}
        assert used == {device.entangler}


@pytest.mark.parametrize("search", [None, Search(moves=3_000)])
@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_gates_stand_in_the_order_that_the_device_states(entangler, search, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pairs = sorted((k, (k + 1) % 9) for k in range(9))
    couplers = tuple(CouplerCalibration(pair, 2e-3, 68e-9) for pair in pairs)
    ring = DeviceSnapshot("ring", None, entangler, (GOOD,) * 9, couplers)
    one = point(2)
    result = compile_point(one.settings(), one.linear_estimator.value, ring, [0], search)
    assert result.compiler == ("protocol" if search else "stock")
    for setting in result.settings:
        assert setting.certificate.status == "proved"
        used = {
            tuple(setting.circuit.find_bit(q).index for q in i.qubits)
            for i in setting.circuit.data
            if i.name == entangler
        }
        assert used <= set(pairs)
        assert len(used) >= 4


def test_equal_seeds_give_equal_circuits_and_the_best_prediction_wins():
    one = point(5)
    first, second = compiled(one, seeds=range(4)), compiled(one, seeds=range(4))
    for a, b in zip(first.settings, second.settings, strict=True):
        assert a.circuit == b.circuit
    assert first.candidates == second.candidates
    assert first.predicted == max(first.candidates)
    assert first.transpiler_seed == int(np.argmax(first.candidates))
    assert len(set(first.candidates)) > 1


def test_parity_settings_share_one_layout():
    layouts = []
    for one in compiled(point(4)).settings:
        barriers = [i for i in one.circuit.data if i.name == "barrier"]
        layouts.append([tuple(map(hash, b.qubits)) for b in barriers])
        assert [b.label for b in barriers] == ["preparation", "encryption", "decryption"]
    assert layouts[0] == layouts[1] == layouts[2]


def test_without_a_device_the_logical_circuit_runs_and_predicts_one():
    result = compiled(point(3, "feedforward"), None)
    assert result.predicted == 1
    assert result.transpiler_seed is None
    assert {s.certificate.status for s in result.settings} == {"proved"}


def test_the_stock_transpiler_alone_leaves_the_clifford_group_and_is_not_certified():
    (setting,) = point(6, estimator="bsm").settings()
    stock = generate_preset_pass_manager(
        optimization_level=3, target=DEVICE.to_target(), seed_transpiler=0
    ).run(setting.circuit)
    certificate = certify(setting.circuit, stock)
    assert certificate.status == "unverified"
    assert "no multiple of π/2" in certificate.remark
    assert certificate.two_qubit_gates > 0
    assert certificate.two_qubit_layers > 0


def test_a_device_that_is_too_small_says_what_it_has():
    with pytest.raises(DoesNotFit, match=r"needs 8 connected qubits, but device 'complete' has 7"):
        compiled(point(3), complete(7))
    assert compiled(point(3), complete(8)).settings[0].certificate.status == "proved"


def test_feedforward_needs_conditions_and_names_the_way_out():
    with pytest.raises(DoesNotFit, match="strategy 'frame' gives the same clone"):
        compiled(point(2, "feedforward"), complete(6, dynamic=False))


@given(seed=st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_two_qubit_blocks_become_equal_cliffords_of_at_most_three_gates(seed):
    wanted = random_clifford(2, seed=seed)
    circuit = wanted.to_circuit().compose(random_clifford(2, seed=seed + 1).to_circuit())
    passes = PassManager(
        [Collect2qBlocks(), ConsolidateBlocks(force_consolidate=True), CliffordBlocks()]
    )
    found = passes.run(circuit)
    assert Clifford(found) == Clifford(circuit)
    assert Operator(found).equiv(Operator(circuit))
    assert set(found.count_ops()) <= {"h", "s", "sdg", "x", "y", "z", "sx", "sxdg", "cz"}
    assert found.count_ops().get("cz", 0) <= 3


# The certificate must fail whatever a careless compiler might do.


def logical(strategy="unitary", n=3):
    return point(n, strategy, "bsm" if strategy != "witness" else "parity").settings()[0].circuit


def edited(circuit, keep):
    """The circuit with only those instructions for which ``keep(index, instruction)``."""
    out = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        if keep(index, instruction):
            out.append(instruction)
    return out


def inserted(circuit, after, gate, *on):
    """The circuit with a gate appended right after the barrier called ``after``."""
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        out.append(instruction)
        if instruction.name == "barrier" and instruction.label == after:
            getattr(out, gate)(*on)
    return out


def failing(certificate):
    return {name for name, holds in certificate.checks if not holds}


def test_the_untouched_circuit_is_proved():
    circuit = logical()
    certificate = certify(circuit, with_elementary_gates(circuit))
    assert certificate.status == "proved"
    assert {name for name, _ in certificate.checks} == {
        "stages",
        "state after preparation",
        "state after encryption",
        "state after decryption",
        "no early measurement",
        "losses and waits",
        "noise qubits untouched",
        "only qubits of one key meet",
        "observable of each readout",
        "order of readouts",
        "outcome law",
    }


def test_cancelling_encryption_against_decryption_is_caught():
    circuit = logical()
    cancelled = edited(circuit, lambda _, i: i.name not in ("encrypt", "decrypt"))
    # A and the clone swap roles, so that even the outcomes are perfect.
    out = cancelled.copy_empty_like()
    for instruction in cancelled.data:
        out.append(instruction)
        if instruction.name == "barrier" and instruction.label == "decryption":
            out.swap(1, 2)
    certificate = certify(circuit, out)
    assert certificate.status == "failed"
    assert "state after encryption" in failing(certificate)
    assert "outcome law" not in failing(certificate)


def test_a_missing_stage_is_caught():
    circuit = logical()
    merged = edited(circuit, lambda _, i: i.name != "barrier" or i.label != "encryption")
    assert failing(certify(circuit, merged)) == {"stages"}


@pytest.mark.parametrize(("gate", "on"), [("cz", (0, 5)), ("h", (6,)), ("cx", (5, 6))])
def test_touching_a_noise_qubit_during_encryption_is_caught(gate, on):
    circuit = logical()
    touched = inserted(with_elementary_gates(circuit), "preparation", gate, *on)
    certificate = certify(circuit, touched)
    assert certificate.status == "failed"
    assert "noise qubits untouched" in failing(certificate)


def test_touching_and_restoring_a_noise_qubit_is_no_interaction():
    circuit = logical()
    once = inserted(with_elementary_gates(circuit), "preparation", "h", 6)
    twice = inserted(once, "preparation", "h", 6)
    assert certify(circuit, twice).status == "proved"


def test_a_wrong_sign_is_caught():
    circuit = logical()
    flipped = inserted(with_elementary_gates(circuit), "encryption", "z", 2)
    assert {"outcome law", "state after decryption"} <= failing(certify(circuit, flipped))


@pytest.mark.parametrize(("strategy", "qubit"), [("frame", 1), ("unitary", 5)])
def test_after_decryption_a_qubit_that_nobody_reads_is_discarded(strategy, qubit):
    circuit = logical(strategy)
    touched = inserted(with_elementary_gates(circuit), "encryption", "h", qubit)
    decrypted = [i.label for i in circuit.data if i.name == "barrier"].index("decryption")
    assert decrypted == 2
    found = failing(certify(circuit, touched))
    # An unread clone of somebody else, but not a key qubit that decryption still needs.
    assert found == (set() if strategy == "frame" else {"outcome law", "state after decryption"})


@pytest.mark.parametrize("qubit", [0, 2, 5, 6, 7])
def test_after_decryption_the_clone_and_a_key_that_is_read_count(qubit):
    circuit = logical("frame")
    touched = inserted(with_elementary_gates(circuit), "encryption", "s", qubit)
    touched = inserted(touched, "encryption", "h", qubit)
    assert "state after decryption" in failing(certify(circuit, touched))


def test_what_a_proof_cannot_follow_is_unverified():
    circuit = logical("frame")
    twice = with_elementary_gates(circuit)
    twice.measure(5, twice.clbits[2])
    certificate = certify(circuit, twice)
    assert certificate.status == "unverified"
    assert "written twice" in certificate.remark


def test_swapped_outcomes_are_caught():
    circuit = logical("frame")
    crossed = circuit.copy_empty_like()
    for instruction in with_elementary_gates(circuit).data:
        bits = [crossed.clbits[(circuit.find_bit(c).index + 1) % 5] for c in instruction.clbits]
        crossed.append(instruction.operation, instruction.qubits, bits)
    found = failing(certify(circuit, crossed))
    assert found == {"outcome law", "observable of each readout"}


def test_measuring_the_key_before_encryption_ends_is_caught():
    circuit = logical("frame")
    early = circuit.copy_empty_like()
    for instruction in with_elementary_gates(circuit).data:
        if instruction.name == "barrier" and instruction.label == "encryption":
            early.measure(5, circuit.clbits[2])
        if instruction.name != "measure" or instruction.clbits != (circuit.clbits[2],):
            early.append(instruction)
    assert "no early measurement" in failing(certify(circuit, early))


def test_layers_and_gates_are_counted_with_barriers_kept():
    circuit = QuantumCircuit(4)
    circuit.cz(0, 1)
    circuit.cz(2, 3)
    circuit.sx(0)
    circuit.barrier()
    circuit.cz(1, 2)
    circuit.cz(2, 3)
    assert two_qubit_gates(tuple(steps(circuit))) == 4
    assert two_qubit_layers(tuple(steps(circuit))) == 3


# Qiskit counts a whole conditional block as one layer, so feedforward is left out.
@pytest.mark.parametrize("strategy", ["unitary", "frame", "witness"])
def test_layers_agree_with_qiskits_depth(strategy):
    for one in compiled(point(4, strategy)).settings:
        depth = one.circuit.depth(lambda i: len(i.qubits) == 2 and i.name != "barrier")
        assert one.certificate.two_qubit_layers == depth
