"""The protocol compiler on every experiment with one instance of the protocol."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import PROTOCOL_COMPILER

from backends.compiling.certificate import certify
from backends.compiling.compile import Search, compile_point
from backends.compiling.protocol.compiler import compile_protocol
from backends.compiling.protocol.core.problem import NOTHING
from backends.compiling.protocol.score import setting_score
from backends.compiling.protocol.single.recognition import NotRecognised, recognise
from backends.compiling.protocol.single.search import search
from backends.devices.catalog import load_device
from backends.devices.snapshot import CouplerCalibration, DeviceSnapshot, QubitCalibration
from backends.simulation.prediction import predict_setting
from experiments.inputs import NAMED_INPUTS, PureState
from experiments.kinds.correlators import CorrelatorsPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.leakage import Coalition, LeakagePoint
from experiments.kinds.storage import LOSSES, StoragePoint
from experiments.protocol import STRATEGIES, Cloning

pytestmark = PROTOCOL_COMPILER

KINGSTON = load_device("fake_kingston").with_mean_readout()
MOVES = 20_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def lattice(rows, columns, entangler="cx"):
    """A square lattice whose gate has a direction."""
    pairs = [
        (a, b)
        for a in range(rows * columns)
        for b in (a + 1, a + columns)
        if b < rows * columns and (b == a + columns or b % columns)
    ]
    qubit = QubitCalibration(2e-4, 1e-4, 2e-4, 32e-9, 0.01, 2e-6)
    couplers = tuple(CouplerCalibration(pair, 2e-3, 68e-9) for pair in sorted(pairs))
    return DeviceSnapshot("lattice", None, entangler, (qubit,) * (rows * columns), couplers)


DEVICES = {"kingston": KINGSTON, "lattice": lattice(5, 5), "full": lattice(2, 5, "ecr")}
INPUTS = st.one_of(
    st.sampled_from([name for name in NAMED_INPUTS if name != "bell"]),
    st.builds(PureState, st.floats(0, 180, allow_nan=False), st.floats(-360, 360, allow_nan=False)),
)


def compiled(one, device=KINGSTON, moves=MOVES, seed=0):
    logical = one.settings()
    return logical, compile_protocol([s.circuit for s in logical], device, moves, seed, workers=1)


def described(problem):
    return tuple(p.tobytes() if hasattr(p, "tobytes") else p for p in problem)


def require_proof(one, device=KINGSTON, seed=0):
    logical, circuits = compiled(one, device, seed=seed)
    for setting, circuit in zip(logical, circuits, strict=True):
        certificate = certify(setting.circuit, circuit)
        assert certificate.status == "proved", certificate.remark
        for instruction in circuit.data:
            if instruction.name == device.entangler:
                pair = tuple(circuit.find_bit(q).index for q in instruction.qubits)
                assert pair in device.working_couplers
    return logical, circuits


@given(
    n=st.integers(2, 4),
    strategy=st.sampled_from(STRATEGIES),
    state=INPUTS,
    device=st.sampled_from(sorted(DEVICES)),
    data=st.data(),
)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_every_input_is_compiled_and_proved(n, strategy, state, device, data):
    clone = data.draw(st.integers(n % 2, n))
    one = EntanglementPoint(Cloning(n, clone, strategy, state), "parity")
    logical, circuits = require_proof(one, DEVICES[device])
    chances = [
        predict_setting(s, c, DEVICES[device]) for s, c in zip(logical, circuits, strict=True)
    ]
    ideal = one.linear_estimator.value([s.ideal_success() for s in logical])
    assert ideal == pytest.approx(1)
    assert 0.6 < one.linear_estimator.value(chances) < 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ways_across_the_place_of_an_unused_reference_leave_it_as_it_was(strategy):
    # An ECR turns what it leaves, and without R half the layouts on a full device cross its site.
    for seed in range(6):
        require_proof(
            EntanglementPoint(Cloning(4, 1, strategy, "0"), "parity"), DEVICES["full"], seed
        )


def test_all_inputs_of_a_structure_share_one_placement():
    points = [
        EntanglementPoint(Cloning(3, 1, "frame", "0"), "parity", process=True),
        EntanglementPoint(Cloning(3, 1, "frame", "-i"), "parity"),
        EntanglementPoint(Cloning(3, 1, "frame", PureState(40, 50)), "parity"),
    ]
    problems = [recognise([s.circuit for s in one.settings()])[0].problem for one in points]
    assert len({described(problem) for problem in problems}) == 1
    bell = EntanglementPoint(Cloning(3, 1, "frame"), "parity").settings()
    assert described(recognise([s.circuit for s in bell])[0].problem) != described(problems[0])
    logical, circuits = require_proof(points[0])
    assert len(circuits) == 6
    chances = [predict_setting(s, c, KINGSTON) for s, c in zip(logical, circuits, strict=True)]
    assert min(chances) > 0.9


def test_an_input_that_is_turned_otherwise_or_later_is_found_out():
    (setting, *_), (circuit, *_) = compiled(
        EntanglementPoint(Cloning(2, 1, "unitary", PureState(60, 45)), "parity")
    )
    end = next(k for k, i in enumerate(circuit.data) if i.label == "input")
    mine = [k for k in range(end) if circuit.data[k].qubits == circuit.data[end].qubits]
    turned = circuit.copy()
    del turned.data[mine[-1]]
    assert dict(certify(setting.circuit, turned).checks) == {"input state": False}
    late = circuit.copy()
    barrier = late.data.pop(end)
    late.data.insert(mine[0], barrier)
    assert certify(setting.circuit, late).status == "failed"


@given(
    n=st.integers(2, 4),
    strategy=st.sampled_from(["unitary", "feedforward", "frame"]),
    loss=st.sampled_from(LOSSES),
    idle=st.sampled_from([0.0, 7.5]),
    estimator=st.sampled_from(["parity", "bsm"]),
    data=st.data(),
)
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_storage_with_losses_and_waits_is_compiled_and_proved(
    n, strategy, loss, idle, estimator, data
):
    clone = data.draw(st.integers(n % 2, n))
    servers = [server for server in range(1, n + 1) if server != clone]
    lost = data.draw(st.sets(st.sampled_from(servers)))
    one = StoragePoint(
        Cloning(n, clone, strategy), tuple(sorted(lost)), loss, idle, None, estimator
    )
    logical, circuits = require_proof(one)
    for setting, circuit in zip(logical, circuits, strict=True):
        for name in ("delay", "reset"):
            assert circuit.count_ops().get(name) == setting.circuit.count_ops().get(name)


@pytest.mark.parametrize("strategy", ["unitary", "feedforward", "frame"])
@pytest.mark.parametrize(
    ("n", "clone", "lost"), [(2, 0, (1, 2)), (4, 0, (2, 3, 4)), (4, 2, (3, 4)), (3, 1, (2, 3))]
)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_lost_servers_show_belongs_to_the_outcome_law(n, clone, lost, strategy, loss):
    require_proof(StoragePoint(Cloning(n, clone, strategy), lost, loss))


@pytest.mark.parametrize(("lost", "loss"), [((), "reset"), ((2, 3), "depolarize")])
def test_the_search_knows_what_waiting_costs(lost, loss):
    one = StoragePoint(Cloning(3, 1, "frame"), lost, loss, 5.0)
    logical = one.settings()
    problem = recognise([s.circuit for s in logical])[0].problem
    found = search(problem, KINGSTON, MOVES, 1)
    _, circuits = compiled(one, seed=1)
    losses = [
        setting_score(s, c, KINGSTON)[1][0].total for s, c in zip(logical, circuits, strict=True)
    ]
    # The pulses of the readout, and of a lost qubit that is flipped, are not in the search.
    assert sum(losses) == pytest.approx(found.cost, abs=0.03)
    fresh = recognise([s.circuit for s in StoragePoint(Cloning(3, 1, "frame")).settings()])
    assert search(fresh[0].problem, KINGSTON, MOVES, 1).cost < found.cost - 0.05


def test_the_search_knows_that_a_correction_waits_for_the_key():
    one = EntanglementPoint(Cloning(3, 1, "feedforward"), "parity")
    logical = one.settings()
    problem = recognise([s.circuit for s in logical])[0].problem
    frame = recognise(
        [s.circuit for s in EntanglementPoint(Cloning(3, 1, "frame"), "parity").settings()]
    )[0].problem
    assert (problem.conditional, frame.conditional) == (1, 0)
    found = search(problem, KINGSTON, MOVES, 1)
    _, circuits = compiled(one, seed=1)
    losses = [
        setting_score(s, c, KINGSTON)[1][0].total for s, c in zip(logical, circuits, strict=True)
    ]
    # Whether a correction happens is not known before: its pulse is not in the search.
    assert sum(losses) == pytest.approx(found.cost, abs=0.03)


@pytest.mark.parametrize("subset", ["S1 S2 S3", "S1 S2", "S1 N1 N2 N3", "A S1 N1", "A", "N1 S2"])
def test_what_a_coalition_reads_is_what_the_search_protects(subset):
    one = LeakagePoint(Coalition.of(3, subset))
    logical, circuits = require_proof(one)
    problem = recognise([s.circuit for s in logical])[0].problem
    assert problem.decoding == NOTHING
    if one.coalition.learns() != "nothing":
        assert problem.strings == len(logical)
        found = search(problem, KINGSTON, MOVES, 0)
        losses = [
            setting_score(s, c, KINGSTON)[1][0].total
            for s, c in zip(logical, circuits, strict=True)
        ]
        assert sum(losses) == pytest.approx(found.cost, abs=0.02)


@pytest.mark.parametrize(
    "one",
    [
        CorrelatorsPoint(Cloning(2), "before"),
        CorrelatorsPoint(Cloning(3, 2), "after"),
        CorrelatorsPoint(Cloning(2, 0), "after"),
        StoragePoint(Cloning(2), spent_on=2),
        StoragePoint(Cloning(3), (3,), "measure", 2.0, 2, "bsm", "first"),
    ],
    ids=["before", "after", "after, clone A", "spent", "spent, first clone"],
)
def test_a_key_that_is_used_or_read_after_decryption_is_left_whole(one):
    logical, _ = require_proof(one)
    # The same placement as where the key is spent.
    ordinary = EntanglementPoint(Cloning(3, 2), "parity").settings()
    problem = recognise([s.circuit for s in logical])[0].problem
    if one == CorrelatorsPoint(Cloning(3, 2), "after"):
        # A key that is whole hands back no clone.
        wanted = recognise([s.circuit for s in ordinary])[0].problem._replace(stand_ins=0)
        assert described(problem) == described(wanted)
    best = compile_point(
        one.settings(), one.linear_estimator.value, KINGSTON, (0,), Search(MOVES, workers=1)
    )
    assert {c.certificate.status for c in best.settings} == {"proved"}


def test_two_parities_of_which_one_is_a_coin_are_predicted():
    spent = StoragePoint(Cloning(2), spent_on=2, estimator="bsm")
    (setting,) = spent.settings()
    assert setting.ideal_success() == 0.25
    assert predict_setting(setting, setting.circuit, None) == 0.25
    logical, circuits = compiled(spent)
    assert predict_setting(logical[0], circuits[0], KINGSTON) == pytest.approx(0.25)
    first = StoragePoint(Cloning(2), spent_on=2, estimator="bsm", read="first")
    (setting,) = first.settings()
    assert predict_setting(setting, setting.circuit, None) == setting.ideal_success()
    logical, circuits = compiled(first)
    assert 0.2 < predict_setting(logical[0], circuits[0], KINGSTON) < setting.ideal_success()


def test_other_pairs_resets_elsewhere_and_settings_that_differ_are_not_recognised():
    (setting, other, *_) = EntanglementPoint(Cloning(2, 1, "frame"), "parity").settings()
    late = setting.circuit.copy()
    late.reset(3)
    with pytest.raises(NotRecognised, match="a reset elsewhere"):
        recognise([late])
    joined = setting.circuit.copy_empty_like()
    joined.cx(2, 3)
    joined.compose(setting.circuit, inplace=True)
    with pytest.raises(NotRecognised, match="other pairs"):
        recognise([joined])
    waiting = StoragePoint(Cloning(2, 1, "frame"), idle_microseconds=1.0).settings()[0]
    with pytest.raises(NotRecognised, match="do not decrypt alike"):
        recognise([other.circuit, waiting.circuit])
