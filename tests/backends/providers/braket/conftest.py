"""The Braket emulator, started once, and the real client led to it."""

import shutil

import pytest
from aws_harness import with_bucket
from braket_emulator import Emulator
from braket_service import Service
from harness import fast_folder

from backends.providers.braket import session
from backends.providers.braket.session import Connection


@pytest.fixture(scope="session")
def _emulator():
    with Emulator() as emulator:
        yield emulator
        assert emulator.violations == [], "a request or an answer was not as the service model says"


@pytest.fixture
def emulator(_emulator, monkeypatch):
    """The emulator with an empty memory; the environment leads to it."""
    _emulator.restart(Service())
    for key in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AMZN_BRAKET_OUT_S3_BUCKET"):
        monkeypatch.delenv(key, raising=False)
    for key, value in _emulator.environment.items():
        monkeypatch.setenv(key, value)
    return _emulator


@pytest.fixture(scope="session")
def _connections():
    return {}


@pytest.fixture
def quick(emulator, _connections, monkeypatch):
    """One connection a region for all tests; it does not repeat its questions."""
    monkeypatch.setattr("backends.providers.braket.session._ATTEMPTS", 1)

    def connection(region, profile):
        key = region, session._READ_SECONDS
        if key not in _connections:
            _connections[key] = Connection(region, profile)
        return _connections[key]

    monkeypatch.setattr("backends.providers.braket.adapter.Connection", connection)
    return emulator


@pytest.fixture
def place():
    folder = fast_folder("enclone-aws-")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bucket(request):
    """The account has a bucket for results wherever a test talks to the service."""
    if "quick" in request.fixturenames:
        with_bucket(request.getfixturevalue("quick"))
