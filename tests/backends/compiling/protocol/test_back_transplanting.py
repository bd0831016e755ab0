"""A layout is the same protocol wherever it is carried, and costs what is broken or bad there."""

from dataclasses import replace

import numpy as np
import pytest
from marks import PROTOCOL_COMPILER

from backends.compiling.certificate import certify
from backends.compiling.protocol.multi.emission import emit_patches
from backends.compiling.protocol.multi.recognition import recognise_patches
from backends.compiling.protocol.multi.search import Task, run
from backends.compiling.protocol.multi.transplanting import elsewhere
from backends.compiling.protocol.patterns.embedding import joins_of, numbered
from backends.compiling.protocol.patterns.finding import heavy_hex
from backends.compiling.protocol.pricing import LAYER_PRICE
from backends.compiling.protocol.score import setting_score
from backends.compiling.protocol.tables import device_tables, working_region
from backends.devices.catalog import load_device
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint

pytestmark = PROTOCOL_COMPILER

KINGSTON = load_device("fake_kingston")
IDEAL = heavy_hex(6, 12)
NINE = IteratedPoint(2, (1, 3), 1, strategy="frame")
MOST = 10_000


def scouted(point, device, moves=3_000):
    """A layout from one short run, and what tells the settings of the point."""
    settings = point.settings()
    recognised = recognise_patches([s.circuit for s in settings])
    centre = min(device.largest_region)
    for seed in range(20):
        task = Task(
            recognised[0].problem, device, None, centre, moves, 0.4, 0.002, seed, LAYER_PRICE
        )
        if np.isfinite((found := run(task)).cost):
            return settings, recognised, found
    raise AssertionError("no layout was found")


def region_of(device, without=()):
    region = working_region(device)
    region[sorted(without)] = False
    return region


def carried(recognised, found, device, region, most=MOST):
    tables = device_tables(device)
    return elsewhere(recognised[0].problem, found.layout, tables, region, most)


def used_by(circuit):
    return {circuit.find_bit(q).index for i in circuit.data for q in i.qubits}


def test_every_qubit_but_the_first_is_beside_an_earlier_one():
    couplers = [(7, 3), (3, 9), (9, 4), (4, 7), (20, 21)]
    number = numbered(couplers, 9)
    assert sorted(number) == [3, 4, 7, 9]  # 20 and 21 are out of reach
    assert number[9] == 0
    joins = joins_of([(number[a], number[b]) for a, b in couplers[:4]])
    assert joins.shape == (4, 2)
    assert (joins[0] == -1).all()
    assert all(0 <= joins[k, 0] < k for k in range(1, 4))
    assert (joins >= 0).sum() == 4


def test_where_all_places_are_alike_they_cost_the_same():
    _, recognised, found = scouted(NINE, IDEAL)
    places = carried(recognised, found, IDEAL, region_of(IDEAL))
    assert len(places) > 4
    assert [cost for cost, _ in places] == pytest.approx([found.cost] * len(places), abs=1e-9)
    assert len({layout.site.tobytes() for _, layout in places}) > 4


@pytest.mark.parametrize("point", [NINE, GhzPoint(2), GhzPoint(2, strategy="frame")], ids=str)
def test_other_places_are_proved_and_scored_and_in_order(point):
    settings, recognised, found = scouted(point, KINGSTON)
    places = carried(recognised, found, KINGSTON, region_of(KINGSTON))
    costs = [cost for cost, _ in places]
    assert len(set(costs)) > 2
    assert costs == sorted(costs)
    for cost, layout in (places[0], places[-1]):
        assert sorted(layout.rank) == list(range(KINGSTON.num_qubits))
        circuits = list(emit_patches(recognised, layout, KINGSTON))
        proofs = [certify(s.circuit, c) for s, c in zip(settings, circuits, strict=True)]
        assert {proof.status for proof in proofs} == {"proved"}
        if point is NINE:
            losses = [
                setting_score(s, c, KINGSTON)[1][0].total
                for s, c in zip(settings, circuits, strict=True)
            ]
            scored = sum(losses) + LAYER_PRICE * proofs[0].two_qubit_layers
            assert scored == pytest.approx(cost, abs=0.02)


def test_no_place_leaves_the_region():
    _, recognised, found = scouted(NINE, KINGSTON)
    here = used_by(next(iter(emit_patches(recognised, found.layout, KINGSTON))))
    region = region_of(KINGSTON, without=here)
    places = carried(recognised, found, KINGSTON, region)
    assert places
    for _, layout in places:
        circuit = next(iter(emit_patches(recognised, layout, KINGSTON)))
        assert not used_by(circuit) & here


def test_better_couplers_elsewhere_are_found():
    _, recognised, found = scouted(NINE, IDEAL)
    here = used_by(next(iter(emit_patches(recognised, found.layout, IDEAL))))
    worse = replace(
        IDEAL,
        couplers=tuple(
            replace(c, error=4 * c.error) if set(c.qubits) & here else c for c in IDEAL.couplers
        ),
    )
    places = carried(recognised, found, worse, region_of(worse), 1)
    assert places[0][0] == pytest.approx(found.cost, abs=1e-9)
