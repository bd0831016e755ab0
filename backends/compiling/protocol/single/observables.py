"""What a circuit shows: Pauli strings on its logical qubits when they are read."""

from __future__ import annotations

from itertools import combinations

from backends.compiling.protocol.core.native.frames import (
    AXES,
    COMPOSE,
    IDENTITY,
    IMAGE,
    INVERSE,
    Z,
)
from backends.compiling.protocol.core.problem import NOTHING, ROWS
from backends.compiling.protocol.core.recognition import LOCAL_CODES, Letters, NotRecognised
from backends.compiling.protocol.single.parts import Parts
from experiments.protocol import find_recovery_strings
from experiments.stabilizer.clifford import steps
from experiments.stabilizer.states import OutcomeLaw, StabilizerState


def clone_strings(parts: Parts, clone: int, decoding: int) -> list[Letters]:
    """The three correlators of R and a clone, as letters at the end of decryption.

    A pure input has no R: the same strings without it are the three components of the clone. Where
    the key is read, it shows the clone by Z on some of its qubits.

    Raises:
        NotRecognised: if the key, read as it stands, does not show the clone.
    """
    pairs = parts.pairs
    found: dict[str, dict[int, str]] = {}
    if decoding == NOTHING:
        for pauli, string in find_recovery_strings(pairs - 1, (clone,)).items():
            found[pauli] = {0: pauli, 1 + clone: string[0]}
            found[pauli] |= {pairs + i: string[i] for i in range(1, pairs)}
    elif decoding == ROWS:
        prefix = parts.prefix(parts.decoding[1])
        held = [parts.qubits[0], parts.qubits[1 + clone]]
        state = StabilizerState.of(steps(prefix), prefix.num_qubits, 0)
        group = state.restrict(held, z_only=parts.qubits[pairs + 1 :])
        for string in (*group, *(a * b for a, b in combinations(group, 2))):
            letters = {k: "IXYZ"[string[q]] for k, q in enumerate(parts.qubits) if string[q]}
            if 0 in letters and 1 + clone in letters:
                found[letters[0]] = letters
        if len(found) != len(AXES):
            raise NotRecognised("the key is read in a way that does not show the clone")
    else:
        found = {pauli: {0: pauli, 1 + clone: pauli} for pauli in AXES}
    if not parts.bell:
        for letters in found.values():
            del letters[0]
    return [found[pauli] for pauli in "ZYX"]


def certain_string(parts: Parts) -> Letters | None:
    """The product of all that a circuit reads after its last stage, if its sign is certain.

    None too where something is read in a turned basis, or read that has to do with others.
    """
    code: dict[int, int] = {}
    letters: dict[int, str] = {}
    for instruction in parts.readout:
        on = [parts.number[q] for q in instruction.qubits]
        if instruction.name == "measure":
            letters[on[0]] = AXES[IMAGE[INVERSE[code.get(on[0], IDENTITY)], Z]]
        elif instruction.name in LOCAL_CODES:
            code[on[0]] = int(COMPOSE[LOCAL_CODES[instruction.name], code.get(on[0], IDENTITY)])
        elif instruction.name != "barrier":
            return None
    bits = [parts.circuit.find_bit(i.clbits[0]).index for i in parts.readout if i.name == "measure"]
    law = OutcomeLaw.of_circuit(parts.circuit)
    return letters if law.parity(sum(1 << bit for bit in bits)) is not None else None
