"""Opening the service with the account that Qiskit users have, and saying what is wrong with it.

The client looks for an account itself: a saved one by name, ``QISKIT_IBM_TOKEN`` with
``QISKIT_IBM_INSTANCE``, or the default one in ``~/.qiskit/qiskit-ibm.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.adapter import ProviderError
from backends.providers.bounded import within_bound
from backends.providers.ibm.errors import (
    PLATFORM,
    SAVE_ACCOUNT,
    NotConnected,
    asked,
    causes,
    is_unanswered,
    keep_secret,
    quiet,
    shown,
    status_of,
    unauthorized,
)
from backends.providers.ibm.options import IbmConfig
from backends.providers.ibm.transport import Wire, mount

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QiskitRuntimeService


_AMOUNTS = (
    "usage_consumed_seconds",
    "usage_limit_seconds",
    "usage_allocation_seconds",
    "usage_remaining_seconds",
)


@dataclass(frozen=True, eq=False)
class Connection:
    """An opened service.

    Attributes:
        service: the client.
        wire: what goes out under it.
        instances: what the account may use, as the client lists them (crn, name, plan …).
    """

    service: QiskitRuntimeService
    wire: Wire
    instances: tuple[dict[str, Any], ...]

    @property
    def active_instance(self) -> str:
        """CRN of the instance that is used."""
        return str(self.service.active_instance())

    def plan(self, crn: str | None) -> str:
        """``instance 'name' (plan open)`` of a CRN."""
        for instance in self.instances:
            if instance.get("crn") == crn:
                return f"instance '{instance.get('name')}' (plan {instance.get('plan')})"
        return "an instance that the account does not list"

    def usage(self) -> dict[str, Any]:
        """What the active instance used and may use, in seconds.

        Raises:
            ProviderError: if the service cannot be asked.
        """
        what = "asking what the instance has used"
        with quiet():
            try:
                usage = dict(within_bound(self.service.usage, self.wire.cut))
                for name in _AMOUNTS:
                    _ = float(usage.get(name) or 0.0)
            except Exception as error:
                raise asked(what, error) from None
        return usage


def connect(config: IbmConfig) -> Connection:
    """Open the service.

    Raises:
        NotConnected: if there is no account, or the service does not accept it.
        ProviderError: if the client cannot be kept from repeating the call that pays.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    _keep_saved_secrets()
    wire = Wire()

    def opened() -> tuple[QiskitRuntimeService, tuple[dict[str, Any], ...]]:
        service = QiskitRuntimeService(
            name=config.account, instance=config.instance, channel=config.channel
        )
        keep_secret((service.active_account() or {}).get("token"))
        return service, tuple(dict(one) for one in service.instances())

    with quiet():
        try:
            service, instances = within_bound(opened, wire.cut)
        except ProviderError:
            raise
        except Exception as error:
            # The client raises a dozen kinds here, and some name the key: none is passed on.
            raise _explained(error, config) from None
        mount(service, wire)
        return Connection(service, wire, instances)


def used(usage: Mapping[str, Any]) -> str:
    """``12 of 600 s used, 588 s left``, of what the service says of an instance."""
    used = float(usage.get("usage_consumed_seconds") or 0.0)
    limit = usage.get("usage_limit_seconds") or usage.get("usage_allocation_seconds")
    if not limit:
        return f"{used:g} s used, no limit stated"
    return f"{used:g} of {float(limit):g} s used, {max(0.0, float(limit) - used):g} s left"


def _keep_saved_secrets() -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    try:
        for account in QiskitRuntimeService.saved_accounts().values():
            keep_secret(account.get("token"))
    except Exception:
        return  # a file that cannot be read is reported when the account is looked for


