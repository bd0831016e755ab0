"""The budget: refused before anything is sent, and only when it is exceeded."""

import pytest

from backends.providers.registry import open_adapter
from runner.config.run_config import BudgetConfig, RunConfig
from runner.errors import EXIT_OVER_BUDGET, OverBudget
from runner.planning.compilation import compile_sweep
from runner.planning.forecast import RESET_SECONDS, Forecast, forecast, require_budget

COST = Forecast(1, 2, 2000, 3.0, 0.7, 0.3, 0.4, None, device_seconds=1.0, assumptions=())


@pytest.mark.parametrize("budget", [{}, {"qpu_seconds": 3.0}, {"usd": 0.7}, {"usd": 1.0}])
def test_a_plan_within_its_budget_passes(budget):
    assert require_budget(COST, BudgetConfig(**budget)) is None


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"qpu_seconds": 2.9}, r"needs 3 s, but budget\.qpu_seconds allows 2\.9 s"),
        ({"usd": 0.0, "qpu_seconds": 9.0}, r"needs 0\.7 USD, but budget\.usd allows 0 USD"),
    ],
)
def test_a_plan_over_its_budget_is_refused_with_both_numbers(budget, words):
    with pytest.raises(OverBudget, match=words) as refused:
        require_budget(COST, BudgetConfig(**budget))
    assert refused.value.exit_code == EXIT_OVER_BUDGET


def test_a_local_run_bills_nothing_and_tells_what_the_device_would_take():
    config = RunConfig.model_validate(
        {"experiment": {"kind": "entanglement", "n": 2}, "shots": 1000, "repeats": 3}
    )
    adapter = open_adapter("stim", config.backend.device)
    snapshot = adapter.snapshot()
    cost = forecast(config, adapter, snapshot, compile_sweep(config, snapshot))
    assert (cost.circuits, cost.shots) == (9, 9000)
    assert (cost.qpu_seconds, cost.usd) == (0, 0)
    assert 9000 * RESET_SECONDS < cost.device_seconds < 9000 * (RESET_SECONDS + 20e-6)
    assert any("bills nothing" in line for line in cost.assumptions)


def test_a_perfect_device_has_no_clock():
    config = RunConfig.model_validate(
        {
            "experiment": {"kind": "entanglement", "n": 2},
            "backend": {"provider": "stim", "device": "ideal"},
        }
    )
    cost = forecast(config, open_adapter("stim", "ideal"), None, compile_sweep(config, None))
    assert cost.device_seconds is None
