"""Circuits that give the right outcomes without being the protocol are no proof."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import pytest
from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    QuantumCircuit,
    QuantumRegister,
)

from backends.compiling.certificate import Certificate, certify
from backends.compiling.compile import with_elementary_gates
from experiments.gates import DecryptGate, EncryptGate
from experiments.inputs import PureState
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.storage import StoragePoint
from experiments.protocol import (
    Cloning,
    build_encryption,
    diagonalize_key,
    find_pauli_frame,
    measure_key,
    register,
)

Edit = Callable[["Stages"], None]


@dataclass
class Stages:
    """A logical circuit in elementary gates, stage by stage, and a register of spare qubits.

    Attributes:
        circuit: an empty circuit with all qubits and bits.
        label: of the barrier that closes each stage; None for the readout.
        body: the instructions of each stage, its labelled barrier left out.
    """

    circuit: QuantumCircuit
    labels: list[str | None]
    bodies: list[QuantumCircuit]

    @classmethod
    def of(cls, logical: QuantumCircuit) -> "Stages":
        elementary = with_elementary_gates(logical)
        empty = elementary.copy_empty_like()
        empty.add_register(QuantumRegister(logical.num_clbits + 2, "spare"))
        labels: list[str | None] = []
        bodies = [empty.copy()]
        for one in elementary.data:
            if one.name == "barrier" and one.label and one.label != "input":
                labels.append(one.label)
                bodies.append(empty.copy())
            else:
                bodies[-1].append(one)
        return cls(empty, [*labels, None], bodies)

    def body(self, label: str | None) -> QuantumCircuit:
        return self.bodies[self.labels.index(label)]

    def cleared(self, label: str | None, keep: Callable[[CircuitInstruction], bool] | None = None):
        """The body of a stage with only those instructions that are to be kept."""
        body = self.body(label)
        body.data = [one for one in body.data if keep and keep(one)]
        return body

    def whole(self, logical: QuantumCircuit) -> QuantumCircuit:
        out = self.circuit.copy()
        for label, body in zip(self.labels, self.bodies, strict=True):
            for one in body.data:
                out.append(one)
            if label:
                out.barrier(logical.qubits, label=label)
        return out


def edited(logical: QuantumCircuit, *edits: Edit) -> Certificate:
    """The certificate of a circuit in which some stages were replaced."""
    stages = Stages.of(logical)
    for edit in edits:
        edit(stages)
    return certify(logical, stages.whole(logical))


def qubit(circuit: QuantumCircuit, name: str, index: int = 0):
    return register(circuit, name)[index]


def first_setting(point) -> QuantumCircuit:
    return point.settings()[0].circuit


def entanglement(n=2, strategy="unitary", estimator="parity", state="bell") -> QuantumCircuit:
    return first_setting(EntanglementPoint(Cloning(n, 1, strategy, state), estimator))


def is_measurement(one: CircuitInstruction) -> bool:
    return one.name == "measure"


def undo_encryption(stages: Stages, group: str = "") -> None:
    """Decryption that needs no key: what encryption did is undone, and A becomes the clone."""
    body = stages.cleared("decryption", is_measurement) if group in ("", "0") else None
    body = body if body is not None else stages.body("decryption")
    a, signals = qubit(body, f"A{group}"), list(register(body, f"S{group}"))
    undone = EncryptGate(len(signals)).inverse()
    for one in undone.definition.data:
        on = [[a, *signals][undone.definition.find_bit(q).index] for q in one.qubits]
        body.append(one.operation, on)
    body.swap(a, signals[0])


def use_key_as_one_time_pad(stages: Stages) -> None:
    body = stages.body("decryption")
    clone, key = qubit(body, "S"), list(register(body, "N"))
    body.cx(key[0], clone)
    body.cz(key[1], clone)
    body.barrier()
    body.cz(key[1], clone)
    body.cx(key[0], clone)


def undo_all_encryptions(stages: Stages) -> None:
    for group in "012":
        undo_encryption(stages, group)


def decrypt_clone_2_in_its_place(stages: Stages) -> None:
    body = stages.cleared("decryption")
    signals, key = list(register(body, "S")), list(register(body, "N"))
    gate = DecryptGate(len(key), 2).definition
    for one in gate.data:
        on = [[signals[1], *key][gate.find_bit(q).index] for q in one.qubits]
        body.append(one.operation, on)
    body.swap(signals[0], signals[1])


def copy_the_clone_from_r(stages: Stages) -> None:
    """In the setting ZZ: R decides both outcomes."""
    readout = stages.cleared(None)
    r, spare = qubit(readout, "R"), qubit(readout, "spare")
    readout.cx(r, spare)
    readout.measure([r, spare], [qubit_bit(readout, "r"), qubit_bit(readout, "c")])


def qubit_bit(circuit: QuantumCircuit, name: str):
    return next(one for one in circuit.cregs if one.name == name)[0]


def drop_conditions(stages: Stages) -> None:
    body = stages.body("decryption")
    body.data = [one for one in body.data if one.name != "if_else"]


def drop_conditional_z(stages: Stages) -> None:
    body = stages.body("decryption")
    body.data = [
        one
        for one in body.data
        if one.name != "if_else" or one.operation.blocks[0].data[0].name != "z"
    ]


def draw_outcomes_as_coins(stages: Stages) -> None:
    """What has to be an even parity is one: of coins on spare qubits."""
    readout = stages.cleared(None)
    spare = list(register(readout, "spare"))[: readout.num_clbits]
    readout.h(spare[:-1])
    for one in spare[:-1]:
        readout.cx(one, spare[-1])
    readout.measure(spare, readout.clbits)


def decrypt_nothing_but_take_r(stages: Stages) -> None:
    """R was read before: what it is in is the outcome."""
    body = stages.cleared("decryption")
    body.swap(qubit(body, "R"), qubit(body, "S"))


def encrypt_r_by_half(stages: Stages) -> None:
    """exp(-iπ/4 Z…Z) on R in place of A: the same on |φ>."""
    body = stages.body("encryption")
    a, r = qubit(body, "A"), qubit(body, "R")
    # A is a control in the Z factor, and a target in the other one.
    body.data = [
        one.replace(qubits=(r, one.qubits[1])) if one.name == "cx" and one.qubits[0] == a else one
        for one in body.data
    ]


def touch_keys_twice(between: bool) -> Edit:
    def edit(stages: Stages) -> None:
        body = stages.body("encryption")
        gates = list(body.data)
        key = list(register(body, "N"))
        body.data = []
        body.cx(key[0], key[1])
        if not between:
            body.cx(key[0], key[1])
        for one in gates:
            body.append(one)
        if between:
            body.barrier(key)
            body.cx(key[0], key[1])

    return edit


def read_r_first(stages: Stages) -> None:
    readout = stages.body(None)
    gates = list(readout.data)
    r = qubit(readout, "R")
    mine = [one for one in gates if r in one.qubits and one.name != "barrier"]
    rest = [one for one in gates if r not in one.qubits]
    barrier = next(one for one in gates if one.name == "barrier")
    readout.data = [*mine, barrier, *rest]


def read_r_at_once(stages: Stages) -> None:
    readout = stages.body(None)
    readout.data = [one for one in readout.data if one.name != "barrier"]


def read_r_at_the_end(stages: Stages) -> None:
    early, readout = stages.body("reference read"), stages.body(None)
    gates = list(early.data)
    early.data = []
    for one in gates:
        readout.append(one)


def wait(stages: Stages) -> tuple[float, int]:
    """Takes the waits out; how long each was, and how many."""
    lengths: list[float] = []
    for body in stages.bodies:
        lengths += [one.operation.duration for one in body.data if one.name == "delay"]
        body.data = [one for one in body.data if one.name != "delay"]
    return lengths[0], len(lengths)


def wait_alone(name: str) -> Edit:
    """One qubit waits for all."""

    def edit(stages: Stages) -> None:
        seconds, count = wait(stages)
        body = stages.body("loss")
        gates = list(body.data)
        body.data = []
        body.delay(seconds * count, qubit(body, name), unit="s")
        for one in gates:
            body.append(one)

    return edit


def wait_after_readout(stages: Stages) -> None:
    seconds, _ = wait(stages)
    readout = stages.body(None)
    readout.delay(seconds, [q for r in "RASN" for q in register(readout, r)], unit="s")


def wait_before_preparation(stages: Stages) -> None:
    seconds, _ = wait(stages)
    body = stages.body("preparation")
    gates = list(body.data)
    body.data = []
    body.delay(seconds, [q for r in "RASN" for q in register(body, r)], unit="s")
    for one in gates:
        body.append(one)


def wait_when_the_key_is_used_up(stages: Stages) -> None:
    seconds, _ = wait(stages)
    body = stages.body("decryption")
    body.delay(seconds, [q for r in "RASN" for q in register(body, r)], unit="s")


def reset_others(stages: Stages) -> None:
    body = stages.body("loss")
    others = iter([qubit(body, "spare", 0), qubit(body, "spare", 1)])
    body.data = [
        one.replace(qubits=(next(others),)) if one.name == "reset" else one for one in body.data
    ]


def reset_a(stages: Stages) -> None:
    body = stages.body("loss")
    lost = [qubit(body, "S", 1), qubit(body, "S", 2)]
    others = {lost[0]: qubit(body, "A"), lost[1]: lost[1]}
    body.data = [
        one.replace(qubits=(others[one.qubits[0]],)) if one.name == "reset" else one
        for one in body.data
    ]


def lose_coins(stages: Stages) -> None:
    body = stages.body("loss")
    others = dict(
        zip([qubit(body, "S", 1), qubit(body, "S", 2)], register(body, "spare"), strict=False)
    )
    gates = list(body.data)
    body.data = []
    for one in gates:
        if one.name == "measure":
            body.h(others[one.qubits[0]])
            one = one.replace(qubits=(others[one.qubits[0]],))
        body.append(one)


def turn_a_little_many_times(stages: Stages) -> None:
    body = stages.body("encryption")
    once = QuantumCircuit(1)
    for _ in range(2_000):
        once.rz(9e-7, 0)
    for one in once.data:
        for _ in range(10):
            body._append(one.replace(qubits=(qubit(body, "S"),)))


CHSH_21 = first_setting(ChshPoint(Cloning(2), "2-1"))
CHSH_23 = first_setting(ChshPoint(Cloning(2), "2-3"))
STORED = {
    loss: first_setting(StoragePoint(Cloning(3), (2, 3), loss, 20.0))
    for loss in ("reset", "measure", "depolarize")
}
STORED_WITHOUT_LOSS = first_setting(StoragePoint(Cloning(3), (), "reset", 20.0))
GHZ_3 = first_setting(GhzPoint(3))

FRAUDS: dict[str, tuple[QuantumCircuit, tuple[Edit, ...]]] = {
    **{
        f"encryption undone, n = {n}, {estimator}": (
            entanglement(n, estimator=estimator),
            (undo_encryption,),
        )
        for n in (2, 3, 4)
        for estimator in ("bsm", "parity")
    },
    "encryption undone, then a one-time pad": (
        entanglement(),
        (undo_encryption, use_key_as_one_time_pad),
    ),
    "encryption undone, GHZ": (GHZ_3, (undo_all_encryptions,)),
    "encryption undone, input +": (entanglement(state="+"), (undo_encryption,)),
    "encryption undone, any input": (entanglement(state=PureState(60, 45)), (undo_encryption,)),
    "encryption undone, CHSH 2-1": (CHSH_21, (undo_encryption,)),
    "encryption undone, feedforward": (entanglement(3, "feedforward"), (undo_encryption,)),
    "another clone": (entanglement(3), (decrypt_clone_2_in_its_place,)),
    "clone copied from R": (entanglement(2), (copy_the_clone_from_r,)),
    "no condition": (entanglement(3, "feedforward"), (drop_conditions, copy_the_clone_from_r)),
    "no conditional Z": (entanglement(3, "feedforward"), (drop_conditional_z,)),
    "witness by coins": (entanglement(3, "witness"), (draw_outcomes_as_coins,)),
    "CHSH 2-1 without decryption": (CHSH_21, (decrypt_nothing_but_take_r,)),
    "R encrypted in place of A": (entanglement(3), (encrypt_r_by_half,)),
    "keys touch twice at once": (entanglement(3), (touch_keys_twice(False),)),
    "keys touch and part": (entanglement(3), (touch_keys_twice(True),)),
    "CHSH 2-3 with R read first": (CHSH_23, (read_r_first,)),
    "CHSH 2-3 with both read at once": (CHSH_23, (read_r_at_once,)),
    "CHSH 2-1 with R read at the end": (CHSH_21, (read_r_at_the_end,)),
    "a spare waits": (STORED["reset"], (wait_alone("spare"),)),
    "A waits alone": (STORED["reset"], (wait_alone("A"),)),
    "waiting after readout": (STORED["reset"], (wait_after_readout,)),
    "waiting before preparation": (STORED["reset"], (wait_before_preparation,)),
    "waiting with the key used up": (STORED_WITHOUT_LOSS, (wait_when_the_key_is_used_up,)),
    "spares are lost": (STORED["reset"], (reset_others,)),
    "A is lost": (STORED["reset"], (reset_a,)),
    "coins in place of lost servers": (STORED["measure"], (lose_coins,)),
    "coins in place of depolarized servers": (STORED["depolarize"], (reset_others, lose_coins)),
    "many small turns": (entanglement(2), (turn_a_little_many_times,)),
}


@pytest.mark.parametrize("name", FRAUDS)
def test_a_circuit_that_is_not_the_protocol_is_not_proved(name):
    logical, edits = FRAUDS[name]
    assert edited(logical).status == "proved"
    assert edited(logical, *edits).status != "proved"


def test_a_fresh_spare_qubit_may_be_reset_twice():
    def reset_twice(stages: Stages) -> None:
        for label in ("preparation", "loss"):
            body = stages.body(label)
            spare = qubit(body, "spare", len(label) % 2)
            body.reset(spare)
            body.reset(spare)

    certificate = edited(STORED["reset"], reset_twice)
    assert certificate.status == "proved", certificate.remark


def key_read_in_decryption(*, corrected: bool) -> QuantumCircuit:
    """The key is read before decryption ends; the correction is made in a later stage, or never."""
    cloning = Cloning(3, 1, "frame")
    circuit = build_encryption(cloning)
    clone, key = qubit(circuit, "S"), list(register(circuit, "N"))
    diagonalize_key(circuit, clone, key, 3, (1,))
    bits = measure_key(circuit, key)
    circuit.barrier(label="decryption")
    if corrected:
        frame = find_pauli_frame(3, (1,))
        for letter, gate in (("Z", "x"), ("X", "z")):
            for index in frame.key[letter]:
                with circuit.if_test((bits[index], 1)):
                    getattr(circuit, gate)(clone)
        circuit.barrier(label="correction")
    ends = ClassicalRegister(2, "ends")
    circuit.add_register(ends)
    circuit.measure([qubit(circuit, "R"), clone], ends)
    return circuit


@pytest.mark.parametrize("corrected", [False, True])
def test_outcomes_of_the_key_count_with_the_clone_they_belong_to(corrected):
    logical = key_read_in_decryption(corrected=corrected)
    assert edited(logical).status == "proved"

    def flip_x_of_the_clone(stages: Stages) -> None:
        body = stages.body("decryption")
        body.z(qubit(body, "S"))

    def exchange(first: int, second: int) -> Edit:
        def edit(stages: Stages) -> None:
            body = stages.body("decryption")
            other = {first: second, second: first}
            for k, one in enumerate(body.data):
                if one.name == "measure":
                    bit = body.find_bit(one.clbits[0]).index
                    body.data[k] = one.replace(clbits=(body.clbits[other.get(bit, bit)],))

        return edit

    # None of these changes what is read in Z.
    assert edited(logical, flip_x_of_the_clone).status == "failed"
    frame = find_pauli_frame(3, (1,))
    for first, second in combinations(range(3), 2):
        moved = {first, second}
        same_for = [p for p in "ZX" if len(moved.intersection(frame.key[p])) != 1]
        expected = "proved" if same_for == ["Z", "X"] else "failed"
        assert edited(logical, exchange(first, second)).status == expected


def test_a_qubit_that_is_read_in_any_basis_is_not_prepared_anew_for_it():
    def replace_the_clone(stages: Stages) -> None:
        readout = stages.body(None)
        gates = list(readout.data)
        readout.data = []
        readout.reset(qubit(readout, "S"))
        for one in gates:
            readout.append(one)

    logical = first_setting(ChshPoint(Cloning(2), "2-2"))
    certificate = edited(logical, replace_the_clone)
    assert certificate.status == "unverified"
    assert "'reset' acts on it after the last stage" in certificate.remark
