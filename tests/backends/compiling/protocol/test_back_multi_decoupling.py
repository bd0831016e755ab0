"""Several instances with pulse trains in their waits: searched by the score that counts them."""

import numpy as np
import pytest
from marks import PROTOCOL_COMPILER

from backends.compiling.certificate import certify, two_qubit_layers
from backends.compiling.decoupling import insert_pulse_trains
from backends.compiling.protocol.compiler import compile_protocol
from backends.compiling.protocol.core.native.pricing import LAYER_PRICE
from backends.compiling.protocol.core.tournament import Task
from backends.compiling.protocol.multi.problem import tables_for
from backends.compiling.protocol.multi.programs import cost_of, scratch_for
from backends.compiling.protocol.multi.recognition import recognise_instances
from backends.compiling.protocol.multi.search import run, search
from backends.compiling.protocol.score import setting_score
from backends.devices.catalog import load_device
from backends.simulation.prediction import predict_setting
from backends.simulation.pulse_trains import DECOUPLINGS
from experiments.kinds.ghz import GhzPoint
from experiments.kinds.iterated import IteratedPoint
from experiments.stabilizer.clifford import steps

pytestmark = PROTOCOL_COMPILER

DEVICE = load_device("fake_kingston").with_mean_readout()
MOVES = 30_000
POINTS = {
    "ghz": GhzPoint(3, estimator="stabilizers"),
    "nine": IteratedPoint(2, (1, 3), 1, strategy="frame"),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def problem_of(point, decoupling):
    problem = recognise_instances([s.circuit for s in point.settings()])[0].problem
    return problem._replace(decoupling=DECOUPLINGS.index(decoupling))


@pytest.mark.parametrize("decoupling", ["XX", "XY4"])
@pytest.mark.parametrize("name", POINTS)
def test_the_search_counts_the_trains_that_are_placed(name, decoupling):
    logical = POINTS[name].settings()
    circuits = compile_protocol([s.circuit for s in logical], DEVICE, MOVES, 5, 1, decoupling)
    losses = []
    for setting, plain in zip(logical, circuits, strict=True):
        circuit = insert_pulse_trains(plain, DEVICE, decoupling)
        assert certify(setting.circuit, circuit).status == "proved"
        success, mine = setting_score(setting, circuit, DEVICE, refocusing=True)
        expected = predict_setting(setting, circuit, DEVICE, refocusing=True)
        assert success == pytest.approx(expected, abs=1e-9)
        losses += [one.total for one in mine]
    cost = 3 * np.mean(losses) + LAYER_PRICE * two_qubit_layers(list(steps(circuits[0])))
    found = search(problem_of(POINTS[name], decoupling), DEVICE, MOVES, 5)
    # The search leaves out the pulses of the readout, and what others wait for them.
    assert cost == pytest.approx(found.rank, abs=0.02)


@pytest.mark.parametrize("name", POINTS)
def test_a_run_from_the_best_layout_without_trains_ends_as_good_with_them(name):
    plain, trains = (problem_of(POINTS[name], one) for one in ("none", "XX"))
    start = search(plain, DEVICE, MOVES, 0)
    scratch = scratch_for(trains, start.placement)
    cost, layers = cost_of(trains, start.placement, tables_for(trains, DEVICE), scratch, np.inf)
    rescored = cost + LAYER_PRICE * layers
    assert rescored < start.rank - 0.005
    task = Task(trains, DEVICE, start.placement, -1, MOVES // 3, 0.05, 0.002, 1)
    assert run(task).rank <= rescored
    assert run(Task(trains, DEVICE, start.placement, -1, 0, 0.05, 0.002, 1)).rank == rescored
