"""Pulse trains that the compiler places: where they pay, recognised, proved, predicted twice."""

import math
from dataclasses import replace

import pytest
from exported import Program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import PROTOCOL_COMPILER
from qiskit import qasm3
from qiskit.circuit import QuantumCircuit

from backends.compiling.certificate import certify
from backends.compiling.compile import Search, compile_point
from backends.compiling.decoupling import insert_pulse_trains, shortest_useful_idle_seconds
from backends.compiling.protocol.compiler import compile_protocol
from backends.compiling.protocol.score import parity_losses, setting_score
from backends.compiling.protocol.single.recognition import recognise
from backends.compiling.protocol.single.search import search
from backends.devices.catalog import load_device
from backends.devices.snapshot import QubitCalibration
from backends.errors import DoesNotFit
from backends.simulation.noise import idle_channels, noisy_events
from backends.simulation.prediction import predict_setting
from backends.simulation.pulse_trains import DECOUPLINGS, PULSES, find_trains
from backends.simulation.schedule import schedule, total_seconds
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.storage import StoragePoint
from experiments.protocol import STRATEGIES, Cloning
from experiments.settings import Check
from experiments.stabilizer.clifford import Step, steps

pytestmark = PROTOCOL_COMPILER

DEVICE = load_device("fake_kingston")
FEW = 4_000
PLACED = [one for one in DECOUPLINGS if one != "none"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def compiled(point, sequence, seed=0, device=DEVICE):
    arguments = (point.settings(), point.linear_estimator.value, device, (seed,))
    return compile_point(*arguments, None, sequence)


def entanglers(circuit):
    return [
        (i.name, tuple(circuit.find_bit(q).index for q in i.qubits))
        for i in circuit.data
        if len(i.qubits) == 2 and i.name != "barrier"
    ]


# --- a train


def train(half, pulses, qubit=0):
    out = []
    for k, pulse in enumerate(pulses):
        out += [Step("delay", (qubit,), seconds=half * (2 if k else 1)), Step(pulse, (qubit,))]
    return [*out, Step("delay", (qubit,), seconds=half)]


@pytest.mark.parametrize("pulses", ["xx", "xyxy", "yy", "xyyx"])
def test_pulses_that_undo_each_other_at_even_distances_are_a_train(pulses):
    before, after = Step("sx", (0,)), Step("cz", (0, 1))
    (found,) = find_trains([before, *train(1e-7, pulses), after])
    assert found.qubit == 0
    assert len(found.pulses) == len(pulses)
    assert len(found.delays) == len(pulses) + 1


def test_a_virtual_z_before_x_is_y():
    y = [Step("rz", (0,), turns=2), Step("x", (0,))]
    one, two = Step("delay", (0,), seconds=1e-7), Step("delay", (0,), seconds=2e-7)
    x = [Step("x", (0,))]
    assert len(find_trains([one, *x, two, *y, two, *x, two, *y, one])) == 1
    assert find_trains([one, *x, two, *y, one]) == []  # a Z is left over


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda t: t[:1] + t[2:],  # a pulse is missing
        lambda t: [*t[:1], Step("sx", (0,)), *t[2:]],
        lambda t: [*t[:2], Step("barrier", (0, 1)), *t[2:]],
        lambda t: [*t[:1], t[1]._replace(condition=(0,)), *t[2:]],
        lambda t: [t[0]._replace(seconds=2e-7), *t[1:]],
        lambda t: [*t[:2], Step("rz", (0,), turns=1), *t[2:]],
        lambda t: [*t[:2], *t[1:]],  # two pulses in a row
    ],
)
def test_anything_else_is_none(spoilt):
    assert find_trains(spoilt(train(1e-7, "xx"))) == []


def test_trains_on_several_qubits_do_not_disturb_each_other():
    first, second = train(1e-7, "xx"), train(3e-7, "xyxy", qubit=1)
    mixed = [*first[:2], *second[:5], Step("x", (2,)), *first[2:], *second[5:]]
    assert sorted(one.qubit for one in find_trains(mixed)) == [0, 1]


# --- where one pays


