"""Past calibrations while a run is planned: which of them count, and what is said of them."""

from dataclasses import replace

import pytest

from backends.adapter import PastCalibrations, Unavailable
from backends.devices.catalog import load_device
from backends.providers.registry import open_adapter
from runner.planning.past import calibration_date, interval_remarks, past_calibrations

TODAY = replace(load_device("fake_lagos"), calibrated_at="2026-04-15T06:00:00+00:00")


def of(calibrated_at: str | None):
    return replace(TODAY, calibrated_at=calibrated_at)


class Remembering:
    """An adapter of which nothing is asked but the past."""

    def __init__(self, *snapshots, remark="", error=None):
        self.found = PastCalibrations(snapshots, remark)
        self.error = error

    def past_calibrations(self, days):
        if self.error:
            raise self.error
        return self.found


@pytest.mark.parametrize(
    ("calibrated_at", "date"),
    [
        ("2026-04-15T06:00:00+00:00", "2026-04-15"),
        ("2026-04-15T06:00:00Z", "2026-04-15"),
        ("2026-04-15 06:00:00", "2026-04-15"),
        ("2026-04-14T23:30:00-08:00", "2026-04-15"),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_date_of_a_calibration_is_that_in_utc(calibrated_at, date):
    assert calibration_date(of(calibrated_at)) == date


def test_one_calibration_of_each_other_day_counts():
    late, early = of("2026-04-13T20:00:00+00:00"), of("2026-04-13T02:00:00+00:00")
    older, same = of("2026-04-11T02:00:00+00:00"), of("2026-04-15T01:00:00+00:00")
    found = past_calibrations(Remembering(same, late, early, older), TODAY)
    assert [one.calibrated_at for one in found.snapshots] == [
        late.calibrated_at,
        older.calibrated_at,
    ]
    assert found.remark == ""


def test_what_is_missing_is_said():
    found = past_calibrations(Remembering(of(None)), TODAY)
    assert found.snapshots == ()
    assert "does not state its date" in found.remark
    found = past_calibrations(Remembering(error=Unavailable("the service is away")), TODAY)
    assert found == PastCalibrations(remark="no past calibrations: the service is away")


def test_adapters_without_a_memory_need_none():
    assert past_calibrations(open_adapter("stim", "fake_lagos"), TODAY) == PastCalibrations()
    assert past_calibrations(Remembering(TODAY), None) == PastCalibrations()


def test_what_an_interval_spans_is_said_once_and_what_it_leaves_out_point_by_point():
    assert list(interval_remarks([], {})) == []
    first, second, third = interval_remarks(["2026-04-14", "2026-04-13"], {"a": 1, "b": 2})
    assert "2 past ones (2026-04-14, 2026-04-13)" in first
    assert second.startswith("a: 1 of 2 past calibrations left out")
    assert "assumed" not in second
    assert third.endswith("a drift of 25 % is assumed")
