"""Circuits as QPY: delays keep their length, for us and for everybody else."""

import io

import pytest
from qiskit import qasm3, qpy
from qiskit.circuit import Delay, QuantumCircuit

from backends.qpy_bytes import delay_ticks, from_qpy, to_qpy

LENGTHS = [(20, "us"), (1.2345678e-6, "s"), (36, "ns"), (0.25, "ms"), (4, "ps")]


def waiting() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for length, unit in LENGTHS:
        circuit.delay(length, 0, unit=unit)
    return circuit


def test_stock_qiskit_reads_the_length_that_was_written() -> None:
    (read,) = qpy.load(io.BytesIO(to_qpy(waiting())))
    first = read.data[0].operation.duration.value
    assert (first.value(), first.unit()) == (20, "us")
    assert "delay[20.0us]" in qasm3.dumps(read)


def test_lengths_survive_to_the_femtosecond() -> None:
    read = from_qpy(to_qpy(waiting()))
    assert [delay_ticks(one.operation) for one in read.data] == [
        *(20_000_000_000, 1_234_567_800, 36_000_000, 250_000_000_000, 4_000)
    ]
    assert {one.operation.unit for one in read.data} == {"s"}
    assert from_qpy(to_qpy(read)) == read


def test_files_of_older_versions_are_the_same_circuits() -> None:
    older = QuantumCircuit(1)
    for one in waiting().data:
        older.append(Delay(delay_ticks(one.operation), "dt"), [0])
    file = io.BytesIO()
    qpy.dump(older, file)
    assert from_qpy(file.getvalue()) == from_qpy(to_qpy(waiting()))


def test_a_delay_without_a_length_is_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(100, 0, unit="dt")
    with pytest.raises(ValueError, match="no fixed length"):
        to_qpy(circuit)
