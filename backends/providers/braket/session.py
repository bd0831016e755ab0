"""A connection to Amazon Braket: credentials, region, devices, tasks and their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from braket.aws import AwsSession
from braket.devices import Devices

from backends.adapter import ProviderError
from backends.errors import UnknownDevice
from backends.providers.braket.calls import aws_call
from backends.providers.braket.options import BUCKET_PREFIX

TAG = "enclone"
"""Key of the tag that every task bears."""

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 3
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where results go.

    Attributes:
        bucket: name of an S3 bucket.
        prefix: folder in it.
    """

    bucket: str
    prefix: str

    @classmethod
    def of(cls, text: str) -> Place:
        """Read ``bucket``, ``bucket/prefix`` or ``s3://bucket/prefix``.

        Raises:
            ProviderError: if Braket would not write there.
        """
        bucket, _, prefix = text.removeprefix("s3://").strip("/").partition("/")
        if not bucket.startswith(BUCKET_PREFIX):
            raise ProviderError(
                f"bucket '{bucket}' cannot take results: Braket writes only into buckets whose "
                f"name begins with '{BUCKET_PREFIX}'",
                remedy="name such a bucket in 'backend.braket.s3', or leave it out: the account's "
                "default bucket is made when it is needed",
            )
        return cls(bucket, prefix or TAG)


class Connection:
    """One account in one region.

    Args:
        region: AWS region; None for the one that the profile or the environment names.
        profile: AWS profile; None for the usual one.

    Raises:
        ProviderError: if there is no such profile, or no region.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        with aws_call("opening an AWS session"):
            self._boto = boto3.Session(profile_name=profile, region_name=region)
            # A session of its own for the call that pays: it is never repeated unasked.
            self._paying = AwsSession(self._boto, config=_config(attempts=1))
            self._asking = AwsSession(self._boto, config=_config(attempts=_ATTEMPTS))

    @property
    def region(self) -> str:
        """The region."""
        return str(self._boto.region_name)

    @property
    def credentials_from(self) -> str | None:
        """Where AWS found credentials, such as ``env`` or ``sso``; None if it found none."""
        with aws_call("looking for AWS credentials"):
            found = self._boto.get_credentials()
        return None if found is None else str(found.method)

    def device(self, arn: str) -> Mapping[str, Any]:
        """The service's description of a device."""
        with aws_call(f"asking for device '{arn}'"):
            answer: Mapping[str, Any] = self._asking.braket_client.get_device(deviceArn=arn)
            return answer

    def devices(self) -> list[Mapping[str, Any]]:
        """All devices that this region offers, retired ones included."""
        found: list[Mapping[str, Any]] = []
        with aws_call(f"listing the devices of region {self.region}"):
            pages = self._asking.braket_client.get_paginator("search_devices")
            for page in pages.paginate(filters=[], PaginationConfig={"PageSize": _PAGE}):
                found += page["devices"]
        return found

    def default_place(self) -> Place:
        """The account's default bucket, made if there is none."""
        with aws_call("finding the default S3 bucket"):
            return Place(self._asking.default_bucket(), TAG)

    def create(self, what: str, **arguments: Any) -> str:
        """Make a task; return its ARN. This is the one call that pays.

        Raises:
            Refused: nothing was made.
            Doubtful: a task may have been made.
        """
        with aws_call(what, pays=True):
            return str(self._paying.create_quantum_task(**arguments))

    def task(self, what: str, arn: str) -> Mapping[str, Any]:
        """The service's description of a task."""
        with aws_call(what):
            answer: Mapping[str, Any] = self._asking.braket_client.get_quantum_task(
                quantumTaskArn=arn
            )
            return _with(answer, "status", "shots", "outputS3Bucket", "outputS3Directory")

    def tasks(
        self, what: str, device_arn: str, since: datetime | None
    ) -> Iterator[Mapping[str, Any]]:
        """Summaries of all tasks of a device, tags included; the service cannot filter by tag."""
        filters = [{"name": "deviceArn", "operator": "EQUAL", "values": [device_arn]}]
        if since is not None:
            moment = f"{since:%Y-%m-%dT%H:%M:%SZ}"
            filters.append({"name": "createdAt", "operator": "GTE", "values": [moment]})
        with aws_call(what):
            pages = self._asking.braket_client.get_paginator("search_quantum_tasks")
            for page in pages.paginate(filters=filters, PaginationConfig={"PageSize": _PAGE}):
                for task in page["quantumTasks"]:
                    yield _with(task, "quantumTaskArn", "createdAt")

    def cancel(self, what: str, arn: str) -> None:
        """Ask for a task to be cancelled."""
        with aws_call(what):
            self._asking.braket_client.cancel_quantum_task(quantumTaskArn=arn)

    def read(self, what: str, bucket: str, key: str) -> str:
        """A result file."""
        with aws_call(what):
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]
            return str(body.read().decode("utf-8"))

    @cached_property
    def _s3(self) -> Any:
        return self._boto.client("s3", config=_config(attempts=_ATTEMPTS))


def _with(answer: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The answer, if it holds what is needed of it; KeyError otherwise."""
    for key in keys:
        _ = answer[key]
    return answer


def _config(attempts: int) -> Config:
    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


# Devices by name


def device_arn(name: str, region: str | None = None, profile: str | None = None) -> str:
    """The ARN of a device by ARN, ``vendor/name`` or ``name``, in any letter case.

    Devices that the SDK knows are found without a call; others are looked for in the region.

    Raises:
        UnknownDevice: if there is no such device, or several.
        ProviderError: if the region cannot be asked, or is not the device's.
    """
    if name.startswith("arn:"):
        return _in_its_region(name, region)
    known = _matching(name, _known_arns())
    if not known:
        known = _matching(name, [d["deviceArn"] for d in Connection(region, profile).devices()])
    if len(known) != 1:
        found = "several devices match" if known else "no device of Amazon Braket matches"
        names = known or [short_name(arn) for arn in _known_arns()]
        raise UnknownDevice(f"{found} '{name}'; choose one of: {', '.join(names)}")
    return _in_its_region(known[0], region)


def short_name(arn: str) -> str:
    """``vendor/name`` of a device.

    >>> short_name("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet")
    'iqm/Garnet'
    """
    return "/".join(arn.split("/")[-2:])


def region_of(arn: str) -> str | None:
    """The region of a device; None for simulators, which run in every region.

    >>> region_of("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet")
    'eu-north-1'
    """
    return arn.split(":")[3] or None


def known_regions() -> list[str]:
    """Regions with processors that the installed SDK knows, in service or not."""
    return sorted({region for arn in _known_arns() if (region := region_of(arn))})


def _in_its_region(arn: str, region: str | None) -> str:
    there = region_of(arn)
    if region and there and region != there:
        raise ProviderError(
            f"device '{short_name(arn)}' is in region {there}, but 'backend.braket.region' is "
            f"{region}",
            remedy="leave the region out: a device is always reached in its own",
        )
    return arn


def _known_arns() -> list[str]:
    """Devices that the installed SDK knows, retired ones included: they have a name as well."""
    vendors = (getattr(Devices, name) for name in ("AQT", "IonQ", "IQM", "Rigetti", "Amazon"))
    return [str(device.value) for vendor in vendors for device in vendor.__members__.values()]


def _matching(name: str, arns: Sequence[str]) -> list[str]:
    wanted = name.lower().strip("/")
    return [a for a in arns if wanted in (short_name(a).lower(), a.split("/")[-1].lower())]
