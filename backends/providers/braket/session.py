"""A connection to Amazon Braket: credentials, region, devices, tasks and their results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from braket.aws import AwsSession
from braket.devices import Devices

from backends.adapter import ProviderError
from backends.errors import UnknownDevice
from backends.providers.bounded import TooSlow, within_bound
from backends.providers.braket.calls import aws_call
from backends.providers.braket.options import BUCKET_PREFIX

TAG = "enclone"
"""Key of the tag that every task bears."""

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 3
_PAGE = 100
_T = TypeVar("_T")


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


class _Gate:
    """Keeps a call that was left behind from sending anything more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def pass_on(self, **_: object) -> None:
        """Let a request pass; called by the client before each."""
        with self._lock:
            if self._is_closed:
                raise TooSlow("the call was given up before it was sent")


class Connection:
    """One account in one region.

    Args:
        region: AWS region; None for the one that the profile or the environment names.
        profile: AWS profile; None for the usual one.

    Raises:
        ProviderError: if there is no such profile, or no region.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        self._wanted = region, profile
        self._open()

    def _open(self) -> None:
        region, profile = self._wanted
        with aws_call("opening an AWS session"):
            self._gate = _Gate()
            self._boto = boto3.Session(profile_name=profile, region_name=region)
            # A session of its own for the call that pays: it is never repeated unasked.
            self._paying = AwsSession(self._boto, config=_config(attempts=1))
            self._asking = AwsSession(self._boto, config=_config(attempts=_ATTEMPTS))
            self._paying.braket_client.meta.events.register("before-send", self._gate.pass_on)
            self._s3: Any = None

    def _bounded(self, call: Callable[[], _T]) -> _T:
        """The result of a call that may take as long as calls may."""
        return within_bound(call, self._give_up)

    def _give_up(self) -> None:
        """Go on with new sessions: a call was left behind in the old ones."""
        self._gate.close()
        self._open()

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
            client = self._asking.braket_client
            answer = self._bounded(lambda: client.get_device(deviceArn=arn))
            return _with(answer, "deviceCapabilities", "deviceStatus", "deviceType")

    def devices(self) -> list[Mapping[str, Any]]:
        """All devices that this region offers, retired ones included."""
        with aws_call(f"listing the devices of region {self.region}"):
            pages = self._asking.braket_client.get_paginator("search_devices")
            listed = pages.paginate(filters=[], PaginationConfig={"PageSize": _PAGE})
            return [
                _with(device, "deviceArn", "deviceStatus", "deviceType")
                for page in self._bounded(lambda: list(listed))
                for device in page["devices"]
            ]

    def default_place(self) -> Place:
        """The account's default bucket, made if there is none."""
        with aws_call("finding the default S3 bucket"):
            return Place(self._bounded(self._asking.default_bucket), TAG)

    def create(self, what: str, **arguments: Any) -> str:
        """Make a task; return its ARN. This is the one call that pays.

        Raises:
            Refused: nothing was made.
            Doubtful: a task may have been made.
        """
        with aws_call(what, pays=True):
            paying = self._paying
            arn = self._bounded(lambda: paying.create_quantum_task(**arguments))
            if not isinstance(arn, str):
                raise TypeError(f"the ARN is {arn!r}")
            return arn

    def task(self, what: str, arn: str) -> Mapping[str, Any]:
        """The service's description of a task."""
        with aws_call(what, of_a_job=True):
            client = self._asking.braket_client
            answer = self._bounded(lambda: client.get_quantum_task(quantumTaskArn=arn))
            return _with(answer, "status", "shots", "outputS3Bucket", "outputS3Directory")

    def tasks(
        self, what: str, device_arn: str | None, since: datetime | None
    ) -> list[Mapping[str, Any]]:
        """Summaries of all tasks of a device, tags included; the service cannot filter by tag.

        Args:
            what: the question in words.
            device_arn: the device; None for all devices of the region.
            since: no older tasks are asked for; None for all.
        """
        filters = []
        if device_arn is not None:
            filters = [{"name": "deviceArn", "operator": "EQUAL", "values": [device_arn]}]
        if since is not None:
            moment = f"{since:%Y-%m-%dT%H:%M:%SZ}"
            filters.append({"name": "createdAt", "operator": "GTE", "values": [moment]})
        with aws_call(what):
            pages = self._asking.braket_client.get_paginator("search_quantum_tasks")
            listed = pages.paginate(filters=filters, PaginationConfig={"PageSize": _PAGE})
            return [
                _with(task, "quantumTaskArn", "createdAt")
                for page in self._bounded(lambda: list(listed))
                for task in page["quantumTasks"]
            ]

    def cancel(self, what: str, arn: str) -> None:
        """Ask for a task to be cancelled."""
        with aws_call(what, of_a_job=True):
            client = self._asking.braket_client
            self._bounded(lambda: client.cancel_quantum_task(quantumTaskArn=arn))

    def read(self, what: str, bucket: str, key: str) -> str:
        """A result file."""
        with aws_call(what):
            if self._s3 is None:
                self._s3 = self._boto.client("s3", config=_config(attempts=_ATTEMPTS))
            storage = self._s3
            content = self._bounded(
                lambda: bytes(storage.get_object(Bucket=bucket, Key=key)["Body"].read())
            )
            return content.decode("utf-8", "replace")


def _with(answer: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The answer, if it holds what is needed of it; KeyError or TypeError otherwise."""
    if not isinstance(answer, Mapping):
        raise TypeError(f"the answer is {answer!r}, no object")
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
