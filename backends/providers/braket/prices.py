"""What tasks cost: the public price list of Amazon Braket, with its date."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass

import urllib3
from braket.tracking.pricing import _http_client

from backends.adapter import ProviderError, Quote
from backends.devices.braket_capabilities import Capabilities
from backends.providers.bounded import within_bound
from backends.providers.braket.calls import MISREAD
from backends.providers.braket.session import region_of, short_name

PRICE_LIST = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBraket/current/index.csv"
)
"""The list that the SDK's own cost tracker reads; BRAKET_PRICE_OFFERS_URL names another."""

_METADATA_ROWS = 5
_TASK, _SHOT = "Quantum Task", "Quantum Task-Shot"
_SECONDS, _LONGEST_SECONDS = 20.0, 60.0
_RETRIES = urllib3.Retry(2, backoff_factor=0.2, respect_retry_after_header=False)
"""A service may name any day for the next call; nobody waits for it here."""

_LEAST_SECONDS = 3.0
"""Braket bills its simulators by the time they take, this long at least."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one device costs.

    Attributes:
        task_usd: for each task, whatever is in it.
        shot_usd: for each shot of each circuit.
        date: when the list was published.
    """

    task_usd: float
    shot_usd: float
    date: str

    def quote(self, shots: int) -> Quote:
        """Cost of one task with so many shots in all."""
        return Quote(0.0, self.task_usd, self.shot_usd * shots)


@dataclass(frozen=True)
class Bill:
    """What tasks of a device cost, as far as anybody knows.

    Attributes:
        prices: the prices; None if nobody knows them.
        unknown: why nobody knows them; None otherwise.
        described: the same in words.
    """

    prices: Prices | None
    unknown: ProviderError | None
    described: str

    @classmethod
    def of(cls, arn: str, capabilities: Capabilities | None) -> Bill:
        """Find the prices of a device: processors by the price list, simulators by the minute.

        Args:
            arn: the device.
            capabilities: its capabilities; None where it cannot be asked.
        """
        service = capabilities.document["service"] if capabilities else {}
        cost = service.get("deviceCost") or {}
        if capabilities and capabilities.is_simulator and cost.get("unit") == "minute":
            least = float(cost["price"]) * _LEAST_SECONDS / 60
            words = (
                f"money: simulators are billed by the minute; {_LEAST_SECONDS:g} s a task, the "
                f"least that is billed, cost {least:g} USD"
            )
            return cls(Prices(least, 0.0, str(capabilities.updated_at)), None, words)
        try:
            prices = fetch_prices(arn)
        except ProviderError as error:
            return cls(None, error, f"money: unknown: {error}")
        words = (
            f"money: {prices.task_usd:g} USD a task and {prices.shot_usd:g} USD a shot, by the "
            f"price list of {prices.date}; discounts and S3 not counted"
        )
        return cls(prices, None, words)

    def quote(self, shots: int) -> Quote:
        """Cost of one task with so many shots in all; nothing where it is unknown."""
        return Quote() if self.prices is None else self.prices.quote(shots)


def fetch_prices(arn: str) -> Prices:
    """Read the prices of a device from the price list.

    Raises:
        ProviderError: if the list cannot be had, or does not hold the device.
    """
    url = os.environ.get("BRAKET_PRICE_OFFERS_URL", PRICE_LIST)
    try:
        answer = within_bound(
            lambda: _http_client(url).request("GET", url, timeout=_SECONDS, retries=_RETRIES),
            lambda: None,
            _LONGEST_SECONDS,
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _unknown(arn, f"the price list cannot be had: {type(error).__name__}") from error
    if answer.status != 200:
        raise _unknown(arn, f"the price list cannot be had: HTTP {answer.status}")
    try:
        return read_prices(answer.data.decode("utf-8", "replace"), arn)
    except (csv.Error, *MISREAD) as error:
        why = f"the price list cannot be read: {type(error).__name__}"
        raise _unknown(arn, why) from error


def read_prices(text: str, arn: str) -> Prices:
    """Find a device in a price list.

    Args:
        text: the list as CSV: five rows about itself, then one row a product.
        arn: ARN of the device.

    Raises:
        ProviderError: if it does not hold the device exactly once, in US dollars.
    """
    lines = text.splitlines()
    about = dict(row[:2] for row in csv.reader(lines[:_METADATA_ROWS]) if len(row) > 1)
    products = list(csv.DictReader(io.StringIO("\n".join(lines[_METADATA_ROWS:]))))
    device = _letters(short_name(arn).split("/")[-1])
    found = {}
    for family in (_TASK, _SHOT):
        matching = [
            row
            for row in products
            if row.get("Product Family") == family
            and row.get("Region Code") == region_of(arn)
            and _letters(row.get("DeviceName") or "") == device
        ]
        if len(matching) != 1 or matching[0].get("Currency") != "USD":
            raise _unknown(
                arn,
                f"the price list of {about.get('Publication Date', 'no date')} holds "
                f"{len(matching)} prices for '{family}' in USD",
            )
        found[family] = float(matching[0]["PricePerUnit"])
    return Prices(found[_TASK], found[_SHOT], about.get("Publication Date", "an unknown date"))


def _letters(name: str) -> str:
    """A name as it is compared: the list writes ``IBEX-Q1`` where the ARN says ``Ibex-Q1``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _unknown(arn: str, why: str) -> ProviderError:
    return ProviderError(
        f"nobody knows what device '{short_name(arn)}' costs: {why}",
        remedy="try again later, or set 'backend.braket.without_prices: true' to send without "
        "knowing the price; budgets in USD are refused then",
    )
