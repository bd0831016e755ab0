"""The two gates against dense linear algebra, and as citizens of Qiskit."""

import io
import re
from copy import deepcopy
from functools import reduce

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import qasm3, qpy
from qiskit.circuit import Gate, QuantumCircuit
from qiskit.quantum_info import Operator
from scipy.linalg import expm

from experiments.gates import DecryptGate, EncryptGate

PAULIS = (
    np.eye(2),
    np.array([[0, 1], [1, 0]]),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1, -1]),
)
SIGNALS = [(n, clone) for n in range(2, 6) for clone in range(1, n + 1)]
CLONES = SIGNALS + [(n, 0) for n in (2, 4)]
GATES = [EncryptGate(n) for n in (2, 3, 4)] + [DecryptGate(*which) for which in CLONES]


def tensor(factors: list[NDArray]) -> NDArray:
    """Kronecker product with the first factor on qubit 0, the lowest bit in Qiskit."""
    return reduce(np.kron, factors[::-1])


def decryption_by_formula(n: int, clone: int) -> NDArray:
    """Σ_μ α_μ |φ_μ><φ_μ| ⊗ (⊗ σ_μ^T), with |φ_μ><φ_μ| = Σ_ν (σ_μ σ_ν σ_μ) ⊗ σ_ν^T / 4."""
    total = np.zeros((2 ** (n + 1), 2 ** (n + 1)), dtype=complex)
    for alpha, sigma in zip((1, 1j, -(1j ** (n + 1)), 1j), PAULIS, strict=True):
        for nu in PAULIS:
            key = [nu.T if i == clone else sigma.T for i in range(1, n + 1)]
            total += alpha / 4 * tensor([sigma @ nu @ sigma, *key])
    return total


def named(gate: Gate) -> str:
    return f"{gate.name}-{gate.num_qubits - 1}-{getattr(gate, 'clone', '')}"


def alone(gate: Gate) -> QuantumCircuit:
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, circuit.qubits)
    return circuit


def two_decryptions() -> QuantumCircuit:
    """Two gates of one name and size with different definitions."""
    circuit = QuantumCircuit(5)
    circuit.append(DecryptGate(3, 1), [0, 2, 3, 4])
    circuit.append(DecryptGate(3, 2), [1, 2, 3, 4])
    return circuit


@pytest.mark.parametrize("n", [2, 3, 4])
def test_encryption_is_the_two_exponentials_with_their_phase(n: int) -> None:
    x, z = (expm(-0.25j * np.pi * tensor([PAULIS[k]] * (n + 1))) for k in (1, 3))
    assert Operator(EncryptGate(n)) == Operator(x @ z)


@pytest.mark.parametrize(("n", "clone"), SIGNALS)
def test_decryption_of_a_signal_is_the_published_sum(n: int, clone: int) -> None:
    assert Operator(DecryptGate(n, clone)).equiv(Operator(decryption_by_formula(n, clone)))


@pytest.mark.parametrize("n", range(2, 8))
def test_encryption_has_the_advertised_size(n: int) -> None:
    definition = EncryptGate(n).definition
    assert definition.num_nonlocal_gates() == 4 * n
    assert definition.depth(lambda item: item.operation.num_qubits == 2) <= 2 * n + 4


@pytest.mark.parametrize("n", range(2, 8))
def test_decryption_has_the_advertised_size(n: int) -> None:
    star = 2 * (n - 1) + 2 + n % 2
    for clone in range(1, n + 1):
        assert DecryptGate(n, clone).definition.num_nonlocal_gates() == star
    if n % 2 == 0:
        assert DecryptGate(n, 0).definition.num_nonlocal_gates() == 3 * n // 2


@pytest.mark.parametrize("n", [-1, 0, 1])
@pytest.mark.parametrize("gate", [EncryptGate, DecryptGate])
def test_too_few_signals_are_refused(gate: type[Gate], n: int) -> None:
    with pytest.raises(ValueError, match=rf"n = {n} .*n >= 2.*give n = 2 or more"):
        gate(n)


