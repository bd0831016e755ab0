"""The hash of a circuit: equal for equal circuits, whatever wrote them."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from qiskit.circuit import QuantumCircuit
from runs import environment

from backends.circuit_digest import circuit_digest
from backends.qpy_bytes import from_qpy, to_qpy
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning


def made() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 2)
    circuit.rz(0.25, 0)
    circuit.cz(0, 1)
    circuit.barrier([0, 1], label="encryption")
    circuit.delay(12.5, 2, unit="us")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def edited(place: int, change: Callable[[QuantumCircuit], object]) -> QuantumCircuit:
    """The circuit with one of its operations replaced."""
    circuit, before = made().copy_empty_like(), made()
    for k, one in enumerate(before.data):
        if k == place:
            change(circuit)
        else:
            circuit.append(one)
    return circuit


def conditional(bit: int, value: int, qubit: int) -> Callable[[QuantumCircuit], object]:
    def append(circuit: QuantumCircuit) -> None:
        with circuit.if_test((circuit.clbits[bit], value)):
            circuit.x(qubit)

    return append


EDITS = [
    (0, lambda c: c.rz(0.25 + 1e-15, 0)),
    (1, lambda c: c.cz(1, 0)),
    (2, lambda c: c.barrier([0, 1], label="decryption")),
    (3, lambda c: c.delay(12.6, 2, unit="us")),
    (4, lambda c: c.measure(0, 1)),
    (5, conditional(0, 0, 1)),
    (5, conditional(1, 1, 1)),
    (5, conditional(0, 1, 2)),
    (6, lambda c: None),
]


@pytest.mark.parametrize(("place", "change"), EDITS)
def test_every_edit_changes_the_hash(place, change):
    assert circuit_digest(edited(place, change)) != circuit_digest(made())


def test_a_circuit_keeps_its_hash_in_qpy():
    assert circuit_digest(from_qpy(to_qpy(made()))) == circuit_digest(made())
    for strategy in ("unitary", "feedforward", "frame"):
        for setting in EntanglementPoint(Cloning(3, 1, strategy), "parity").settings():
            kept = from_qpy(to_qpy(setting.circuit))
            assert circuit_digest(kept) == circuit_digest(setting.circuit)


def test_the_hash_is_that_of_another_process():
    code = (
        "from experiments.kinds.entanglement import EntanglementPoint\n"
        "from experiments.protocol import Cloning\n"
        "from backends.circuit_digest import circuit_digest\n"
        "point = EntanglementPoint(Cloning(3, 1, 'feedforward'), 'parity')\n"
        "print(circuit_digest(point.settings()[0].circuit))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