def losses_of_a_wait(qubit, seconds, pulses):
    """-log of what X, Y and Z keep, from the channels of the noise model themselves."""
    kept = dict.fromkeys("xyz", (1 - 4 / 3 * 1.5 * qubit.gate_error) ** pulses)
    for channel in idle_channels(0, seconds, qubit, seconds if pulses else 0.0):
        for letter in kept:
            if letter != channel.kind:
                kept[letter] *= 1 - 2 * channel.probability
    return -sum(map(math.log, kept.values()))


@given(
    t1=st.floats(2e-5, 1e-3),
    ratio=st.floats(0.05, 1.9),
    error=st.floats(1e-6, 5e-3),
    gate_seconds=st.sampled_from([0.0, 32e-9, 60e-9]),
    sequence=st.sampled_from(PLACED),
)
@settings(max_examples=60, deadline=None)
def test_a_train_pays_from_the_stated_length_on(t1, ratio, error, gate_seconds, sequence):
    qubit = QubitCalibration(t1, ratio * t1, error, gate_seconds, 0.01, 2e-6)
    pulses = len(PULSES[sequence])
    between = shortest_useful_idle_seconds(qubit, sequence) - pulses * gate_seconds
    assert between > 0
    for factor, pays in ((1.001, True), (0.999, False)):
        plain = losses_of_a_wait(qubit, factor * between, 0)
        assert (losses_of_a_wait(qubit, factor * between, pulses) < plain) is pays


def test_no_train_pays_where_nothing_dephases_beyond_relaxation():
    clean = QubitCalibration(1e-4, 2e-4, 1e-4, 32e-9, 0.01, 2e-6)
    assert shortest_useful_idle_seconds(clean, "XX") == math.inf
    assert shortest_useful_idle_seconds(replace(clean, t1_seconds=None), "XX") == math.inf
    assert shortest_useful_idle_seconds(replace(clean, t2_seconds=1e-4), "none") == math.inf


# --- in circuits


@given(
    n=st.integers(2, 6),
    strategy=st.sampled_from(STRATEGIES),
    sequence=st.sampled_from(PLACED),
    device=st.sampled_from(["fake_kingston", "fake_sherbrooke", "fake_mumbai"]),
    seed=st.integers(0, 10_000),
)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_decoupled_circuits_are_proved_as_long_as_before_and_scored_as_predicted(
    n, strategy, sequence, device, seed
):
    # With conditions and delays, which not every configuration offers.
    offering = replace(load_device(device), dynamic_circuits=True, lacks=())
    snapshot = offering.with_mean_readout()
    point = EntanglementPoint(Cloning(n, 1, strategy), "parity")
    plain = compiled(point, "none", seed, snapshot)
    found = compiled(point, sequence, seed, snapshot)
    for one, before in zip(found.settings, plain.settings, strict=True):
        assert one.certificate.status == "proved", one.certificate.remark
        assert entanglers(one.circuit) == entanglers(before.circuit)
        operations = tuple(steps(one.circuit))
        old = schedule(tuple(steps(before.circuit)), snapshot)
        assert total_seconds(schedule(operations, snapshot)) == pytest.approx(total_seconds(old))
        placed = find_trains(operations)
        # Every delay belongs to a train, and every train is where it pays.
        assert sum(len(t.delays) for t in placed) == sum(s.name == "delay" for s in operations)
        for t in placed:
            wait = sum(operations[k].seconds for k in t.delays)
            wait += len(t.pulses) * snapshot.qubits[t.qubit].gate_seconds
            ticks = 2 * len(t.pulses) * 4e-9
            assert wait >= shortest_useful_idle_seconds(snapshot.qubits[t.qubit], sequence) - ticks
        for refocusing, expected in ((False, one.predicted_success), (True, one.refocused_success)):
            success, _ = setting_score(one.setting, one.circuit, snapshot, refocusing=refocusing)
            assert success == pytest.approx(expected, abs=1e-9)
    assert found.refocused >= plain.predicted - 1e-9
    assert found.expected == found.refocused >= found.predicted
    assert plain.refocused is None


