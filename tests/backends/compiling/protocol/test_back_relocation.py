"""A layout is the same protocol wherever it is carried, and costs what is broken or bad there."""

from dataclasses import replace

import numpy as np
import pytest
from marks import PROTOCOL_COMPILER

from backends.compiling.certificate import certify
from backends.compiling.protocol.core.embedding import joins_of, numbered
from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.compiling.protocol.core.native.tables import device_tables, working_region
from backends.compiling.protocol.multi.circuits import write_circuits
from backends.compiling.protocol.multi.recognition import recognise_instances
from backends.compiling.protocol.multi.relocation import relocate
from backends.compiling.protocol.multi.search import Task, run
from backends.compiling.protocol.pattern_search import heavy_hex
from backends.compiling.protocol.score import setting_score
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
    recognised = recognise_instances([s.circuit for s in settings])
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
    return relocate(recognised[0].problem, found.placement, tables, region, most)


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


def test_where_all_sites_are_alike_layouts_cost_the_same():
    _, recognised, found = scouted(NINE, IDEAL)
    others = carried(recognised, found, IDEAL, region_of(IDEAL))
    assert len(others) > 4
    assert [one.rank for one in others] == pytest.approx([found.rank] * len(others), abs=1e-9)
    assert len({one.placement.site.tobytes() for one in others}) > 4


@pytest.mark.parametrize("point", [NINE, GhzPoint(2), GhzPoint(2, strategy="frame")], ids=str)
def test_relocated_layouts_are_proved_and_scored_and_in_order(point):
    settings, recognised, found = scouted(point, KINGSTON)
    others = carried(recognised, found, KINGSTON, region_of(KINGSTON))
    costs = [one.rank for one in others]
    assert len(set(costs)) > 2
    assert costs == sorted(costs)
    for one in (others[0], others[-1]):
        cost, layout = one.rank, one.placement
        assert sorted(layout.rank) == list(range(KINGSTON.num_qubits))
        circuits = list(write_circuits(recognised, layout, KINGSTON))
        proofs = [certify(s.circuit, c) for s, c in zip(settings, circuits, strict=True)]
        assert {proof.status for proof in proofs} == {"proved"}
        if point is NINE:
            losses = [
                setting_score(s, c, KINGSTON)[1][0].total
                for s, c in zip(settings, circuits, strict=True)
            ]
            scored = sum(losses) + LAYER_PRICE * proofs[0].two_qubit_layers
            assert scored == pytest.approx(cost, abs=0.02)


def test_no_relocated_layout_leaves_the_region():
    _, recognised, found = scouted(NINE, KINGSTON)
    here = used_by(next(iter(write_circuits(recognised, found.placement, KINGSTON))))
    region = region_of(KINGSTON, without=here)
    others = carried(recognised, found, KINGSTON, region)
    assert others
    for layout in (one.placement for one in others):
        circuit = next(iter(write_circuits(recognised, layout, KINGSTON)))
        assert not used_by(circuit) & here


def test_better_couplers_elsewhere_are_found():
    _, recognised, found = scouted(NINE, IDEAL)
    here = used_by(next(iter(write_circuits(recognised, found.placement, IDEAL))))
    worse = replace(
        IDEAL,
        couplers=tuple(
            replace(c, error=4 * c.error) if set(c.qubits) & here else c for c in IDEAL.couplers
        ),
    )
    others = carried(recognised, found, worse, region_of(worse), 1)
    assert others[0].rank == pytest.approx(found.rank, abs=1e-9)
