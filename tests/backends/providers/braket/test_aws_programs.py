"""What is written for each vendor is the circuit, in its own gates, on its own qubits."""

import math

import braket_devices as devices
import numpy as np
import pytest
from braket.circuits import Circuit, Gate
from braket_programs import Gate as Native
from braket_programs import check, parse, unitary
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator

from backends.devices.braket_capabilities import Capabilities
from backends.errors import DoesNotFit
from backends.providers.braket.programs import Dialect, Readout, program, two_qubit_gates

VENDORS = [devices.GARNET, devices.ANKAA, devices.FORTE, devices.ARIA, devices.IBEX]
CHAIN = {
    devices.GARNET: (7, 2, 3, 4),
    devices.ANKAA: (20, 14, 15, 9),
    devices.FORTE: (30, 4, 17, 0),
    devices.ARIA: (3, 24, 7, 11),
    devices.IBEX: (5, 0, 11, 2),
}
"""Four qubits in a row, with labels that are neither in order nor complete."""


def capabilities(arn):
    return Capabilities(devices.document(arn))


def dialect(arn):
    return Dialect.of(capabilities(arn))


@st.composite
def native_circuits(draw):
    """Pulses, Z turns by any angle and entangling gates between neighbours of a chain."""
    arn = draw(st.sampled_from(VENDORS))
    entangler = capabilities(arn).snapshot("x").entangler
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["sx", "x", "rz", "pair"]),
                st.integers(0, 3),
                st.floats(-7, 7, allow_nan=False),
                st.booleans(),
            ),
            min_size=1,
            max_size=25,
        )
    )
    chain = CHAIN[arn]
    circuit = QuantumCircuit(40, 4)
    small = QuantumCircuit(4)
    for kind, k, angle, turned in steps:
        if kind == "pair":
            pair = (k % 3, k % 3 + 1)[:: -1 if turned else 1]
            for where, name in ((small, list(pair)), (circuit, [chain[q] for q in pair])):
                extra = [math.pi / 2] if entangler in ("rxx", "rzz") else []
                getattr(where, entangler)(*extra, *name)
        else:
            extra = [angle] if kind == "rz" else []
            getattr(small, kind)(*extra, k)
            getattr(circuit, kind)(*extra, chain[k])
    circuit.measure(chain, range(4))
    return arn, circuit, small


@hypothesis_settings(deadline=None)
@given(native_circuits())
def test_a_program_is_the_circuit_up_to_turns_that_no_readout_sees(given_circuit):
    arn, circuit, small = given_circuit
    source = program(circuit, dialect(arn))
    parsed = parse(source)
    check(parsed, devices.document(arn))
    chain = CHAIN[arn]
    assert parsed.measured == [(bit, qubit) for bit, qubit in enumerate(chain)]
    total = np.eye(16, dtype=complex)
    for gate in parsed.gates:
        whole = QuantumCircuit(4)
        # Qiskit's first qubit is the least significant, Braket's the most.
        whole.unitary(unitary(gate), [chain.index(q) for q in reversed(gate.qubits)])
        total = Operator(whole).data @ total
    rest = Operator(small).data @ total.conj().T
    assert np.allclose(np.abs(np.diag(rest)), 1, atol=1e-7)
    # One native gate for each pulse and each entangling gate, none for a turn about Z.
    counts = small.count_ops()
    pairs = sum(n for name, n in counts.items() if name not in ("sx", "x", "rz"))
    assert parsed.two_qubit_gates == two_qubit_gates(source) == pairs
    pulses = [g for g in parsed.gates if len(g.qubits) == 1 and g.name != "rz"]
    assert len(pulses) == counts.get("sx", 0) + counts.get("x", 0)


@pytest.mark.parametrize(
    ("name", "params", "gate"),
    [
        ("prx", (0.3, 1.1), Gate.PRx(0.3, 1.1)),
        ("rx", (0.3,), Gate.Rx(0.3)),
        ("rz", (0.3,), Gate.Rz(0.3)),
        ("gpi", (0.4,), Gate.GPi(0.4)),
        ("gpi2", (0.4,), Gate.GPi2(0.4)),
        ("cz", (), Gate.CZ()),
        ("iswap", (), Gate.ISwap()),
        ("zz", (0.7,), Gate.ZZ(0.7)),
        ("xx", (0.7,), Gate.XX(0.7)),
        ("ms", (0.2, 0.9, 1.1), Gate.MS(0.2, 0.9, 1.1)),
    ],
)
def test_native_gates_mean_what_the_sdk_says(name, params, gate):
    ours = unitary(Native(name, params, tuple(range(gate.qubit_count))))
    assert np.allclose(ours, gate.to_matrix(), atol=1e-9)


