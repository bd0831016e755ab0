"""Parities of unused qubits that are certain without noise."""

import pytest
from qiskit.circuit import ClassicalRegister

from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.storage import StoragePoint
from experiments.protocol import Cloning, Strategy
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import OutcomeLaw
from experiments.unused_qubits import (
    BellPair,
    Single,
    SpentState,
    append_readouts,
    choose_readouts,
    find_corrections,
    find_detectors,
    key_bits,
    lightened,
    lost_qubits,
    unused_qubits,
)


def spent(n: int, strategy: Strategy) -> tuple[SpentState, EntanglementPoint]:
    point = EntanglementPoint(Cloning(n, 1, strategy), "parity")
    circuit = point.settings()[0].circuit
    return SpentState.of(tuple(steps(circuit)), unused_qubits(circuit), key_bits(circuit)), point


@pytest.mark.parametrize("strategy", ["unitary", "frame", "feedforward"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_as_many_detectors_are_found_as_were_promised(n: int, strategy: Strategy) -> None:
    state, point = spent(n, strategy)
    for couplings in ([], list(zip(state.unused, state.unused[1:], strict=False))):
        readouts = choose_readouts([state], couplings)
        circuits = [append_readouts(s.circuit, readouts) for s in point.settings()]
        before = point.settings()[0].circuit
        extra = (1 << circuits[0].num_clbits) - (1 << before.num_clbits)
        allowed = key_bits(before) | extra
        found = find_detectors(circuits, allowed)
        assert {len(one) for one in found} == {state.num_detectors(readouts)}
        for circuit, checks in zip(circuits, found, strict=True):
            law = OutcomeLaw.of_circuit(circuit)
            assert all(law.parity(check.mask) == check.parity for check in checks)
            assert all(check.mask & ~allowed == 0 for check in checks)


def test_bell_pairs_give_more_detectors() -> None:
    state, _ = spent(4, "frame")
    alone = choose_readouts([state])
    together = choose_readouts(
        [state],
        [(first, second) for first in state.unused for second in state.unused if first < second],
    )
    assert all(isinstance(one, Single) for one in alone)
    assert any(isinstance(one, BellPair) for one in together)
    assert state.num_detectors(together) > state.num_detectors(alone)


def test_every_matching_of_a_bell_pair_reads_what_it_says() -> None:
    for matching in ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"):
        point = EntanglementPoint(Cloning(2), "bsm")
        circuit = point.settings()[0].circuit
        # S_2 and N_2 are spent: with two more bits their products are compared with a dense one.
        unused = unused_qubits(circuit)
        pair = BellPair((unused[0], unused[1]), matching)
        state = SpentState.of(tuple(steps(circuit)), unused, 0)
        others = [Single(q, "Z") for q in unused[2:]]
        read = append_readouts(circuit, [pair, *others])
        extra = (1 << read.num_clbits) - (1 << circuit.num_clbits)
        (found,) = find_detectors([read], extra)
        assert len(found) == state.num_detectors([pair, *others])


def test_a_correction_flips_what_the_pauli_says() -> None:
    flips = [
        find_corrections(s.circuit, s.checks)
        for s in EntanglementPoint(Cloning(3, 2, "frame"), "parity").settings()
    ]
    assert flips == [(1, 0), (1, 1), (0, 1)]  # ZZ, YY, XX by X and by Z
    (bell,) = EntanglementPoint(Cloning(2), "bsm").settings()
    assert find_corrections(bell.circuit, bell.checks) == (0b01, 0b10)


def test_lost_servers_tell_nothing() -> None:
    for loss in ("reset", "measure", "depolarize"):
        point = StoragePoint(Cloning(3), lost=(2,), loss=loss)
        circuit = point.settings()[0].circuit
        server = circuit.find_bit(next(r for r in circuit.qregs if r.name == "S")[1]).index
        assert lost_qubits(circuit) == {server}
        assert server not in unused_qubits(circuit)


def test_readouts_have_a_register_of_their_own() -> None:
    circuit = EntanglementPoint(Cloning(2, 1, "frame"), "parity").settings()[0].circuit
    read = append_readouts(circuit, [Single(q, "X") for q in unused_qubits(circuit)])
    assert [r.name for r in read.cregs] == ["r", "c", "key", "unused"]
    assert isinstance(read.cregs[-1], ClassicalRegister)
    assert read.clbits[: circuit.num_clbits] == circuit.clbits


def test_a_lighter_basis_spans_the_same() -> None:
    heavy = [(0b1111, 1), (0b0111, 0), (0b0011, 1)]
    light = lightened(heavy)
    assert sorted(mask.bit_count() for mask, _ in light) == [1, 1, 2]
    assert OutcomeLaw.of_rows(light) == OutcomeLaw.of_rows(heavy)
