"""An emulated service for each test that asks for one; never the account of whoever tests."""

import pytest
from ibm_scene import Scene


@pytest.fixture(autouse=True)
def nobodys_account(monkeypatch, tmp_path):
    """No credentials but those that a test sets."""
    for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    # The client reads the whole call stack for its usage data, at every call.
    monkeypatch.setenv("USAGE_DATA_OPT_OUT", "True")
    # The client reads the home folder when it is imported.
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE",
        str(tmp_path / "qiskit-ibm.json"),
    )


@pytest.fixture
def scene(monkeypatch):
    """Makes scenes and ends them."""
    made = []

    def make(changes=None, **settings):
        made.append(Scene(monkeypatch, changes, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