@pytest.mark.parametrize(
    ("n", "clone", "lowest"), [(2, 3, 0), (2, -1, 0), (3, 4, 1), (3, -2, 1), (4, 5, 0)]
)
def test_a_clone_that_does_not_exist_is_refused(n: int, clone: int, lowest: int) -> None:
    with pytest.raises(ValueError, match=rf"clone = {clone} .*n = {n}.* from {lowest} to {n}"):
        DecryptGate(n, clone)


@pytest.mark.parametrize("n", [3, 5])
def test_the_input_qubit_is_no_clone_for_odd_n(n: int) -> None:
    with pytest.raises(ValueError, match=rf"clone = 0 .*n = {n}.*from 1 to {n}, or an even n"):
        DecryptGate(n, 0)


@pytest.mark.parametrize("gate", GATES, ids=named)
def test_a_gate_times_its_inverse_is_the_identity(gate: Gate) -> None:
    identity = Operator(np.eye(2**gate.num_qubits))
    assert Operator(gate) @ Operator(gate.inverse()) == identity


@pytest.mark.parametrize("gate", GATES, ids=named)
def test_decomposing_keeps_the_operator(gate: Gate) -> None:
    circuit = alone(gate).decompose()
    assert set(circuit.count_ops()) <= {"h", "s", "sdg", "sx", "sxdg", "x", "z", "cx", "cy", "cz"}
    assert Operator(circuit) == Operator(gate)


@pytest.mark.parametrize("circuit", [*map(alone, GATES), two_decryptions()])
def test_circuits_survive_qpy(circuit: QuantumCircuit) -> None:
    file = io.BytesIO()
    qpy.dump(circuit, file)
    file.seek(0)
    (loaded,) = qpy.load(file)
    assert Operator(loaded) == Operator(circuit)


def read_openqasm(text: str) -> QuantumCircuit:
    """Enough of OpenQASM 3 to read gate definitions and their calls."""
    definitions = {
        name: (arguments.split(", "), body.strip().splitlines())
        for name, arguments, body in re.findall(r"gate (\w+) ([^{]*?) {\n(.*?)}", text, re.S)
    }
    (size,) = re.findall(r"qubit\[(\d+)\] q;", text)
    circuit = QuantumCircuit(int(size))
    for name, operands in re.findall(r"^(\w+) (q\[.*\]);$", text, re.M):
        qubits = [int(k) for k in re.findall(r"\d+", operands)]
        arguments, body = definitions[name]
        where = dict(zip(arguments, qubits, strict=True))
        for line in body:
            inner, targets = line.strip().rstrip(";").split(" ", 1)
            getattr(circuit, inner)(*(where[t] for t in targets.split(", ")))
    return circuit


@pytest.mark.parametrize("circuit", [*map(alone, GATES), two_decryptions()])
def test_openqasm_defines_the_same_gates_up_to_phase(circuit: QuantumCircuit) -> None:
    assert Operator(read_openqasm(qasm3.dumps(circuit))).equiv(Operator(circuit))


def test_decryptions_are_equal_only_for_the_same_clone_and_n() -> None:
    gates = [DecryptGate(*which) for which in CLONES]
    for k, gate in enumerate(gates):
        assert [gate == other for other in gates] == [k == m for m in range(len(gates))]
        assert gate == deepcopy(gate)


def test_encryption_and_decryption_are_different_gates() -> None:
    assert EncryptGate(2) == EncryptGate(2)
    assert EncryptGate(2) != EncryptGate(3)
    assert DecryptGate(2) != EncryptGate(2)
    assert EncryptGate(2) != DecryptGate(2)


def test_circuits_that_decrypt_different_clones_differ() -> None:
    assert alone(DecryptGate(3, 1)) == alone(DecryptGate(3, 1))
    assert alone(DecryptGate(3, 1)) != alone(DecryptGate(3, 2))


def test_a_decryption_is_drawn_with_its_clone() -> None:
    assert "decrypt[2]" in str(alone(DecryptGate(3, 2)).draw("text"))
