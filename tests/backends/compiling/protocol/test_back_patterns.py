"""Patterns fit where their couplers work, on all sites and for any clone, and help the search."""

import json
from itertools import pairwise

import numpy as np
import pytest
from marks import PROTOCOL_COMPILER

from backends.compiling.certificate import certify
from backends.compiling.protocol.compiler import compile_protocol
from backends.compiling.protocol.core.annealing import IMPOSSIBLE
from backends.compiling.protocol.core.cache import forget
from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.compiling.protocol.core.native.tables import device_tables
from backends.compiling.protocol.core.placement import NODES
from backends.compiling.protocol.pattern_search import (
    couplers_for,
    heavy_hex,
    merged,
    problem_of,
    square,
)
from backends.compiling.protocol.patterns import (
    Pattern,
    key_of,
    pattern_of,
    relabel,
    roles,
    shipped,
    shipped_text,
)
from backends.compiling.protocol.single.circuits import write_circuit
from backends.compiling.protocol.single.programs import cost_of, losses_of, scratch_for
from backends.compiling.protocol.single.recognition import recognise
from backends.compiling.protocol.single.search import embed_patterns, search
from backends.devices.catalog import load_device
from backends.simulation.pulse_trains import DECOUPLINGS
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning

pytestmark = PROTOCOL_COMPILER

KINGSTON = load_device("fake_kingston")
FEW = 4_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def best_placement(problem, device, patterns=None):
    patterns = shipped() if patterns is None else {key_of(problem): patterns}
    (placement,) = embed_patterns(problem, device, patterns, 1)
    return placement


def cost_on(problem, placement, device, decoupling="none", limit=np.inf):
    tables = device_tables(device, decoupling)
    return cost_of(problem, placement, tables, scratch_for(problem, tables), limit)


@pytest.mark.parametrize("name", ["fake_kingston", "fake_sherbrooke", "fake_mumbai"])
@pytest.mark.parametrize(
    ("strategy", "decoupling"),
    [("frame", "none"), ("unitary", "none"), ("witness", "none"), ("unitary", "XY4")],
)
def test_one_pass_gives_the_cost_of_the_losses_and_the_layers_of_the_circuit(
    strategy, decoupling, name
):
    device = load_device(name)
    settings = EntanglementPoint(Cloning(3, 1, strategy), "parity").settings()
    recognised = recognise([s.circuit for s in settings])
    problem = recognised[0].problem._replace(decoupling=DECOUPLINGS.index(decoupling))
    found = search(problem, device, FEW, 1, patterns={})
    losses = np.zeros((3, problem.strings))
    tables = device_tables(device, decoupling)
    scratch = scratch_for(problem, tables)
    assert losses_of(problem, found.placement, tables, scratch, losses) == 0
    cost, layers = cost_on(problem, found.placement, device, decoupling)
    assert cost == pytest.approx(losses.sum(), abs=1e-12)
    assert (cost, layers) == (pytest.approx(found.cost, abs=1e-12), found.layers)
    circuit = write_circuit(recognised[0], found.placement, device)
    assert certify(settings[0].circuit, circuit).two_qubit_layers == layers


def test_a_cost_above_the_limit_is_told_as_above_it():
    problem = problem_of(3, "frame")
    found = search(problem, KINGSTON, FEW, 1, patterns={})
    for limit in (0.0, found.cost / 2, found.cost + 1e-6):
        cost, _ = cost_on(problem, found.placement, KINGSTON, limit=limit)
        assert (cost > limit) == (found.cost > limit)


@pytest.mark.parametrize("strategy", ["frame", "unitary"])
@pytest.mark.parametrize("n", range(2, 16))
def test_every_size_has_patterns_that_fit_real_lattices(n, strategy):
    problem = problem_of(n, strategy)
    for name in ("fake_kingston", "fake_nighthawk"):
        device = load_device(name)
        placement = best_placement(problem, device)
        cost, _ = cost_on(problem, placement, device)
        assert cost < IMPOSSIBLE