def test_no_wait_that_would_gain_is_left_out():
    point = EntanglementPoint(Cloning(5, 1, "frame"), "parity")
    plain = tuple(steps(compiled(point, "none").settings[0].circuit))
    found = tuple(steps(compiled(point, "XX").settings[0].circuit))
    ends = sorted((t.qubit, t.delays[-1]) for t in find_trains(found))

    def real(operations, qubit):
        """(position, idle time before) of what happens to a qubit, barriers included."""
        return [
            (k, t.idle_seconds)
            for k, t in enumerate(schedule(operations, DEVICE))
            if qubit in t.step.qubits and t.step.name not in ("rz", "delay")
        ]

    inside = {k for t in find_trains(found) for k in (*t.delays, *t.pulses)}
    checked = 0
    for qubit in {q for s in plain for q in s.qubits}:
        kept = [one for one in real(found, qubit) if one[0] not in inside]
        before = real(plain, qubit)
        assert len(kept) == len(before)
        for index in range(1, len(before)):
            (last, _), (this, idle) = before[index - 1 : index + 1]
            if "barrier" in (plain[last].name, plain[this].name):
                continue
            held = any(q == qubit and kept[index - 1][0] < k < kept[index][0] for q, k in ends)
            seconds = idle[plain[this].qubits.index(qubit)]
            assert held == (seconds >= shortest_useful_idle_seconds(DEVICE.qubits[qubit], "XX"))
            checked += held
    assert checked > 2


def test_settings_of_a_point_get_the_same_pulses():
    point = EntanglementPoint(Cloning(4, 1, "frame"), "parity")
    found = compiled(point, "XX").settings
    first, *others = (
        [(t.qubit, len(t.pulses)) for t in find_trains(tuple(steps(one.circuit)))] for one in found
    )
    assert first
    assert all(sorted(one) == sorted(first) for one in others)


def test_only_dephasing_is_refocused_and_only_if_that_is_assumed():
    operations = [
        Step("sx", (0,)),
        *train(1e-6, "xx"),
        Step("sx", (0,)),
        Step("measure", (0,), (0,)),
    ]
    white = noisy_events(operations, DEVICE, ["idle"])
    calm = noisy_events(operations, DEVICE, ["idle"], refocusing=True)

    def kinds(events):
        return [e.kind for e in events if not isinstance(e, Step)]

    assert kinds(white) == ["x", "y", "z"] * 3
    assert kinds(calm) == ["x", "y"] * 3
    check = [Check((0,), 0)]
    (a,) = parity_losses(operations, check, DEVICE)
    (b,) = parity_losses(operations, check, DEVICE, refocusing=True)
    qubit = DEVICE.qubits[0]
    assert a.idling == pytest.approx(4e-6 / min(qubit.t2_seconds, 2 * qubit.t1_seconds))
    assert b.idling == pytest.approx(4e-6 / (2 * qubit.t1_seconds))
    assert a.gates == b.gates > 0


def test_a_wait_that_was_asked_for_keeps_its_length_and_gains_most():
    point = StoragePoint(Cloning(2, 1, "unitary"), idle_microseconds=10.0)
    plain, found = compiled(point, "none"), compiled(point, "XX")
    assert {one.certificate.status for one in found.settings} == {"proved"}
    assert found.refocused > plain.predicted + 0.1
    for one in found.settings:
        waits = [0.0] * DEVICE.num_qubits
        for step in steps(one.circuit):
            if step.name == "delay":
                waits[step.qubits[0]] += step.seconds
        assert sum(w >= 10e-6 * (1 - 1e-9) for w in waits) == 6


def test_delays_are_whole_ticks_of_the_device():
    point = EntanglementPoint(Cloning(3, 1, "unitary"), "bsm")
    (one,) = compiled(point, "XX").settings
    waits = [i.operation for i in one.circuit.data if i.name == "delay"]
    assert waits
    # Heron's gates last whole multiples of 4 ns.
    assert {(w.unit, w.duration % 4) for w in waits} == {("ns", 0)}


def test_ghz_populations_are_predicted_with_decoupling():
    device = DEVICE.with_mean_readout()
    found = compiled(GhzPoint(2), "XY4", device=device)
    populations, *_ = found.settings
    success, _ = setting_score(populations.setting, populations.circuit, device, refocusing=True)
    assert success == pytest.approx(populations.refocused_success, abs=1e-9)
    assert found.refocused > found.predicted


# --- the certificate


