"""Fewer shots than a device takes are refused by the plan.

qBraid = qBraid/qBraid, MG = unitaryfoundation/metriq-gym; the number is the issue.
"""

from dataclasses import replace

import pytest

from backends.providers.stim.provider import PROVIDER
from runner.planning.grouping import DoesNotFitJob
from runner.planning.plan import make_plan

CONFIG = {
    "experiment": {"kind": "entanglement", "n": 2},
    "backend": {"device": "ideal"},
    "shots": 99,
}


def test_fewer_shots_than_the_device_takes_do_not_pass_a_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """qBraid#1089, MG#781: the plan had a price, and the stored run was never sent."""
    adapter = PROVIDER.open("ideal", {})
    limits = replace(adapter.limits(), fewest_shots=100)
    monkeypatch.setattr(type(adapter), "limits", lambda _: limits)
    with pytest.raises(DoesNotFitJob, match=r"99 shots in one circuit, but .* no fewer than 100"):
        _ = make_plan(CONFIG).forecast
    assert make_plan({**CONFIG, "shots": 100}).forecast.shots > 0
