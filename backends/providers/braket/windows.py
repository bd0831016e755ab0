"""When a device takes tasks: its status and its execution windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETS = {
    "everyday": _DAYS,
    "weekdays": _DAYS[:5],
    "weekend": _DAYS[5:],
    "weekends": _DAYS[5:],
}

_LAST_SECOND = time(23, 59, 59)
"""An end at the last second of a day means the end of the day."""


def is_open(windows: Iterable[Mapping[str, Any]], now: datetime) -> bool:
    """Whether a device runs tasks now; one without windows always does.

    Args:
        windows: as the capabilities state them, in UTC; an end before its start is the next day's.
        now: the time, with a time zone.
    """
    windows = list(windows)
    return not windows or any(start <= now < end for start, end in _around(windows, now))


def next_opening(windows: Iterable[Mapping[str, Any]], now: datetime) -> datetime | None:
    """When the next window begins; None if there is none within a week."""
    later = [start for start, _ in _around(list(windows), now) if start > now]
    return min(later, default=None)


def _around(
    windows: Iterable[Mapping[str, Any]], now: datetime
) -> Iterable[tuple[datetime, datetime]]:
    """Every window from yesterday to a week ahead, as (start, end)."""
    today = now.astimezone(UTC).date()
    for window in windows:
        day_name = str(window["executionDay"]).lower()
        days = _SETS.get(day_name, (day_name,))
        begins, ends = (time.fromisoformat(window[k]) for k in ("windowStartHour", "windowEndHour"))
        for offset in range(-1, 9):
            day = today + timedelta(days=offset)
            if _DAYS[day.weekday()] in days:
                start, end = _at(day, begins), _at(day, ends)
                if ends == _LAST_SECOND:
                    end += timedelta(seconds=1)
                yield start, end if end > start else end + timedelta(days=1)


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, tzinfo=UTC)
