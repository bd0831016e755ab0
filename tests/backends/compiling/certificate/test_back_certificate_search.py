"""Changed circuits: none is proved that is not the protocol, and honest ones are proved."""

import random

import pytest
from false_proofs import CHANGES, SIZES, bases, changed, search

from backends.compiling.certificate import certify
from experiments.protocol import STRATEGIES


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", SIZES)
def test_honest_circuits_are_the_protocol_and_are_proved(n, strategy):
    for base in bases(n, strategy):
        assert base.is_protocol(base.compiled), base.name
        certificate = certify(base.logical, base.compiled)
        assert certificate.status == "proved", (base.name, certificate.remark)


def test_no_changed_circuit_is_proved_falsely():
    count = search(300, seed=20)
    assert count.false == []
    # There was something to find, and something to prove.
    assert 0 < count.proved <= count.protocol < count.tried == 300
    # What is refused beside its channel lets qubits meet that the protocol keeps apart.
    assert all("only qubits of one key meet" in remark for remark in count.refused)


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_every_kind_of_change_breaks_the_protocol_now_and_then(change):
    """A search that changes nothing would find nothing."""
    draw = random.Random(1)
    (base, *_) = bases(2, "feedforward")
    broken = 0
    for _ in range(25):
        circuit, _ = changed(base, draw, [change])
        broken += not base.is_protocol(circuit)
    assert broken
