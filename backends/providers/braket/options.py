"""Options of provider ``braket``; reading them imports nothing of AWS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backends.providers.record import Options

OutsideWindow = Literal["refuse", "queue"]

BUCKET_PREFIX = "amazon-braket-"
"""Braket writes results only into buckets whose name begins so."""


class BraketOptions(Options):
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
