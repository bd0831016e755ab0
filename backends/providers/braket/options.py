"""Options of the providers ``braket`` and ``braket-local``; light enough for a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

OutsideWindow = Literal["refuse", "queue"]
LocalSimulator = Literal["auto", "braket_sv", "braket_dm", "emulator"]

BUCKET_PREFIX = "amazon-braket-"
"""Braket writes results only into buckets whose name begins so."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class BraketOptions(_Options):
    """How a device is reached and used.

    Attributes:
        region: AWS region; None for the device's own.
        profile: AWS profile; None for the usual one.
        s3: bucket, or bucket and prefix, for results; None for the account's default bucket.
        outside_window: whether tasks are refused or queued when the device takes none just now.
        conditional_gates: whether IQM's experimental conditional gates may be used, which
            strategy ``feedforward``, resets and early measurements need.
        without_prices: whether to send although nobody knows the price.
        listing_lag_seconds: how long a task may exist before a search shows it. AWS promises
            nothing here.
    """

    region: str | None = None
    profile: str | None = None
    s3: str | None = None
    outside_window: OutsideWindow = "refuse"
    conditional_gates: bool = False
    without_prices: bool = False
    listing_lag_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0


class BraketLocalOptions(_Options):
    """Which simulator of the Braket SDK runs.

    Attributes:
        simulator: ``braket_sv`` without noise; ``braket_dm`` with the noise of the snapshot;
            ``emulator``, the SDK's own emulation of a device, made from its capabilities;
            ``auto`` is ``braket_sv`` for the ideal device and ``braket_dm`` for any other.
    """

    simulator: LocalSimulator = "auto"
