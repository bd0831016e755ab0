"""What is set up for IBM Quantum, what is missing, and what mends it; never the key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backends.adapter import ProviderError
from backends.providers.ibm.options import IbmConfig
from backends.providers.record import Finding

_SUBJECT = "IBM Quantum"


def has_credentials() -> bool:
    """Whether there is anything to try, found without the client, whose import takes a second."""
    if os.environ.get("QISKIT_IBM_TOKEN"):
        return True
    try:
        # The client makes a file without accounts when it looks for one. An empty file it cannot
        # read, which is told.
        return _saved_accounts_file().read_text(encoding="utf-8").strip() != "{}"
    except (OSError, UnicodeDecodeError):
        return False


def diagnose() -> Iterator[Finding]:
    """Look at account, instance, time and devices; asks the service if there is an account."""
    from backends.providers.ibm.errors import PLATFORM, SAVE_ACCOUNT

    if not has_credentials():
        yield Finding(
            _SUBJECT,
            True,
            "no account, which only provider ibm needs; to set one up: get an API key on "
            f"{PLATFORM}, then {SAVE_ACCOUNT}",
        )
        return
    from backends.providers.ibm.accounts import connect, used
    from backends.providers.ibm.device import list_devices

    try:
        connection = connect(IbmConfig())
    except ProviderError as error:
        yield Finding(f"{_SUBJECT} account", False, str(error), error.remedy)
        return
    yield Finding(f"{_SUBJECT} account", True, f"API key from {_source()}")
    crn = connection.active_instance
    yield Finding(f"{_SUBJECT} instance", True, f"{connection.plan(crn)}, {crn}")
    try:
        usage = connection.usage()
        spent = bool(usage.get("usage_limit_reached"))
        yield Finding(
            f"{_SUBJECT} time",
            not spent,
            used(usage),
            f"wait until the period ends, or see {PLATFORM}/instances" if spent else "",
        )
        lines = list_devices(connection)
    except ProviderError as error:
        yield Finding(f"{_SUBJECT} service", False, str(error), error.remedy)
        return
    online = [line for line in lines if line.runs]
    yield Finding(
        f"{_SUBJECT} devices",
        bool(online),
        ", ".join(str(line) for line in lines) or "none",
        "" if online else f"wait, or see {PLATFORM}/computers",
    )


def _source() -> str:
    if os.environ.get("QISKIT_IBM_TOKEN"):
        return "QISKIT_IBM_TOKEN"
    return f"the default account saved in {_saved_accounts_file()}"


def _saved_accounts_file() -> Path:
    return Path.home() / ".qiskit" / "qiskit-ibm.json"