def _explained(error: Exception, config: IbmConfig) -> NotConnected:
    from qiskit_ibm_runtime.accounts import AccountNotFoundError
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    from_file = config.account is not None or not os.environ.get("QISKIT_IBM_TOKEN")
    if from_file and (unreadable := _unreadable_file()) is not None:
        return unreadable
    if isinstance(error, AccountNotFoundError):
        return _no_account(config)
    if isinstance(error, IBMInputValueError):
        return _wrong_instance(shown(error), config)
    status = status_of(error)
    if status in (400, 401):
        return NotConnected(
            f"IBM Cloud does not accept the API key (HTTP {status}: {_reason(error)}){_odd_key()}",
            subject="token",
            code=str(status),
            remedy=f"make a new key on {PLATFORM}, then save it: {SAVE_ACCOUNT}; a key in "
            "QISKIT_IBM_TOKEN is taken first",
        )
    if status == 403:
        return unauthorized("opening the service", 403, _reason(error))
    reason = _reason(error)
    if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in causes(error)):
        return NotConnected(
            f"IBM Quantum cannot be reached safely: {reason}",
            subject="service",
            remedy="a proxy between here and IBM shows a certificate of its own: set "
            "REQUESTS_CA_BUNDLE to the file with your organization's certificates",
        )
    if any(isinstance(one, ValueError) for one in causes(error)) and "char 0" in reason:
        return NotConnected(
            f"what answers is not IBM Quantum: no JSON came ({reason})",
            subject="service",
            remedy="log in to the network first if it has a login page, or check the proxy",
        )
    if is_unanswered(error) or status:
        return NotConnected(
            f"IBM Quantum cannot be reached: {reason}",
            subject="service",
            code=str(status or ""),
            remedy="check the network, proxies, and https://cloud.ibm.com/status, then try again",
        )
    return NotConnected(
        f"the IBM Quantum account cannot be opened: {type(error).__name__}: {shown(error)}",
        subject="account",
        remedy=f"save it again: {SAVE_ACCOUNT}",
    )


def accounts_file() -> Path:
    """Where the client saves accounts."""
    from qiskit_ibm_runtime.accounts import management

    return Path(management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE)


def _unreadable_file() -> NotConnected | None:
    """The error of a file of saved accounts that stops the client, and its own saving too."""
    file = accounts_file()
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        problem = "" if isinstance(document, dict) else "it holds no accounts"
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problem = shown(error)
    if not problem:
        return None
    return NotConnected(
        f"the file of saved IBM Quantum accounts, '{file}', cannot be read: {problem}",
        subject="account",
        remedy=f"move it away (mv '{file}' '{file}.broken'), then save the account again: "
        f"{SAVE_ACCOUNT}",
    )


def _no_account(config: IbmConfig) -> NotConnected:
    which = f"named '{config.account}' " if config.account else ""
    closed = _accounts_of_closed_channel()
    if closed:
        return NotConnected(
            f"the saved IBM Quantum account {', '.join(map(repr, closed))} is for the channel "
            "'ibm_quantum', which IBM has closed",
            subject="account",
            remedy=f"get an API key on {PLATFORM}, then save it: {SAVE_ACCOUNT}",
        )
    return NotConnected(
        f"no IBM Quantum account {which}is set up on this machine",
        subject="account",
        remedy=f"get an API key on {PLATFORM}, then save it: {SAVE_ACCOUNT}; or set "
        "QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE",
    )


def _accounts_of_closed_channel() -> list[str]:
    try:
        document = json.loads(accounts_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        shown(name)
        for name, account in document.items()
        if isinstance(account, dict) and account.get("channel") == "ibm_quantum"
    ]


def _wrong_instance(text: str, config: IbmConfig) -> NotConnected:
    if "No matching instances" in text:
        return NotConnected(
            "the IBM Quantum account has no service instance",
            subject="instance",
            remedy=f"create one (the open plan costs nothing) on {PLATFORM}/instances",
        )
    wanted = config.instance or os.environ.get("QISKIT_IBM_INSTANCE")
    which = f"'{shown(wanted)}'" if wanted else "that the saved account names"
    odd = ""
    if wanted and wanted != wanted.strip().strip("'\""):
        odd = ", which has blanks or quotes around it"
    elif wanted and not wanted.startswith("crn:") and wanted.count("/") == 2:
        odd = ", a hub/group/project of the platform that IBM has closed"
    return NotConnected(
        f"the IBM Quantum account cannot use the service instance {which}{odd}",
        subject="instance",
        remedy="set backend.ibm.instance or QISKIT_IBM_INSTANCE to the CRN of one of its own "
        f"({PLATFORM}/instances), or leave it out",
    )


def _odd_key() -> str:
    """What a look at the key tells, without showing it."""
    key = os.environ.get("QISKIT_IBM_TOKEN", "")
    if key and key != "".join(key.split()):
        return "; the key in QISKIT_IBM_TOKEN holds blanks or line breaks"
    if key and key != key.strip("'\""):
        return "; the key in QISKIT_IBM_TOKEN has quotes around it"
    return ""


def _reason(error: BaseException) -> str:
    """The deepest words that say something: the client's own are too general."""
    for one in causes(error)[1:]:
        if message := getattr(one, "message", None):
            return shown(message)
    return shown(causes(error)[-1])
