"""The circuits against a dense simulator that shares no code with the package."""

from functools import cache
from itertools import combinations, product

import hypothesis
import numpy as np
import pytest
from dense import MATRICES, Branch, State, evolve, outcome_distribution, run, success_chance
from hypothesis import strategies as st
from numpy.typing import NDArray
from qiskit.circuit import Clbit, QuantumCircuit
from qiskit.circuit.classical import expr

from experiments.gates import DecryptGate
from experiments.inputs import NAMED_INPUTS
from experiments.protocol import (
    STRATEGIES,
    Cloning,
    Strategy,
    build_encryption,
    clone_qubit,
    register,
)
from experiments.readout import ESTIMATORS, build_settings
from experiments.settings import Setting
from experiments.stabilizer.clifford import to_stim
from experiments.stabilizer.states import OutcomeLaw, StabilizerState, information_bits


def implied_distribution(law: OutcomeLaw, num_clbits: int) -> NDArray[np.float64]:
    """The uniform distribution over the outcomes that the law allows."""
    allowed = [
        all((outcome & mask).bit_count() % 2 == parity for mask, parity in law.rows)
        for outcome in range(1 << num_clbits)
    ]
    return np.array(allowed) / sum(allowed)


def possible(distribution: NDArray[np.float64]) -> set[int]:
    return set(np.flatnonzero(distribution > 1e-9).tolist())


def sampled_outcomes(circuit: QuantumCircuit, shots: int) -> set[int]:
    """What stim draws; its records are in the order of the measurements."""
    index = {bit: k for k, bit in enumerate(circuit.clbits)}
    written = [index[i.clbits[0]] for i in circuit.data if i.name == "measure"]
    records = to_stim(circuit).compile_sampler(seed=1).sample(shots)
    return set((records @ np.array([1 << bit for bit in written])).tolist())


def clones(n: int) -> range:
    """All clones; the input qubit A is clone 0 for even n."""
    return range(n % 2, n + 1)


CLONES = [(n, clone) for n in (2, 3, 4) for clone in clones(n)]
CASES = [(n, clone, strategy) for n, clone in CLONES for strategy in STRATEGIES]
every_case = pytest.mark.parametrize(("n", "clone", "strategy"), CASES)
every_clone = pytest.mark.parametrize(("n", "clone"), CLONES)


@cache
def simulated(n: int, clone: int, strategy: Strategy) -> list[tuple[Setting, NDArray[np.float64]]]:
    """Every setting of every input and estimator with its dense outcome distribution."""
    estimators = [e for e in ESTIMATORS if (strategy, e) != ("witness", "bsm")]
    return [
        (setting, outcome_distribution(setting.circuit))
        for source, estimator in product(NAMED_INPUTS, estimators)
        for setting in build_settings(Cloning(n, clone, strategy, source), estimator)
    ]


@every_case
def test_every_check_always_holds(n: int, clone: int, strategy: Strategy) -> None:
    for setting, distribution in simulated(n, clone, strategy):
        chance = success_chance(distribution, setting.checks)
        assert chance == pytest.approx(1, abs=1e-9), setting.label
        assert setting.ideal_success() == pytest.approx(chance, abs=1e-9), setting.label


@every_case
def test_the_outcome_law_is_the_whole_distribution(n: int, clone: int, strategy: Strategy) -> None:
    for setting, distribution in simulated(n, clone, strategy):
        law = OutcomeLaw.of_circuit(setting.circuit)
        implied = implied_distribution(law, setting.circuit.num_clbits)
        np.testing.assert_allclose(implied, distribution, atol=1e-9, err_msg=setting.label)


@every_case
def test_stim_draws_only_possible_outcomes(n: int, clone: int, strategy: Strategy) -> None:
    for setting, distribution in simulated(n, clone, strategy):
        drawn = sampled_outcomes(setting.circuit, shots=100)
        assert drawn <= possible(distribution), setting.label


@every_case
def test_no_single_outcome_is_certain_by_accident(n: int, clone: int, strategy: Strategy) -> None:
    """With half of a Bell pair as input the checks say something about random bits."""
    for setting in build_settings(Cloning(n, clone, strategy), "parity"):
        law = OutcomeLaw.of_circuit(setting.circuit)
        (check,) = setting.checks
        assert [law.parity(1 << bit) for bit in check.bits] == [None] * len(check.bits)


