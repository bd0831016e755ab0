"""Plugins of Qiskit's transpiler, and the protocol compiler as a pass manager."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import PROTOCOL_COMPILER
from qiskit import transpile
from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator, Statevector
from qiskit.transpiler import CouplingMap, PassManager, Target
from qiskit.transpiler.passes import HighLevelSynthesis
from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig
from qiskit.transpiler.passes.synthesis.plugin import high_level_synthesis_plugin_names

from backends.compiling.certificate import certify
from backends.compiling.compile import MOVES_PER_SECOND
from backends.compiling.pass_manager import CompileProtocol, protocol_pass_manager
from backends.compiling.protocol.compiler import NotRecognised, compile_protocol
from backends.compiling.protocol.single.stages import with_stages
from backends.devices.catalog import load_device
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from experiments.gates import DecryptGate, EncryptGate
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import TO_Z, Cloning, append_gates, diagonalize_key
from experiments.stabilizer.clifford import compact, steps
from experiments.stabilizer.states import OutcomeLaw

pytestmark = PROTOCOL_COMPILER

KINGSTON = load_device("fake_kingston")
MOVES = 20_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def two_qubit_depth(circuit):
    return circuit.depth(lambda i: len(i.qubits) == 2)


def joined(circuit):
    """Pairs of indices that two-qubit gates join."""
    return {
        frozenset(circuit.find_bit(q).index for q in i.qubits)
        for i in circuit.data
        if len(i.qubits) == 2
    }


@st.composite
def connected_graphs(draw):
    """The qubits of EncryptGate(n), each placed somewhere, and the couplings between them."""
    n = draw(st.integers(2, 5))
    places = draw(st.permutations(range(n + 1)))
    edges = {(places[draw(st.integers(0, k - 1))], places[k]) for k in range(1, n + 1)}
    more = st.tuples(st.integers(0, n), st.integers(0, n)).filter(lambda e: e[0] != e[1])
    edges |= draw(st.sets(more, max_size=3))
    return n, sorted(edges)


def synthesized(gate, qubits, coupling, **config):
    circuit = QuantumCircuit(1 + max(max(qubits), *(max(e) for e in coupling)))
    circuit.append(gate, qubits)
    synthesis = HighLevelSynthesis(
        hls_config=HLSConfig(**config),
        coupling_map=CouplingMap(coupling),
        use_qubit_indices=True,
        basis_gates=["h", "s", "sdg", "z", "x", "sx", "sxdg", "cx", "cy", "cz"],
    )
    return circuit, PassManager([synthesis]).run(circuit)


@given(graph=connected_graphs(), data=st.data())
@settings(max_examples=25, deadline=None)
def test_encryption_on_connected_qubits_is_exact_and_joins_neighbours_only(graph, data):
    n, edges = graph
    qubits = data.draw(st.permutations(range(n + 1)))
    circuit, tree = synthesized(EncryptGate(n), qubits, edges, encrypt=["tree"])
    # The global phase too, since a gate may be controlled.
    assert np.allclose(Operator(tree).data, Operator(circuit).data, atol=1e-10)
    assert joined(tree) <= {frozenset(e) for e in edges}
    # 2 for the centre, 3 for a leaf edge, 4 for an inner one.
    assert 2 + 3 * (n - 1) <= tree.num_nonlocal_gates() <= 2 + 3 * 2 + 4 * max(0, n - 3)


@pytest.mark.parametrize(("n", "on_line", "on_all"), [(2, 5, 5), (3, 8, 8), (5, 16, 15)])
def test_gates_of_encryption_on_a_line_and_without_a_device(n, on_line, on_all):
    line = [(k, k + 1) for k in range(n)]
    _, found = synthesized(EncryptGate(n), range(n + 1), line, encrypt=["tree"])
    assert found.num_nonlocal_gates() == on_line
    circuit = QuantumCircuit(n + 1)
    circuit.append(EncryptGate(n), range(n + 1))
    free = transpile(
        circuit,
        basis_gates=["h", "s", "sdg", "z", "cx", "cy", "cz"],
        optimization_level=0,
        hls_config=HLSConfig(encrypt=["tree"]),
    )
    assert free.num_nonlocal_gates() == on_all
    assert np.allclose(Operator(free).data, Operator(circuit).data)
    assert free.num_nonlocal_gates() < EncryptGate(n).definition.num_nonlocal_gates()


def test_qubits_that_are_not_connected_get_a_line_for_routing():
    circuit, found = synthesized(EncryptGate(3), [0, 2, 4, 6], [(k, k + 1) for k in range(6)])
    assert found.num_nonlocal_gates() == 12
    circuit, found = synthesized(
        EncryptGate(3), [0, 2, 4, 6], [(k, k + 1) for k in range(6)], encrypt=["tree"]
    )
    assert found.num_nonlocal_gates() == 8
    assert np.allclose(Operator(found).data, Operator(circuit).data)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_decryption_by_pairs_is_exact_for_every_clone(n):
    for clone in range(n % 2, n + 1):
        edges = [(a, b) for a in range(n + 1) for b in range(a)]
        gate = DecryptGate(n, clone)
        circuit, found = synthesized(gate, range(n + 1), edges, decrypt=["pairs"])
        assert np.allclose(Operator(found).data, Operator(circuit).data)
        assert found.num_nonlocal_gates() == gate.definition.num_nonlocal_gates()
        assert two_qubit_depth(found) <= two_qubit_depth(gate.definition)


def test_decryption_by_pairs_halves_the_depth():
    edges = [(a, b) for a in range(12) for b in range(a)]
    _, found = synthesized(DecryptGate(11, 3), range(12), edges, decrypt=["pairs"])
    assert two_qubit_depth(found) <= 0.7 * two_qubit_depth(DecryptGate(11, 3).definition)


def test_a_plain_transpile_finds_the_plugins():
    assert "tree" in high_level_synthesis_plugin_names("encrypt")
    assert "pairs" in high_level_synthesis_plugin_names("decrypt")
    circuit = QuantumCircuit(4)
    circuit.append(EncryptGate(3), range(4))
    circuit.barrier()
    circuit.append(DecryptGate(3, 2), [2, 0, 1, 3])
    config = HLSConfig(encrypt=["tree"], decrypt=["pairs"])
    for level in (1, 3):
        found = transpile(
            circuit,
            coupling_map=CouplingMap.from_line(6),
            basis_gates=["rz", "sx", "x", "cz"],
            optimization_level=level,
            seed_transpiler=1,
            hls_config=config,
        )
        assert Operator.from_circuit(found).equiv(_widened(circuit, 6))
    alone = QuantumCircuit(6)
    alone.append(EncryptGate(5), range(6))
    count = [
        transpile(
            alone,
            target=KINGSTON.to_target(),
            optimization_level=1,
            seed_transpiler=1,
            hls_config=one,
        ).num_nonlocal_gates()
        for one in (None, HLSConfig(encrypt=["tree"]))
    ]
    assert count[1] < 0.85 * count[0]


def _widened(circuit, size):
    wide = QuantumCircuit(size)
    wide.compose(circuit, range(circuit.num_qubits), inplace=True)
    return Operator(wide)


def plain(n, clone=1, order=None, bell=True):
    """The protocol without registers, labels or order of qubits; R, A, signals and key."""
    names = ["R", "A", *(f"S{i}" for i in range(n)), *(f"N{i}" for i in range(n))]
    order = order or range(len(names))
    on = dict(zip(names, order, strict=True))
    signals, key = [on[f"S{i}"] for i in range(n)], [on[f"N{i}"] for i in range(n)]
    circuit = QuantumCircuit(len(names))
    for s, k in zip(signals, key, strict=True):
        circuit.h(k)
        circuit.cx(k, s)
    if bell:
        circuit.h(on["R"])
        circuit.cx(on["R"], on["A"])
    circuit.append(EncryptGate(n), [on["A"], *signals])
    return circuit, on["R"], on["A"], signals, key, [on["A"], *signals][clone]


def law(circuit):
    found = compact(steps(circuit))
    return OutcomeLaw.of(found, 1 + max(q for s in found for q in s.qubits), circuit.num_clbits)


@given(
    n=st.integers(2, 4),
    how=st.sampled_from(["gate", "whole key", "frame", "feedforward", "nothing"]),
    readout=st.sampled_from(["bell", "X", "Y", "Z"]),
    data=st.data(),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_a_plain_circuit_becomes_native_and_means_the_same(n, how, readout, data):
    clone = data.draw(st.integers(n % 2, n))
    order = data.draw(st.permutations(range(2 * n + 2)))
    circuit, r, _, _, key, c = plain(n, clone, order)
    circuit.add_bits([Clbit() for _ in range(n + 2)])
    bits = circuit.clbits[2:]
    if how in ("gate", "whole key"):
        circuit.append(DecryptGate(n, clone), [c, *key])
    elif how != "nothing":
        qubits = circuit.qubits
        diagonalize_key(circuit, qubits[c], [qubits[k] for k in key], n, (clone,))
    if how == "feedforward":
        circuit.measure(key, bits)
        with circuit.if_test(expr.bit_xor(bits[0], bits[1])):
            circuit.x(c)
    if readout == "bell" and how != "nothing":
        circuit.cx(r, c)
        circuit.h(r)
    elif readout != "bell":
        for qubit in (r, c):
            append_gates(circuit, TO_Z[readout], qubit)
    circuit.measure([r, c], [0, 1])
    if how in ("nothing", "frame", "whole key"):
        circuit.measure(key, bits)
    compiled = protocol_pass_manager(KINGSTON, moves=MOVES, workers=1).run(circuit)
    assert compiled.clbits == circuit.clbits
    assert law(compiled) == law(circuit)
    assert certify(with_stages(circuit).circuit, compiled).status == "proved"
    assert joined(compiled) <= {frozenset(pair) for pair in KINGSTON.working_couplers} | {
        frozenset(compiled.find_bit(q).index for q in i.qubits)
        for i in compiled.data
        if i.name == "barrier" and len(i.qubits) == 2
    }
    places = compiled.layout.final_index_layout()
    assert len(set(places)) == circuit.num_qubits
    measured = {
        compiled.find_bit(i.clbits[0]).index: compiled.find_bit(i.qubits[0]).index
        for i in compiled.data
        if i.name == "measure"
    }
    assert (measured[0], measured[1]) == (places[r], places[c])
    if how == "whole key":
        assert [measured[2 + k] for k in range(n)] == [places[k] for k in key]


def chances(circuit, bits):
    """Exact probabilities of the outcomes of some bits, by a state vector."""
    qubits = {circuit.find_bit(i.clbits[0]).index: i.qubits[0] for i in circuit.data if i.clbits}
    used = sorted({circuit.find_bit(q).index for i in circuit.data for q in i.qubits})
    small = QuantumCircuit(len(used))
    for i in circuit.data:
        if i.name not in ("measure", "barrier"):
            small.append(i.operation, [used.index(circuit.find_bit(q).index) for q in i.qubits])
    on = [used.index(circuit.find_bit(qubits[bit]).index) for bit in bits]
    return Statevector(small).probabilities(on)


@pytest.mark.parametrize("strategy", ["gate", "frame"])
def test_any_input_of_a_plain_circuit_comes_back(strategy):
    circuit, _, a, _, key, c = plain(2, 2, [5, 3, 0, 4, 2, 1], bell=False)
    turned = QuantumCircuit(*circuit.qregs, ClassicalRegister(3))
    turned.ry(1.1, a)
    turned.rz(0.7, a)
    turned.compose(circuit, inplace=True)
    if strategy == "gate":
        turned.append(DecryptGate(2, 2), [c, *key])
    else:
        diagonalize_key(turned, turned.qubits[c], [turned.qubits[k] for k in key], 2, (2,))
        turned.measure(key, [1, 2])
    turned.h(c)
    turned.measure(c, 0)
    compiled = protocol_pass_manager(KINGSTON, moves=MOVES, workers=1).run(turned)
    bits = [0] if strategy == "gate" else [0, 1, 2]
    wanted = chances(turned, bits)
    assert np.allclose(chances(compiled, bits), wanted, atol=1e-6)
    if strategy == "gate":
        assert wanted[0] == pytest.approx((1 + math.sin(1.1) * math.cos(0.7)) / 2)


def test_circuits_with_stages_are_taken_as_they_are():
    circuit = EntanglementPoint(Cloning(3, 1, "frame"), "parity").settings()[0].circuit
    assert with_stages(circuit).circuit is circuit
    target = KINGSTON.to_target()
    found = protocol_pass_manager(target, moves=MOVES, seed=3, workers=1).run(circuit)
    snapshot = DeviceSnapshot.from_target(target, "target")
    (wanted,) = compile_protocol([circuit], snapshot, MOVES, 3, 1)
    assert found.data == wanted.data
    seconds = MOVES / MOVES_PER_SECOND
    assert protocol_pass_manager(target, seconds=seconds, seed=3, workers=1).run(circuit) == found


def small_target(size, entangler="cz", couplings=None):
    """A ring without calibration, its gate in one direction."""
    pairs = CouplingMap(couplings or [(k, (k + 1) % size) for k in range(size)])
    return Target.from_configuration(["rz", "sx", "x", entangler, "measure"], size, pairs)


def two_clones():
    circuit, reference, _, _, key, clone = plain(2, clone=2)
    circuit.append(DecryptGate(2, clone=2), [clone, *key])
    circuit.add_register(ClassicalRegister(3))  # one bit is never written
    circuit.measure([reference, clone], [0, 1])
    return circuit


@pytest.mark.parametrize("otherwise", ["raise", "stock"])
@pytest.mark.parametrize("entangler", ["cz", "cx", "ecr", "iswap"])
def test_a_target_needs_no_calibration_and_its_gates_one_direction(entangler, otherwise):
    target = small_target(9, entangler)
    circuit = two_clones()
    if otherwise == "stock":
        circuit.append(EncryptGate(2), [1, 2, 3])  # no protocol any more
    passes = protocol_pass_manager(target, moves=MOVES, workers=1, otherwise=otherwise)
    found = passes.run(circuit)
    assert bool(passes.property_set["protocol_remark"]) == (otherwise == "stock")
    gates = 0
    for one in found.data:
        if one.name != "barrier":
            on = tuple(found.find_bit(q).index for q in one.qubits)
            assert target.instruction_supported(one.name, on)
            gates += len(on) == 2
    assert gates >= 12


@pytest.mark.parametrize("otherwise", ["raise", "stock"])
@pytest.mark.parametrize(
    ("target", "why"),
    [
        (small_target(5), r"needs 6 connected qubits, but device 'target' has 5 that work"),
        (
            small_target(8, couplings=[(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7)]),
            r"has 5 that work and are connected \(of 8; it falls into parts of 5, 3\)",
        ),
    ],
)
def test_a_target_without_room_says_what_is_missing(target, why, otherwise):
    with pytest.raises(DoesNotFit, match=why):
        protocol_pass_manager(target, moves=MOVES, workers=1, otherwise=otherwise).run(two_clones())


def without_a_pair(circuit, signals):
    del circuit.data[1]


def with_a_second_encryption(circuit, signals):
    circuit.append(EncryptGate(2), [1, 2, 3])


def with_a_stranger(circuit, signals):
    circuit.add_register(QuantumRegister(1))
    circuit.h(6)


def with_another_pair(circuit, signals):
    circuit.data.insert(2, circuit.data[0].replace(qubits=[circuit.qubits[signals[0]]]))


def with_another_clone(circuit, signals):
    circuit.append(DecryptGate(2, 1), [3, 4, 5])


def with_another_key(circuit, signals):
    circuit.append(DecryptGate(2, 1), [2, 4, 0])


def with_a_joined_readout(circuit, signals):
    circuit.cx(2, 3)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (without_a_pair, "no Bell pair before encryption"),
        (with_a_second_encryption, "2 encryptions, not one"),
        (with_a_stranger, "no part of the protocol"),
        (with_another_pair, "are not in the state"),
        (with_another_clone, "its place in the key belongs to qubit 2"),
        (with_another_key, "other qubits than the key"),
        (with_a_joined_readout, "joins other qubits"),
    ],
)
def test_what_is_ambiguous_is_refused_or_left_to_the_stock_transpiler(spoil, why):
    circuit, _, _, signals, _, _ = plain(2)
    spoil(circuit, signals)
    circuit.measure_all()
    with pytest.raises(NotRecognised, match=why):
        protocol_pass_manager(KINGSTON, moves=1, workers=1).run(circuit)
    manager = protocol_pass_manager(KINGSTON, moves=1, otherwise="stock")
    found = manager.run(circuit)
    assert why in manager.property_set["protocol_remark"]
    assert {i.name for i in found.data} <= {"rz", "sx", "x", "cz", "measure", "barrier"}
    assert found.layout.final_index_layout() == [
        found.find_bit(i.qubits[0]).index for i in found.data if i.name == "measure"
    ]


def test_a_device_that_is_too_small_says_so():
    (circuit, *_) = plain(3)
    small = DeviceSnapshot(
        "small",
        None,
        "cz",
        KINGSTON.qubits[:6],
        tuple(c for c in KINGSTON.couplers if max(c.qubits) < 6),
    )
    with pytest.raises(DoesNotFit, match="needs 8 connected qubits, but device 'small' has 6"):
        PassManager([CompileProtocol(small, 100)]).run(circuit)


def test_the_examples_of_the_documentation_run(capsys):
    text = (Path(__file__).parents[3] / "docs" / "compiling.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        exec(compile(example, "docs/compiling.md", "exec"), {})  # noqa: S102
    assert "[" in capsys.readouterr().out
