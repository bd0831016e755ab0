"""Proof that unused qubits tell of errors alone: nothing of R, of the clone, or of lost qubits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qiskit.circuit import QuantumCircuit

from backends.compiling.certificate.sites import unused_sites, without_extra_readouts
from experiments.settings import Check
from experiments.unused_qubits import REGISTER, certain_parities, key_bits


def has_extra_readouts(logical: QuantumCircuit, compiled: QuantumCircuit) -> bool:
    """Whether a compiled circuit reads more than the logical one."""
    return compiled.num_clbits > logical.num_clbits


def extra_readout_checks(
    logical: QuantumCircuit,
    compiled: QuantumCircuit,
    plain: QuantumCircuit,
    detectors: Sequence[Check],
) -> Iterator[tuple[str, bool]]:
    """What has to hold of readouts beside those of the logical circuit.

    Args:
        logical: the logical circuit.
        compiled: the compiled one, unused qubits read.
        plain: the same without these readouts, which is compared with the logical one by itself.
        detectors: parities of the outcomes of ``compiled``.
    """
    yield "only unused qubits are read beside", _only_unused(logical, compiled, plain)
    extra = (1 << compiled.num_clbits) - (1 << logical.num_clbits)
    allowed = key_bits(logical) | extra
    yield (
        "detectors hold nothing of R and the clone",
        all(detector.mask & ~allowed == 0 for detector in detectors),
    )
    law = certain_parities(compiled)
    yield (
        "detectors are certain",
        all(law.parity(detector.mask) == detector.parity for detector in detectors),
    )


def _only_unused(logical: QuantumCircuit, compiled: QuantumCircuit, plain: QuantumCircuit) -> bool:
    taken_apart = without_extra_readouts(compiled)
    if taken_apart is None or plain.num_clbits != logical.num_clbits:
        return False
    _, rest = taken_apart
    (bits,) = (r for r in compiled.cregs if r.name == REGISTER)
    own = {compiled.find_bit(bit).index for bit in bits}
    if own != set(range(logical.num_clbits, compiled.num_clbits)):
        return False
    unused = set(unused_sites(logical, plain).values())
    read: list[int] = []
    for instruction in rest.data:
        operation = instruction.operation
        on = {rest.find_bit(qubit).index for qubit in instruction.qubits}
        if not on <= unused or operation.name == "reset" or hasattr(operation, "blocks"):
            return False
        read += [rest.find_bit(bit).index for bit in instruction.clbits]
    return len(read) == len(set(read)) and set(read) <= own