@pytest.mark.parametrize(
    "change",
    [
        lambda out, i: None,
        lambda out, i: out.sx(i.qubits[0]),
        lambda out, i: (out.x(i.qubits[0]), out.rz(math.pi, i.qubits[0])),
    ],
    ids=["missing", "half a pulse", "another axis"],
)
@pytest.mark.parametrize("register", ["S", "N"])
def test_a_train_that_does_not_undo_itself_is_no_proof(change, register):
    point = EntanglementPoint(Cloning(4, 1, "frame"), "parity")
    one = compiled(point, "XX").settings[0]
    logical, circuit = one.setting.circuit, one.circuit
    barrier = next(i for i in circuit.data if i.label == "encryption")
    on = {
        circuit.find_bit(barrier.qubits[logical.find_bit(q).index]).index
        for r in logical.qregs
        if r.name == register
        for q in r
    }
    operations = tuple(steps(circuit))
    end = max(k for k, s in enumerate(operations) if s.label == "encryption")
    start = max(k for k, s in enumerate(operations) if s.label == "preparation")
    inside = [t for t in find_trains(operations) if t.qubit in on and start < t.pulses[0] < end]
    assert inside
    assert certify(logical, circuit).status == "proved"
    out = circuit.copy_empty_like()
    for index, instruction in enumerate(circuit.data):
        if index == inside[0].pulses[0]:
            change(out, instruction)
        else:
            out.append(instruction)
    certificate = certify(logical, out)
    assert certificate.status == "failed"
    if register == "N":
        assert dict(certificate.checks)["noise qubits untouched"] is False


# --- devices and the search


def test_a_device_that_keeps_no_delays_is_refused():
    circuit = QuantumCircuit(1)
    blind = replace(DEVICE, lacks=("barrier", "delay"))
    with pytest.raises(DoesNotFit, match="keeps no delays"):
        insert_pulse_trains(circuit, blind, "XX")
    assert insert_pulse_trains(circuit, blind, "none") is circuit


@pytest.mark.parametrize("strategy", ["frame", "unitary"])
def test_the_search_counts_the_trains_that_are_placed(strategy):
    logical = EntanglementPoint(Cloning(4, 1, strategy), "parity").settings()
    problem = recognise([s.circuit for s in logical])[0].problem
    found = search(problem._replace(decoupling=DECOUPLINGS.index("XX")), DEVICE, FEW, 5)
    circuits = compile_protocol([s.circuit for s in logical], DEVICE, FEW, 5, 1, "XX")
    losses = [
        setting_score(s, insert_pulse_trains(c, DEVICE, "XX"), DEVICE, refocusing=True)[1][0].total
        for s, c in zip(logical, circuits, strict=True)
    ]
    plain = [
        setting_score(s, c, DEVICE)[1][0].total for s, c in zip(logical, circuits, strict=True)
    ]
    # The search leaves out the pulses of the readout, and what others wait for them.
    assert sum(losses) == pytest.approx(found.cost, abs=0.02)
    assert sum(plain) > found.cost + 0.01


def test_the_better_of_both_compilers_is_told_with_decoupling_assumed():
    point = EntanglementPoint(Cloning(3, 1, "frame"), "parity")
    arguments = (point.settings(), point.linear_estimator.value, DEVICE, (0,))
    best = compile_point(*arguments, Search(FEW), "XX")
    stock = compile_point(*arguments, None, "XX")
    assert best.expected == max(best.refocused, best.alternative)
    assert stock.expected in (best.expected, best.alternative)
    chances = [
        predict_setting(one.setting, one.circuit, DEVICE, refocusing=True) for one in best.settings
    ]
    assert best.refocused == point.linear_estimator.value(chances)


def test_the_exported_text_without_its_delays_is_the_protocol():
    point = EntanglementPoint(Cloning(4, 1, "frame"), "parity")
    for one in compiled(point, "XY4").settings:
        lines = qasm3.dumps(one.circuit).splitlines()
        program = Program("\n".join(line for line in lines if not line.startswith("delay[")))
        assert len(lines) > len(program.operations) + 10
        (check,) = one.setting.checks
        mean = program.mean_by_tableau(check.bits)
        assert mean == pytest.approx(1 - 2 * check.parity, abs=1e-9)
        _, encrypted, *_ = program.stages(10)
        assert program.is_hidden(encrypted)
