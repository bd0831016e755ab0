"""When a calibration was made, as a time that can be compared."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.devices.snapshot import DeviceSnapshot


def calibration_time(snapshot: DeviceSnapshot) -> datetime | None:
    """When a calibration was made; None if it does not say. Without a zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(snapshot.calibrated_at or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
