"""The adapter contract, kept by the real client against the emulated service."""

import pytest
from ibm_scene import SMALL

from backends.providers.registry import provider_of
from enclone import conformance
from enclone.conformance import CHECKS, Subject
from tests.emulators.ibm.server import Emulator
from tests.emulators.ibm.service import Service
from tests.emulators.ibm.settings import API_KEY, INSTANCE, Settings


@pytest.fixture
def emulator(monkeypatch):
    service = Service(None, [SMALL], Settings())
    emulator = Emulator(service)
    for name, value in emulator.environment(API_KEY, INSTANCE).items():
        monkeypatch.setenv(name, value)
    yield emulator
    emulator.close()


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("check", CHECKS, ids=conformance.name)
def test_the_contract_is_kept(check, tmp_path):
    options = {"circuits_per_job": 5, "poll_seconds": 0.05, "listing_lag_seconds": 0.5}
    check(Subject(provider_of("ibm"), SMALL.name, tmp_path, options))
