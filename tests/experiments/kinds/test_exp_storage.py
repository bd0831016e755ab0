"""Servers that are lost, and a key that works once."""

from itertools import combinations, product

import pytest
from dense import outcome_distribution, success_chance

from experiments.gates import clones_of
from experiments.kinds.storage import LOSSES, StoragePoint, points
from experiments.protocol import Cloning

STRATEGIES = ("unitary", "feedforward", "frame")


def ideal(point: StoragePoint) -> float:
    return point.linear_estimator.value([s.ideal_success() for s in point.settings()])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_whatever_is_lost_a_survivor_comes_back(n, loss, strategy):
    for clone in clones_of(n):
        servers = [s for s in range(1, n + 1) if s != clone]
        for size in range(len(servers) + 1):
            for lost in combinations(servers, size):
                point = StoragePoint(Cloning(n, clone, strategy), lost, loss)
                assert ideal(point) == pytest.approx(1, abs=1e-12), point.label


@pytest.mark.parametrize("estimator", ["bsm", "parity"])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_a_spent_key_gives_the_floor(n, estimator):
    for first, second in product(clones_of(n), repeat=2):
        if first != second:
            point = StoragePoint(Cloning(n, second), spent_on=first, estimator=estimator)
            assert ideal(point) == pytest.approx(0.25, abs=1e-12), point.label


@pytest.mark.parametrize("n", [2, 3, 4])
def test_there_are_never_two_usable_copies(n):
    """Of two clones read at one time at most one is above the classical bound 1/2."""
    for first, second in product(clones_of(n), repeat=2):
        if first == second:
            continue
        cloning = Cloning(n, second)
        after = [ideal(StoragePoint(cloning, spent_on=first, read=r)) for r in ("first", "second")]
        assert sum(value > 0.5 for value in after) <= 1, (first, second, after)


@pytest.mark.parametrize("read", ["first", "second"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_spent_key_is_that_of_a_dense_simulation(first, read):
    point = StoragePoint(Cloning(2, 2), spent_on=first, read=read, estimator="bsm")
    (setting,) = point.settings()
    chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
    assert setting.ideal_success() == pytest.approx(chance, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_that_of_a_dense_simulation(loss):
    (setting,) = StoragePoint(Cloning(3, 1), (2, 3), loss, estimator="bsm").settings()
    chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
    assert chance == pytest.approx(1, abs=1e-9)


def test_a_lost_qubit_shows_what_was_done_to_it():
    def names(loss):
        circuit = StoragePoint(Cloning(2, 1), (2,), loss).settings()[0].circuit
        qubit = next(reg for reg in circuit.qregs if reg.name == "S")[1]
        cut = [i.label if i.name == "barrier" else None for i in circuit.data].index("encryption")
        return [
            i.name for i in circuit.data[cut + 1 :] if qubit in i.qubits and i.name != "barrier"
        ]

    assert names("reset") == ["reset"]
    assert names("measure") == ["measure"]
    assert names("depolarize") == ["reset", "h", "measure"]


def test_waiting_is_a_delay_of_every_qubit():
    circuit = StoragePoint(Cloning(2), idle_microseconds=50.0).settings()[0].circuit
    delays = [i for i in circuit.data if i.name == "delay"]
    assert len(delays) == 6
    assert {i.operation.unit for i in delays} == {"s"}
    assert [i.operation.duration for i in delays] == pytest.approx([50e-6] * 6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"lost": (4,)}, "there is no server 4"),
        ({"lost": (0,)}, "there is no server 0"),
        ({"lost": (1,)}, "its server must survive"),
        ({"lost": (3, 2)}, "ascending order"),
        ({"lost": (2, 2)}, "ascending order"),
        ({"idle_microseconds": -1.0}, "not negative"),
        ({"spent_on": 1}, "another clone than 1"),
        ({"spent_on": 2, "lost": (2,)}, "its server must survive"),
        ({"spent_on": 9}, "no such clone"),
        ({"read": "first"}, "give spent_on"),
    ],
)
def test_what_is_no_storage_experiment_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        StoragePoint(Cloning(3, 1), **arguments)


@pytest.mark.parametrize(
    ("strategy", "arguments"),
    [("witness", {}), ("frame", {"spent_on": 2}), ("feedforward", {"spent_on": 2})],
)
def test_a_strategy_that_cannot_is_refused(strategy, arguments):
    with pytest.raises(ValueError, match="unitary"):
        StoragePoint(Cloning(3, 1, strategy), **arguments)


def test_where_nothing_is_lost_points_come_once():
    found = points([Cloning(3)], [(), (2,)], LOSSES, [0.0], None, ["parity"])
    assert [(p.lost, p.loss) for p in found] == [
        ((), "reset"),
        *(((2,), loss) for loss in LOSSES),
    ]
    assert len({p.label for p in found}) == len(found)
