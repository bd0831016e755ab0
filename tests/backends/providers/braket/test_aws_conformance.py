"""The adapter contract, kept by the real client against the emulated service."""

import braket_devices as devices
import pytest
from aws_harness import BUCKET, with_bucket

from backends.providers.registry import provider_of
from enclone import conformance
from enclone.conformance import CHECKS, Subject


@pytest.mark.parametrize("arn", [devices.GARNET, devices.ANKAA], ids=["sets", "singly"])
@pytest.mark.parametrize("check", CHECKS, ids=conformance.name)
def test_the_contract_is_kept(quick, check, arn, tmp_path):
    with_bucket(quick)
    options = {"s3": BUCKET, "outside_window": "queue", "listing_lag_seconds": 0.0}
    unknown = f"arn:aws:braket:{arn.split(':')[3]}:123456789012:quantum-task/no-such-task"
    check(Subject(provider_of("braket"), arn, tmp_path, options, unknown_job=unknown))
