"""Variance components against data made with known ones."""

import numpy as np
import pytest

from experiments.statistics.variance import Draw, components

LAYOUT, TIME, SHOTS = 0.04, 0.02, 0.01


def made(seed: int, layouts: int = 6, repeats: int = 4):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(layouts), repeats)
    y = 0.7 + LAYOUT * rng.standard_normal(layouts)[labels]
    y += (TIME + 0) * rng.standard_normal(len(labels)) + SHOTS * rng.standard_normal(len(labels))
    groups = [("device", [0] * len(y)), ("layout", list(labels)), ("time", list(range(len(y))))]
    return components(list(y), [SHOTS] * len(y), groups, seed)


def test_components_are_unbiased_and_their_intervals_hold_the_truth():
    runs = [made(seed) for seed in range(100)]
    assert [c.cause for c in runs[0]] == ["layout", "time", "shots"]
    for k, truth in ((0, LAYOUT), (1, TIME)):
        variances = [run[k].std_dev ** 2 for run in runs]
        spread = np.std(variances) / np.sqrt(len(runs))
        assert np.mean(variances) == pytest.approx(truth**2, abs=4 * spread)
        held = np.mean([run[k].ci_low <= truth <= run[k].ci_high for run in runs])
        assert held > 0.85, (k, held)
    assert runs[0][0].degrees_of_freedom == 5
    assert runs[0][1].degrees_of_freedom == 18


@pytest.mark.parametrize(("devices", "repeats"), [(2, 1), (2, 3), (3, 1), (5, 2)])
def test_intervals_cover_with_few_degrees_of_freedom(devices: int, repeats: int):
    rng = np.random.default_rng(20260101)
    labels, experiments = np.repeat(np.arange(devices), repeats), 1000
    within = TIME if repeats > 1 else 0.0
    held = 0
    for _ in range(experiments):
        y = 0.7 + LAYOUT * rng.standard_normal(devices)[labels]
        y += within * rng.standard_normal(len(y)) + SHOTS * rng.standard_normal(len(y))
        groups = [("device", list(labels)), ("time", list(range(len(y))))]
        found = components(list(y), [SHOTS] * len(y), groups)[0]
        assert found.degrees_of_freedom == devices - 1
        held += found.ci_low <= LAYOUT <= found.ci_high
    # Four standard errors of the share.
    assert held / experiments >= 0.95 - 4 * (0.95 * 0.05 / experiments) ** 0.5


def test_shots_alone_leave_nothing_for_the_other_causes():
    rng = np.random.default_rng(0)
    y = 0.5 + 0.01 * rng.standard_normal(40)
    layout, shots = components(list(y), [0.01] * 40, [("layout", list(range(8)) * 5)])
    assert layout.ci_low == 0
    assert layout.std_dev < 0.006
    assert (shots.cause, shots.std_dev) == ("shots", pytest.approx(0.01))


def test_unequal_groups_are_weighed():
    y = [0.7, 0.7, 0.7, 0.7, 0.9]
    (layout, _) = components(y, [1e-6] * 5, [("layout", "aaaab")])
    # Two groups that differ by 0.2: a variance of 0.02, whatever their sizes.
    assert layout.std_dev == pytest.approx(np.sqrt(0.02), rel=1e-3)


def test_a_cause_that_the_data_cannot_tell_is_left_out():
    found = components(
        [0.1, 0.2], [0.01, 0.01], [("device", "aa"), ("layout", "ab"), ("time", "ab")]
    )
    assert [one.cause for one in found] == ["layout", "shots"]


@pytest.mark.parametrize(("values", "errors"), [([0.5], [0.1]), ([0.5, 0.6], [0.1])])
def test_too_few_values_are_refused(values, errors):
    with pytest.raises(ValueError, match="at least two values"):
        components(values, errors, [("layout", list(range(len(values))))])


def test_a_draw_that_all_values_share_is_no_part_of_their_spread():
    """Repeats of one draw differ by their shots alone."""
    rng = np.random.default_rng(20260101)
    shared = 0.7 + 0.05 * rng.standard_normal()
    y = shared + 0.01 * rng.standard_normal(40)
    time, draw, shots = components(
        list(y), [0.01] * 40, [("time", list(range(40)))], draw=Draw([0.05] * 40, ["seed"] * 40)
    )
    assert (draw.cause, draw.std_dev, draw.degrees_of_freedom) == ("draw", pytest.approx(0.05), 1)
    assert (shots.cause, shots.std_dev) == ("shots", pytest.approx(0.01))
    assert time.ci_low == 0
    assert time.std_dev < 0.006


def test_draws_of_their_own_are_taken_off_the_spread_between_runs():
    """Runs of several seeds differ by their draws, which is neither layout nor shots."""
    estimates = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(8), 3)
        y = 0.7 + np.hypot(LAYOUT, 0.03) * rng.standard_normal(8)[labels]
        y += SHOTS * rng.standard_normal(len(y))
        found = components(
            list(y),
            [SHOTS] * len(y),
            [("layout", list(labels))],
            draw=Draw([0.03] * len(y), list(labels)),
        )
        estimates.append(found[0].std_dev ** 2)
    spread = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(LAYOUT**2, abs=4 * spread)


def test_a_draw_needs_an_error_and_a_name_for_each_value():
    with pytest.raises(ValueError, match="2 values, 1 errors of the draw and 2 names"):
        components([0.5, 0.6], [0.1, 0.1], [("time", "ab")], draw=Draw([0.1], "ab"))
