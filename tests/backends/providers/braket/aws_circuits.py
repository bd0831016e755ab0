"""Circuits and jobs that tests of Amazon Braket send."""

import braket_devices as devices
import pytest
from aws_harness import adapter
from qiskit.circuit import QuantumCircuit

from backends.adapter import Job, Refused, Request

LABELS = {
    devices.GARNET: (12, 3, 20, 1),
    devices.ANKAA: (29, 0, 9, 22),
    devices.FORTE: (35, 2, 17, 9),
    devices.ARIA: (24, 5, 0, 11),
    devices.IBEX: (11, 3, 0, 7),
}
"""Neither in order nor complete; Garnet has no qubit 0, Ankaa no 8 and 21."""


def asymmetric(arn):
    """Four qubits read into bits 4, 1, 3, 0 of six; the first and third are 1."""
    circuit = QuantumCircuit(40, 6)
    labels = LABELS[arn]
    circuit.x(labels[0])
    circuit.x(labels[2])
    circuit.rz(0.3, labels[1])
    circuit.measure(labels, [4, 1, 3, 0])
    return circuit


def job(*circuits, shots=100, tag="20260101T000000Z-test-0"):
    return Job(tag, f"token-of-{tag}", tuple(Request(c, shots, 0) for c in circuits))


def opened(arn, **options):
    return adapter(arn, **{"outside_window": "queue", **options})


# Refusals before anything is sent
def refused(quick, device, *circuits, **changes):
    with pytest.raises(Refused) as error:
        device.submit(job(*(circuits or [asymmetric(devices.ANKAA)]), **changes))
    assert quick.service.calls["CreateQuantumTask"] == 0
    return f"{error.value}; {error.value.remedy}"