# --- circuits that the protocol does not contain ---


def with_fault(circuit: QuantumCircuit, place: int, gate: str, qubit: int) -> QuantumCircuit:
    """The circuit with one more gate somewhere."""
    flat = circuit.decompose(["encrypt", "decrypt"])
    faulty = flat.copy_empty_like()
    for k, instruction in enumerate(flat.data):
        if k == place % len(flat.data):
            getattr(faulty, gate)(qubit)
        faulty.append(instruction)
    return faulty


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    case=st.sampled_from([case for case in CASES if case[0] < 4]),
    setting=st.integers(0, 2),
    place=st.integers(0, 200),
    gate=st.sampled_from(["h", "s", "sx", "x", "y", "z"]),
    qubit=st.integers(0, 5),
)
def test_success_with_a_faulty_gate_is_exact_too(
    case: tuple[int, int, Strategy], setting: int, place: int, gate: str, qubit: int
) -> None:
    right = build_settings(Cloning(*case), "parity")[setting]
    faulty = with_fault(right.circuit, place, gate, qubit)
    predicted = Setting("faulty", faulty, right.checks).ideal_success()
    chance = success_chance(outcome_distribution(faulty), right.checks)
    assert predicted == pytest.approx(chance, abs=1e-9)


@st.composite
def dynamic_circuits(draw: st.DrawFn) -> QuantumCircuit:
    """Clifford gates, measurements and Paulis conditioned on parities of outcomes."""
    circuit = QuantumCircuit(3, 4)
    for bit in range(4):
        for _ in range(draw(st.integers(1, 6))):
            name = draw(st.sampled_from(sorted(MATRICES)))
            on = draw(st.permutations(range(3)))
            getattr(circuit, name)(*on[: 2 if name.startswith("c") else 1])
        circuit.measure(draw(st.integers(0, 2)), bit)
        watched = draw(st.lists(st.integers(0, bit), min_size=1, max_size=3, unique=True))
        condition = expr.lift(circuit.clbits[watched[0]])
        for other in watched[1:]:
            condition = expr.bit_xor(condition, circuit.clbits[other])
        simple = (circuit.clbits[watched[0]], draw(st.integers(0, 1)))
        then, otherwise = draw(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")))
        with circuit.if_test(draw(st.sampled_from([condition, simple]))) as else_:
            getattr(circuit, then)(draw(st.integers(0, 2)))
        if draw(st.booleans()):
            with else_:
                getattr(circuit, otherwise)(draw(st.integers(0, 2)))
    return circuit


@hypothesis.settings(deadline=None, max_examples=100)
@hypothesis.given(dynamic_circuits())
def test_outcome_law_and_stim_follow_any_dynamic_clifford_circuit(circuit: QuantumCircuit) -> None:
    distribution = outcome_distribution(circuit)
    implied = implied_distribution(OutcomeLaw.of_circuit(circuit), circuit.num_clbits)
    np.testing.assert_allclose(implied, distribution, atol=1e-9)
    assert sampled_outcomes(circuit, shots=300) == possible(distribution)


# --- what single qubits and parties hold ---


def reduced(branches: list[Branch], kept: list[int]) -> NDArray[np.complex128]:
    """Density matrix of the kept qubits, everything else and all outcomes forgotten."""
    size = 1 << len(kept)
    rows = [np.moveaxis(b.state, kept, range(len(kept))).reshape(size, -1) for b in branches]
    return sum(row @ row.conj().T for row in rows)


def bell_fidelity(rho: NDArray[np.complex128]) -> float:
    """<φ|ρ|φ> with |φ> = (|00> + |11>)/√2."""
    return float((rho[0, 0] + rho[0, 3] + rho[3, 0] + rho[3, 3]).real / 2)


def entanglement_fidelity(circuit: QuantumCircuit, clone: int) -> float:
    held = circuit.find_bit(clone_qubit(circuit, clone)).index
    return bell_fidelity(reduced(run(circuit), [0, held]))


def append_decryption(circuit: QuantumCircuit, n: int, clone: int) -> None:
    circuit.append(DecryptGate(n, clone), [clone_qubit(circuit, clone), *register(circuit, "N")])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_every_qubit_alone_is_maximally_mixed_and_uncorrelated_with_r(n: int) -> None:
    branches = run(build_encryption(Cloning(n)))
    for qubit in range(1, 2 * n + 2):
        np.testing.assert_allclose(reduced(branches, [0, qubit]), np.eye(4) / 4, atol=1e-12)


@every_clone
def test_decryption_gives_the_bell_pair_back(n: int, clone: int) -> None:
    circuit = build_encryption(Cloning(n, clone))
    append_decryption(circuit, n, clone)
    assert entanglement_fidelity(circuit, clone) == pytest.approx(1, abs=1e-12)


@every_clone
def test_a_clone_is_worthless_before_decryption(n: int, clone: int) -> None:
    circuit = build_encryption(Cloning(n, clone))
    assert entanglement_fidelity(circuit, clone) == pytest.approx(1 / 4, abs=1e-12)


@every_clone
def test_a_spent_key_decrypts_no_other_clone(n: int, clone: int) -> None:
    for other in set(clones(n)) - {clone}:
        circuit = build_encryption(Cloning(n, clone))
        append_decryption(circuit, n, clone)
        append_decryption(circuit, n, other)
        assert entanglement_fidelity(circuit, other) == pytest.approx(1 / 4, abs=1e-12)


@every_clone
@pytest.mark.parametrize("spoil", ["", "h", "sx"])
def test_measuring_all_other_clones_does_no_harm(n: int, clone: int, spoil: str) -> None:
    circuit = build_encryption(Cloning(n, clone))
    stored = [register(circuit, "A")[0], *register(circuit, "S")]
    others = [qubit for qubit in stored if qubit != clone_qubit(circuit, clone)]
    if spoil:
        getattr(circuit, spoil)(others)
    circuit.add_bits([Clbit() for _ in others])
    circuit.measure(others, circuit.clbits)
    append_decryption(circuit, n, clone)
    assert entanglement_fidelity(circuit, clone) == pytest.approx(1, abs=1e-12)


def conjugated(circuit: QuantumCircuit, rho: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """UρU^† for a circuit of gates on the first axes of ρ."""
    n = circuit.num_qubits
    for _ in range(2):
        # ρ → (Uρ)^† = ρU^† → (UρU^†)^† = UρU^†
        (after,) = evolve(circuit, [Branch(0, rho.reshape((2,) * (2 * n)))], range(n), ())
        rho = after.state.reshape(1 << n, 1 << n).conj().T
    return rho


@every_clone
def test_losing_all_other_clones_does_no_harm(n: int, clone: int) -> None:
    """The others are traced out before the density matrix is decrypted."""
    circuit = build_encryption(Cloning(n, clone))
    held = [clone_qubit(circuit, clone), *register(circuit, "N")]
    rho = reduced(run(circuit), [0, *(circuit.find_bit(qubit).index for qubit in held)])
    decryption = QuantumCircuit(n + 2)
    decryption.append(DecryptGate(n, clone), range(1, n + 2))
    rho = conjugated(decryption.decompose(), rho)
    pair = np.trace(rho.reshape(4, 1 << n, 4, 1 << n), axis1=1, axis2=3)
    assert bell_fidelity(pair) == pytest.approx(1, abs=1e-12)


def entropy(state: State, kept: tuple[int, ...]) -> float:
    """Von Neumann entropy of the kept qubits in bits."""
    matrix = np.moveaxis(state, kept, range(len(kept))).reshape(1 << len(kept), -1)
    chances = np.linalg.svd(matrix, compute_uv=False) ** 2
    chances = chances[chances > 1e-12]
    return float(-(chances * np.log2(chances)).sum())


@pytest.mark.parametrize("n", [2, 3, 4])
def test_information_bits_are_the_mutual_information_for_every_subset(n: int) -> None:
    circuit = build_encryption(Cloning(n))
    ((branch,), state) = run(circuit), StabilizerState.of_circuit(circuit)
    qubits = range(1, 2 * n + 2)
    for size in range(len(qubits) + 1):
        for held in combinations(qubits, size):
            parts = 1 + entropy(branch.state, held) - entropy(branch.state, (0, *held))
            assert information_bits(state, 0, held) == pytest.approx(parts, abs=1e-9)
