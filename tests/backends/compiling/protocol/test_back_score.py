"""The exact score by backward propagation is the prediction by stim's error analysis."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import PROTOCOL_COMPILER

from backends.compiling.compile import compile_point
from backends.compiling.protocol.score import parity_losses, setting_score
from backends.devices.catalog import load_device
from backends.errors import DoesNotFit
from backends.simulation.prediction import predict_setting, predict_success
from experiments.kinds.entanglement import EntanglementPoint
from experiments.kinds.ghz import GhzPoint
from experiments.protocol import STRATEGIES, Cloning
from experiments.settings import Check
from experiments.stabilizer.clifford import Step, steps

pytestmark = PROTOCOL_COMPILER

DEVICES = ["fake_kingston", "fake_sherbrooke", "fake_mumbai", "fake_nighthawk"]


def compiled(point, device, seed):
    return compile_point(point.settings(), point.linear_estimator.value, device, (seed,)).settings


def agree(one, device):
    success, losses = setting_score(one.setting, one.circuit, device)
    assert success == pytest.approx(one.predicted_success, abs=1e-9)
    assert success == pytest.approx(predict_setting(one.setting, one.circuit, device), abs=1e-9)
    assert all(x.gates > 0 and x.idling > 0 and x.readout > 0 for x in losses)


@given(
    n=st.integers(2, 6),
    strategy=st.sampled_from(STRATEGIES),
    estimator=st.sampled_from(["bsm", "parity"]),
    device=st.sampled_from(DEVICES),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_agree_with_the_prediction_on_compiled_circuits(
    n, strategy, estimator, device, seed
):
    estimator = "parity" if strategy == "witness" else estimator
    # With conditions, which not every configuration offers.
    offering = replace(load_device(device), dynamic_circuits=True)
    snapshot = offering.with_mean_readout()
    for one in compiled(EntanglementPoint(Cloning(n, 1, strategy), estimator), snapshot, seed):
        agree(one, snapshot)


def test_all_products_of_ghz_populations_are_scored_more_than_64_at_once():
    device = load_device("fake_kingston").with_mean_readout()
    populations, *_ = compiled(GhzPoint(8), device, 3)
    success, losses = setting_score(populations.setting, populations.circuit, device)
    assert len(losses) == 127
    assert success == pytest.approx(populations.predicted_success, abs=1e-9)


@pytest.mark.parametrize("cause", ["gate", "idle", "readout"])
def test_each_cause_costs_what_a_prediction_with_that_noise_alone_says(cause):
    device = load_device("fake_kingston").with_mean_readout()
    one, *_ = compiled(EntanglementPoint(Cloning(4), "parity"), device, 1)
    operations = tuple(steps(one.circuit))
    (losses,) = parity_losses(operations, one.setting.checks, device)
    alone = {"gate": losses.gates, "idle": losses.idling, "readout": losses.readout}[cause]
    expected = predict_success(operations, one.setting.checks, device, [cause])
    assert (1 + math.exp(-alone)) / 2 == pytest.approx(expected, abs=1e-12)


def test_a_fair_coin_has_no_finite_loss():
    device = load_device("fake_kingston").with_mean_readout()
    operations = [Step("sx", (0,)), Step("measure", (0,), (0,))]
    (losses,) = parity_losses(operations, [Check((0,), 0)], device)
    assert losses.mean == 0


def test_a_circuit_that_is_not_native_is_refused():
    device = load_device("fake_kingston").with_mean_readout()
    with pytest.raises(DoesNotFit, match="not native"):
        parity_losses([Step("cx", (0, 1))], [], device)