@pytest.mark.parametrize("lattice", [heavy_hex, square])
def test_a_pattern_survives_its_file_and_fits_the_lattice_it_came_from(lattice):
    device = lattice()
    problem = problem_of(3, "unitary")
    found = search(problem, device, FEW, 2, patterns={})
    pattern = pattern_of(problem, found.placement, couplers_for(problem, found.placement, device))
    again = Pattern.from_json(json.loads(json.dumps(pattern.to_json())))
    for part, other in zip(pattern.placement, again.placement, strict=True):
        assert np.array_equal(part, other)
    placement = best_placement(problem, device, [again])
    cost, layers = cost_on(problem, placement, device)
    # The lattice is the same everywhere; its ties, which depend on numbers, need not be.
    assert cost + LAYER_PRICE * layers <= found.rank * 1.2


def test_patterns_use_what_works_alone():
    problem = problem_of(5, "frame")
    pattern = shipped()[key_of(problem)][0]
    placements = embed_patterns(problem, KINGSTON, {key_of(problem): [pattern]}, 1000)
    assert len(placements) > 10
    for placement in placements:
        used = {int(q) for q in (*placement.site, *placement.path.ravel()) if q >= 0}
        assert used <= KINGSTON.largest_region
        for v in range(placement.scalars[NODES]):
            if placement.parent[v] >= 0:
                pair = int(placement.site[v]), int(placement.site[placement.parent[v]])
                assert pair in KINGSTON.working_couplers
        for path, length in zip(placement.path, placement.length, strict=True):
            for a, b in pairwise(path[:length]):
                assert (int(a), int(b)) in KINGSTON.working_couplers


@pytest.mark.parametrize("clone", [1, 3, 5])
def test_a_pattern_serves_every_clone(clone):
    settings = EntanglementPoint(Cloning(5, clone, "unitary"), "parity").settings()
    recognised = recognise([s.circuit for s in settings])
    problem = recognised[0].problem
    assert key_of(problem) == key_of(problem_of(5, "unitary"))
    circuit = write_circuit(recognised[0], best_placement(problem, KINGSTON), KINGSTON)
    certificate = certify(settings[0].circuit, circuit)
    assert certificate.status == "proved", certificate.remark


def test_another_order_of_the_pairs_and_back_is_the_same_placement():
    problem = problem_of(5, "frame")
    placement = best_placement(problem, KINGSTON)
    order = [0, 3, 1, 4, 2, 5]
    inverse = [order.index(k) for k in range(6)]
    back = relabel(relabel(placement, order), inverse)
    for part, other in zip(placement, back, strict=True):
        assert np.array_equal(part, other)
    assert sorted(roles(problem)) == [0, 1, 2, 3, 4, 5]


def test_a_search_that_starts_from_patterns_ends_better():
    for strategy in ("frame", "unitary"):
        problem = problem_of(7, strategy)
        bare = search(problem, KINGSTON, 40_000, 0, patterns={})
        assert search(problem, KINGSTON, 40_000, 0).rank < bare.rank


def test_a_run_keeps_the_best_patterns_once():
    entries = [{"rank": rank, "site": [rank]} for rank in (5.0, 1.0, 3.0, 2.0)]
    kept = merged(entries, {"rank": 4.0, "site": [4.0]})
    assert [entry["rank"] for entry in kept] == [1.0, 2.0, 3.0, 4.0]
    assert merged(kept, kept[0]) == kept


def test_placements_are_named_by_the_patterns_too(tmp_path, monkeypatch):
    circuits = [s.circuit for s in EntanglementPoint(Cloning(2, 1, "frame"), "parity").settings()]
    for text in (shipped_text(), "{}"):
        forget()
        monkeypatch.setattr(
            "backends.compiling.protocol.single.search.shipped_text", lambda text=text: text
        )
        compile_protocol(circuits, KINGSTON, FEW, 0, 1)
    assert len(list(tmp_path.rglob("*.npz"))) == 2
