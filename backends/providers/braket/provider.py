"""The record of provider ``braket``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.providers.braket.options import BUCKET_PREFIX, BraketOptions
from backends.providers.record import (
    DeviceDirectory,
    Finding,
    Problems,
    Provider,
    ReachableDevices,
    RunHome,
    RunRequest,
    options_document,
)

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.braket.adapter import BraketAdapter
    from backends.providers.braket.session import Connection

_LONGEST_NAME = 80
"""Longer names of a bucket are cut off in a message."""


def _open(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> BraketAdapter:
    """Open the device that the options name, whatever its snapshot is called."""
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.braket.adapter import open_braket

    wanted = dict(options)
    planned_with = device if isinstance(device, DeviceSnapshot) else None
    return open_braket(wanted.pop("device", device), wanted, planned_with)


def _problems(request: RunRequest) -> Problems:
    """What is wrong whatever the device turns out to be; the service is not asked."""
    from backends.devices.catalog import IDEAL

    options: BraketOptions = request.options
    if request.device == IDEAL or request.device.startswith("fake_"):
        yield (
            ("backend", "device"),
            f"'{request.device}' is no device of Amazon Braket; give an ARN or a name such as "
            "iqm/garnet (see 'enclone devices --braket')",
        )
    if options.s3 is not None and not options.s3.removeprefix("s3://").startswith(BUCKET_PREFIX):
        name = options.s3 if len(options.s3) <= _LONGEST_NAME else f"{options.s3[:_LONGEST_NAME]}…"
        yield (
            ("backend", "braket", "s3"),
            f"Braket writes results only into buckets whose name begins with '{BUCKET_PREFIX}', "
            f"but this is '{name}'; leave it out for the account's default bucket",
        )
    if request.conditional_gates and not options.conditional_gates:
        yield (
            ("experiment", "decrypt", "strategy"),
            "'feedforward' needs gates conditioned on outcomes, which Amazon Braket offers on "
            "IQM's processors only, as an experiment: set 'backend.braket.conditional_gates: "
            "true' there; 'frame' gives the same clone up to a known Pauli on every device",
        )
    if options.without_prices and request.budget_usd is not None:
        yield (
            ("budget", "usd"),
            "'budget.usd' cannot be kept while 'backend.braket.without_prices' is true: remove one",
        )


def _run_options(request: RunRequest, home: RunHome) -> dict[str, Any]:
    """The options, with the name of the device: a snapshot does not tell its ARN."""
    del home
    return {"device": request.device, **options_document(request.options)}


def _diagnose() -> Iterable[Finding]:
    """Whether Amazon Braket answers; nothing is asked, and nothing amiss, without credentials."""
    from backends.adapter import ProviderError
    from backends.providers.braket.session import Connection, known_regions

    subject = "Amazon Braket"
    try:
        connection = Connection(known_regions()[0])
        found = connection.credentials_from
        if found is None:
            detail = "no AWS credentials: provider braket cannot be used ('aws configure' sets up)"
            return [Finding(subject, True, detail)]
        usable, connection = _first_region(connection)
    except ProviderError as error:
        return [Finding(subject, False, str(error), error.remedy)]
    detail = f"credentials from '{found}', {usable} processors in {connection.region}"
    return [Finding(subject, True, detail)]


def _first_region(connection: Connection) -> tuple[int, Connection]:
    """Usable processors in the first region that this account may look into, and that region."""
    from backends.adapter import ProviderError, Unavailable, Unusable
    from backends.providers.braket.session import Connection, known_regions

    regions = known_regions()
    for number, region in enumerate(regions, start=1):
        if number > 1:
            connection = Connection(region)
        try:
            devices = connection.devices()
        except (Unavailable, Unusable):
            raise
        except ProviderError:
            if number == len(regions):
                raise
            continue
        usable = (d["deviceType"] == "QPU" and d["deviceStatus"] != "RETIRED" for d in devices)
        return sum(usable), connection
    raise ValueError("the SDK knows no region")


def _devices(save: Path | None) -> ReachableDevices:
    from backends.providers.braket.listing import reachable_devices

    found = list(reachable_devices(save))
    table = [f"{'device':<24}{'region':<12}{'status':<9}{'qubits':>6}  two-qubit gate"]
    for one in found:
        qubits = "-" if one.qubits is None else one.qubits
        what = one.entangler or one.remark
        table.append(f"{one.name:<24}{one.region:<12}{one.status:<9}{qubits:>6}  {what}")
    return ReachableDevices([asdict(one) for one in found], "\n".join(table))


PROVIDER = Provider(
    name="braket",
    description="Amazon Braket: processors of IQM, Rigetti, IonQ, AQT; see docs/braket.md",
    open=_open,
    options=BraketOptions,
    purpose="says how Amazon Braket is reached",
    problems=_problems,
    run_options=_run_options,
    diagnose=_diagnose,
    directory=DeviceDirectory(
        "List the processors that your AWS account reaches.", _devices, saves=True
    ),
    packages=("amazon-braket-sdk",),
    simulates=False,
    keeps_delays=False,
    costs_money=True,
)