@pytest.mark.parametrize("arn", VENDORS)
def test_the_sdk_reads_the_programs(arn):
    chain = CHAIN[arn]
    circuit = QuantumCircuit(40, 2)
    circuit.sx(chain[0])
    entangler = capabilities(arn).snapshot("x").entangler
    extra = [math.pi / 2] if entangler in ("rxx", "rzz") else []
    getattr(circuit, entangler)(*extra, chain[0], chain[1])
    circuit.measure(chain[:2], [0, 1])
    read = Circuit.from_ir(program(circuit, dialect(arn)))
    assert sorted(int(q) for q in read.qubits) == sorted(chain[:2])
    assert "StartVerbatimBox" in {i.operator.name for i in read.instructions}


def test_iqms_program_is_written_as_its_manual_shows():
    circuit = QuantumCircuit(QuantumCircuit(8).qubits, ClassicalRegister(2, "c"))
    circuit.rz(math.pi / 2, 7)
    circuit.sx(7)
    circuit.cz(2, 7)
    circuit.barrier()
    circuit.x(2)
    circuit.measure([7, 2], [0, 1])
    assert program(circuit, dialect(devices.GARNET)).splitlines() == [
        "OPENQASM 3.0;",
        "bit[2] b;",
        "#pragma braket verbatim",
        "box{",
        f"prx({math.pi / 2!r}, {-math.pi / 2!r}) $7;",
        "cz $2, $7;",
        f"prx({math.pi!r}, 0.0) $2;",
        "}",
        "b[0] = measure $7;",
        "b[1] = measure $2;",
    ]


def test_where_outcomes_belong_is_read_from_the_program():
    circuit = QuantumCircuit(8, 3)
    circuit.sx([2, 7])
    circuit.measure([7, 2], [0, 2])
    readout = Readout.of(program(circuit, dialect(devices.GARNET)))
    assert readout == Readout(3, {7: 0, 2: 2})
    with pytest.raises(ValueError, match="declares no bits"):
        Readout.of("OPENQASM 3.0;\nqubit[2] q;\nh q[0];\n")


def early(act):
    circuit = QuantumCircuit(3, 2)
    circuit.sx(1)
    circuit.measure(1, 0)
    act(circuit)
    circuit.measure(2, 1)
    return circuit


@pytest.mark.parametrize("arn", [devices.ANKAA, devices.FORTE])
def test_early_measurements_are_refused_where_there_are_none(arn):
    with pytest.raises(DoesNotFit, match="strategy 'frame' gives the same clone"):
        program(early(lambda c: c.barrier()), dialect(arn))


def test_a_bit_that_the_service_would_not_return_is_refused():
    def again(circuit):
        circuit.x(1)

    with pytest.raises(DoesNotFit, match="qubit 1 is used again after its outcome"):
        program(early(again), dialect(devices.GARNET))


def test_a_delay_is_refused():
    circuit = QuantumCircuit(1, 1)
    circuit.delay(1e-6, 0, unit="s")
    circuit.measure(0, 0)
    with pytest.raises(DoesNotFit, match="keep no delays"):
        program(circuit, dialect(devices.GARNET))


def test_gates_of_another_device_are_refused():
    circuit = QuantumCircuit(2, 2)
    circuit.iswap(0, 1)
    circuit.measure([0, 1], [0, 1])
    with pytest.raises(DoesNotFit, match=r"'iswap' cannot be written .*\(cz, prx\)"):
        program(circuit, dialect(devices.GARNET))


def test_a_condition_on_a_parity_becomes_one_conditional_pulse_a_bit():
    circuit = QuantumCircuit(3, 3)
    circuit.sx([0, 1])
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test(expr.bit_xor(circuit.clbits[0], circuit.clbits[1])):
        circuit.z(2)
    circuit.measure(2, 2)
    lines = program(circuit, dialect(devices.GARNET)).splitlines()
    assert [line for line in lines if "cc_prx" in line] == [
        f"cc_prx({math.pi!r}, {phase!r}, {key}) $2;"
        for key in (0, 1)
        for phase in (0.0, math.pi / 2)
    ]
    assert lines[-3:] == ["b[0] = measure $0;", "b[1] = measure $1;", "b[2] = measure $2;"]
